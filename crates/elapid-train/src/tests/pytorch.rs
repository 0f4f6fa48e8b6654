//! The optimiser, clipping, averaging and schedules against PyTorch's numbers (`tests/golden/trainer`).

use std::fs;
use std::path::Path;

use burn::module::{Module, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use serde::Deserialize;

use super::toy::config;
use crate::average::Average;
use crate::optim::Optimiser;
use crate::{Decay, ParamRule, Schedule, TrainConfig, clip_grad_norm};

const BATCH: usize = 5;

#[derive(Deserialize)]
struct Trajectory {
    total_steps: u64,
    warmup_steps: u64,
    lr: f64,
    warmup_lr: f64,
    min_lr: f64,
    betas: (f64, f64),
    eps: f64,
    weight_decay: f64,
    clip: f64,
    ema: f64,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    lr: f64,
    loss: f64,
    norm: f64,
    weights: Vec<f64>,
    average: Vec<f64>,
}

#[derive(Deserialize)]
struct Schedules {
    total_steps: u64,
    warmup_steps: u64,
    lr: f64,
    rates: std::collections::BTreeMap<String, Vec<f64>>,
}

fn golden<T: for<'de> Deserialize<'de>>(name: &str) -> T {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs the tests");
    let path = Path::new(&package)
        .join("../../tests/golden/trainer")
        .join(name);
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// The generator's numbers.
fn fill(count: u64, seed: u64) -> Vec<f32> {
    let number = |i: u64| ((7919 * (i + 1) + 104_729 * seed) % 2048) as f32 / 1024.0 - 1.0;
    (0..count).map(number).collect()
}

fn matrix<const R: usize, const C: usize>(seed: u64, device: &Device) -> Tensor<2> {
    let numbers = fill((R * C) as u64, seed);
    Tensor::<1>::from_floats(numbers.as_slice(), device).reshape([R, C])
}

#[derive(Module, Debug)]
struct Affine {
    weight: Param<Tensor<2>>,
    bias: Param<Tensor<1>>,
}

impl Affine {
    fn new(device: &Device) -> Self {
        let bias = fill(3, 1001);
        Self {
            weight: Param::from_tensor(matrix::<3, 4>(1000, device).require_grad()),
            bias: Param::from_tensor(Tensor::from_floats(bias.as_slice(), device).require_grad()),
        }
    }

    fn loss(&self, step: u64, device: &Device) -> Tensor<1> {
        let x = matrix::<BATCH, 4>(2 * step, device);
        let y = matrix::<BATCH, 3>(2 * step + 1, device) * 3.0;
        let found = x.matmul(self.weight.val().transpose()) + self.bias.val().unsqueeze();
        (found - y).square().mean()
    }

    fn numbers(&self) -> Vec<f64> {
        let weight = self
            .weight
            .val()
            .into_data()
            .iter::<f64>()
            .collect::<Vec<_>>();
        let bias = self
            .bias
            .val()
            .into_data()
            .iter::<f64>()
            .collect::<Vec<_>>();
        [weight, bias].concat()
    }
}

fn assert_close(found: f64, expected: f64, relative: f64, what: &str) {
    let bound = relative * expected.abs() + 0.1 * relative;
    assert!(
        (found - expected).abs() <= bound,
        "{what}: {found} is not {expected}"
    );
}

#[test]
fn twelve_steps_equal_pytorchs() {
    let golden: Trajectory = golden("trajectory.json");
    let settings = TrainConfig {
        betas: golden.betas,
        eps: golden.eps,
        weight_decay: golden.weight_decay,
        ..config(golden.total_steps)
    };
    let schedule = Schedule {
        lr: golden.lr,
        warmup_steps: golden.warmup_steps,
        warmup_lr: golden.warmup_lr,
        decay: Decay::Cosine {
            min_lr: golden.min_lr,
        },
    };
    let device = Device::flex().autodiff();
    let mut affine = Affine::new(&device);
    let rule = |id, decay| ParamRule {
        id,
        decay,
        lr_scale: 1.0,
    };
    let rules = [rule(affine.weight.id, true), rule(affine.bias.id, false)];
    let mut optimiser = Optimiser::new(&settings, &rules);
    let mut average = Average::new(&affine, golden.ema);
    for (step, expected) in (0..).zip(&golden.steps) {
        let at = |what: &str| format!("{what} of step {step}");
        let loss = affine.loss(step, &device);
        let mut gradients = GradientsParams::from_grads(loss.backward(), &affine);
        let norm = clip_grad_norm(&affine, &mut gradients, Some(golden.clip), &Device::flex());
        let lr = schedule.at(step, golden.total_steps);
        affine = optimiser.step(lr, affine, gradients);
        average = average.follow(&affine, step);
        assert_close(lr, expected.lr, 1e-12, &at("rate"));
        let loss = f64::from(loss.into_scalar::<f32>());
        assert_close(loss, expected.loss, 1e-5, &at("loss"));
        let norm = f64::from(norm.into_scalar::<f32>());
        assert_close(norm, expected.norm, 1e-5, &at("norm"));
        for (found, expected) in affine.numbers().into_iter().zip(&expected.weights) {
            assert_close(found, *expected, 1e-5, &at("a weight"));
        }
        for (found, expected) in average
            .module()
            .numbers()
            .into_iter()
            .zip(&expected.average)
        {
            assert_close(found, *expected, 1e-5, &at("an averaged weight"));
        }
    }
    assert_eq!(golden.steps.len(), 12);
}

#[test]
fn schedules_equal_pytorchs() {
    let golden: Schedules = golden("schedules.json");
    let decays = [
        ("constant", Decay::Constant),
        ("cosine", Decay::Cosine { min_lr: 0.01 }),
        (
            "linear",
            Decay::Polynomial {
                min_lr: 0.0,
                power: 1.0,
            },
        ),
        (
            "polynomial",
            Decay::Polynomial {
                min_lr: 0.0,
                power: 2.0,
            },
        ),
        (
            "step",
            Decay::Step {
                every: 7,
                gamma: 0.3,
            },
        ),
        (
            "one_cycle",
            Decay::OneCycle {
                rise: 0.3,
                div_factor: 25.0,
                final_div_factor: 1e4,
            },
        ),
    ];
    assert_eq!(golden.rates.len(), decays.len());
    for (name, decay) in decays {
        let warmup_steps = match decay {
            Decay::OneCycle { .. } => 0,
            _ => golden.warmup_steps,
        };
        let schedule = Schedule {
            lr: golden.lr,
            warmup_steps,
            warmup_lr: 0.1 * golden.lr,
            decay,
        };
        for (step, expected) in (0..).zip(&golden.rates[name]) {
            let found = schedule.at(step, golden.total_steps);
            assert_close(found, *expected, 1e-9, &format!("{name} at step {step}"));
        }
    }
}

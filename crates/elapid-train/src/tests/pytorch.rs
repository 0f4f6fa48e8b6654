//! Optimisers, clipping, averaging and schedules against PyTorch's numbers (`tests/golden/trainer`).

use std::fs;
use std::path::Path;
use std::sync::Arc;

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};
use serde::Deserialize;

use super::toy::config;
use crate::average::kept;
use crate::step::{Numbers, Operands, Recipe, Weights};
use crate::{
    Decay, Descent, Inputs, Measured, Method, Noise, Packer, Packing, ParamRule, Plateau, Schedule,
    StepKey, Tally, Task, TrainConfig,
};

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

fn matrix<const R: usize, const C: usize>(seed: u64, factor: f32) -> TensorData {
    let numbers = fill((R * C) as u64, seed);
    TensorData::new(numbers.iter().map(|x| factor * x).collect(), [R, C])
}

#[derive(Module, Debug)]
struct Affine {
    weight: Param<Tensor<2>>,
    bias: Param<Tensor<1>>,
}

struct Nothing;

impl Tally for Nothing {
    fn metrics(&self) -> Vec<Measured> {
        Vec::new()
    }

    fn is_finite(&self) -> bool {
        true
    }
}

/// Batches are steps: their numbers follow from those.
impl Task for Affine {
    type Batch = u64;
    type Tally = Nothing;

    fn packing(&self) -> Packing<u64> {
        Arc::new(|step| {
            let (x, y) = (2 * step, 2 * step + 1);
            vec![matrix::<BATCH, 4>(x, 1.0), matrix::<BATCH, 3>(y, 3.0)]
        })
    }

    fn loss(&self, inputs: &Inputs, _noise: &Noise) -> Tensor<1> {
        let (x, y) = (inputs.float::<2>(0), inputs.float::<2>(1));
        let found = x.matmul(self.weight.val().transpose()) + self.bias.val().unsqueeze();
        (found - y).square().mean()
    }

    fn tally(&self) -> Nothing {
        Nothing
    }

    fn observe(&self, _batch: &u64, _device: &Device, _tally: &mut Nothing) {}

    fn batch_len(_batch: &u64) -> usize {
        BATCH
    }

    fn split(batch: u64, _samples: usize) -> Vec<u64> {
        vec![batch]
    }
}

impl Affine {
    fn new(device: &Device) -> Self {
        let bias = fill(3, 1001);
        let weight = Tensor::<2>::from_data(matrix::<3, 4>(1000, 1.0), device);
        Self {
            weight: Param::from_tensor(weight.require_grad()),
            bias: Param::from_tensor(Tensor::from_floats(bias.as_slice(), device).require_grad()),
        }
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

fn follow(file: &str, method: impl Fn(&Trajectory) -> Method) {
    let golden: Trajectory = golden(file);
    let settings = TrainConfig {
        method: method(&golden),
        weight_decay: golden.weight_decay,
        grad_clip: Some(golden.clip),
        ema: Some(golden.ema),
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
    let affine = Affine::new(&device);
    let rule = |id, matrix| ParamRule {
        id,
        decay: matrix,
        lr_scale: 1.0,
        trained_from: 0,
        hidden_matrix: matrix,
        running: None,
    };
    let rules = [rule(affine.weight.id, true), rule(affine.bias.id, false)];
    let recipe = Recipe::new(&settings, &rules);
    let mut weights = Weights::new(affine, &settings, &device);
    let packer = Packer::new(&weights.task, 1, None);
    for (step, expected) in (0..).zip(&golden.steps) {
        let at = |what: &str| format!("{what} of step {step} in {file}");
        let lr = schedule.at(step, golden.total_steps);
        let numbers = Numbers {
            key: StepKey::new(0, step),
            table: recipe.numbers([lr, kept(golden.ema, step)], step, |step| step),
        };
        let operands = Operands::upload(packer.pack(step).whole(), &numbers, &device);
        let (new, made) = recipe.make(weights, &operands).unwrap();
        weights = new;
        assert_close(lr, expected.lr, 1e-12, &at("rate"));
        let loss = f64::from(made.loss.into_scalar::<f32>());
        assert_close(loss, expected.loss, 1e-5, &at("loss"));
        let norm = f64::from(made.grad_norm.into_scalar::<f32>());
        assert_close(norm, expected.norm, 1e-5, &at("norm"));
        let pairs = weights.task.numbers().into_iter().zip(&expected.weights);
        for (found, expected) in pairs {
            assert_close(found, *expected, 1e-5, &at("a weight"));
        }
        let average = weights.evaluated().numbers();
        for (found, expected) in average.into_iter().zip(&expected.average) {
            assert_close(found, *expected, 1e-5, &at("an averaged weight"));
        }
    }
    assert_eq!(golden.steps.len(), 12);
}

#[test]
fn steps_of_adamw_equal_pytorchs() {
    follow("trajectory.json", |golden| Method::AdamW {
        betas: golden.betas,
        eps: golden.eps,
    });
}

#[test]
fn steps_of_adam_equal_pytorchs() {
    follow("adam.json", |golden| Method::Adam {
        betas: golden.betas,
        eps: golden.eps,
    });
}

#[test]
fn steps_of_lion_equal_the_algorithm() {
    follow("lion.json", |golden| Method::Lion {
        betas: golden.betas,
    });
}

#[test]
fn steps_of_muon_equal_pytorchs() {
    follow("muon.json", |golden| Method::Muon {
        momentum: 0.95,
        betas: golden.betas,
        eps: golden.eps,
    });
}

#[derive(Deserialize)]
struct Falls {
    factor: f64,
    patience: u64,
    threshold: f64,
    min_lr: f64,
    max: Fall,
    min: Fall,
}

#[derive(Deserialize)]
struct Fall {
    metric: Vec<f64>,
    rates: Vec<f64>,
}

#[test]
fn falls_on_plateaus_equal_pytorchs() {
    let golden: Falls = golden("plateau.json");
    let plateau = Plateau {
        factor: golden.factor,
        patience: golden.patience,
        threshold: golden.threshold,
        min_lr: golden.min_lr,
    };
    for (higher_is_better, fall) in [(true, golden.max), (false, golden.min)] {
        let mut descent = Descent::default();
        for (value, expected) in fall.metric.into_iter().zip(fall.rates) {
            let measured = Measured {
                name: "m",
                value,
                higher_is_better,
            };
            plateau.observe(&mut descent, measured);
            assert_close(plateau.lowered(descent, 1.0), expected, 1e-12, "a rate");
        }
    }
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
                whole_run: false,
            },
        ),
        (
            "polynomial",
            Decay::Polynomial {
                min_lr: 0.0,
                power: 2.0,
                whole_run: false,
            },
        ),
        (
            "step",
            Decay::Step {
                first: 7,
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

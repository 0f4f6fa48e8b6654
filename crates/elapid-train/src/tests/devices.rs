//! Runs that several devices share.

use std::path::Path;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor};

use super::resume::lines;
use super::toy::*;
use crate::step::{Engine, Numbers, Recipe, Weights};
use crate::{
    BoxError, Ending, Method, MicroBatch, Packer, ParamRule, RunDir, Sources, StepKey, Task,
    TestWeights, TrainConfig, Trainer,
};

const STEPS: u64 = 30;

fn settings() -> TrainConfig {
    TrainConfig {
        test_weights: TestWeights::Last,
        log_every: 1,
        ..config(STEPS)
    }
}

/// Train sources with batches of 16, 2, 5 and 11 samples by turns.
fn uneven() -> Sources<Points> {
    sources_with(|number, points| Ok(first(points, [16, 2, 5, 11][number % 4])))
}

fn first(points: Points, samples: usize) -> Points {
    Toy::split(points, samples).swap_remove(0)
}

/// The trainer with so many devices in all.
fn on(devices: usize, trainer: Trainer<Toy>) -> Trainer<Toy> {
    trainer.shared_with((1..devices).map(|_| Device::flex()))
}

fn curve(dir: &Path, name: &str) -> Vec<f64> {
    let lines = lines(dir).into_iter();
    let lines = lines.map(|line| serde_json::from_str::<serde_json::Value>(&line).unwrap());
    let lines = lines.filter(|line| line["split"] == "train" && line["name"] == name);
    lines.filter_map(|line| line["value"].as_f64()).collect()
}

/// Trains in `dir/name` on so many devices.
fn trained(
    dir: &Path,
    name: &str,
    devices: usize,
    config: TrainConfig,
    sources: Sources<Points>,
    toy: Toy,
) -> std::path::PathBuf {
    let dir = dir.join(name);
    on(devices, new_trainer(&dir, config, sources))
        .fit(toy)
        .unwrap();
    dir
}

fn assert_same_curves(found: &Path, expected: &Path, steps: usize) {
    for name in ["loss", "grad_norm"] {
        let (found, expected) = (curve(found, name), curve(expected, name));
        assert_eq!((found.len(), expected.len()), (steps, steps));
        for (step, (found, expected)) in found.iter().zip(&expected).enumerate() {
            let off = (found - expected).abs();
            assert!(off < 1e-6, "{name} of step {step}: {found}, not {expected}");
        }
    }
}

#[test]
fn losses_are_those_of_one_device() {
    let temp = tempfile::tempdir().unwrap();
    for (kind, sources) in [("even", sources as fn() -> _), ("uneven", uneven)] {
        let name = |devices: usize| format!("{kind}-{devices}");
        let train = |devices| {
            let toy = toy().quiet();
            trained(
                temp.path(),
                &name(devices),
                devices,
                settings(),
                sources(),
                toy,
            )
        };
        let expected = train(1);
        for devices in [2, 3, 5] {
            assert_same_curves(&train(devices), &expected, STEPS as usize);
        }
    }
}

#[test]
fn shares_draw_the_noise_of_parts() {
    let temp = tempfile::tempdir().unwrap();
    let expected = TrainConfig {
        micro_batch: MicroBatch::Of(8),
        ..settings()
    };
    let expected = trained(temp.path(), "one", 1, expected, sources(), toy());
    let found = trained(temp.path(), "two", 2, settings(), sources(), toy());
    assert_same_curves(&found, &expected, STEPS as usize);
    let quiet = trained(
        temp.path(),
        "quiet",
        2,
        settings(),
        sources(),
        toy().quiet(),
    );
    assert_ne!(curve(&quiet, "loss"), curve(&found, "loss"));
}

/// Everything that a step can do, and the hidden layer's weights, which join in at step 10.
fn everything() -> (TrainConfig, fn(&Toy) -> Vec<ParamRule>) {
    let config = TrainConfig {
        micro_batch: MicroBatch::Of(4),
        ema: Some(0.8),
        grad_clip: Some(0.05),
        loss_scaling: true,
        method: Method::Muon {
            momentum: 0.9,
            betas: (0.9, 0.99),
            eps: 1e-8,
        },
        ..settings()
    };
    let rules = |toy: &Toy| {
        let mut rules = toy.rules();
        rules[0].trained_from = u64::MAX;
        rules[1].trained_from = 10;
        rules
    };
    (config, rules)
}

#[test]
fn accumulation_average_clipping_scaling_and_freezing_work_together() {
    let temp = tempfile::tempdir().unwrap();
    let train = |name: &str, devices| {
        let dir = temp.path().join(name);
        let (config, rules) = everything();
        let trainer = new_trainer(&dir, config, sources()).with_rules(rules);
        on(devices, trainer).fit(toy()).unwrap();
        dir
    };
    let expected = train("one", 1);
    assert_same_curves(&train("two", 2), &expected, STEPS as usize);
    assert_same_curves(&train("four", 4), &expected, STEPS as usize);
}

/// All bytes of a checkpoint's task: weights and average.
fn ending(dir: &Path) -> Vec<Vec<u8>> {
    let checkpoints = RunDir::open(dir).unwrap().checkpoints();
    let last = checkpoints.latest().unwrap().checkpoint;
    let mut bytes = bytes(&last.load_trained(toy()).unwrap());
    bytes.extend(self::bytes(&last.load_model(toy()).unwrap()));
    bytes
}

fn bytes<M: Module>(module: &M) -> Vec<Vec<u8>> {
    struct Bytes(Vec<Vec<u8>>);
    impl ModuleVisitor for Bytes {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.0.push(param.val().into_data().as_bytes().to_vec());
        }
    }
    let mut bytes = Bytes(Vec::new());
    module.visit(&mut bytes);
    bytes.0
}

#[test]
fn stopped_and_resumed_run_of_two_is_the_same_bit_for_bit() {
    let temp = tempfile::tempdir().unwrap();
    let start = |name: &str, sources| {
        let dir = temp.path().join(name);
        let (config, rules) = everything();
        let trainer = new_trainer(&dir, config, sources).with_rules(rules);
        (dir, on(2, trainer))
    };
    let (expected, through) = start("through", uneven());
    through.fit(toy()).unwrap();
    for number in [6, 12] {
        let (sources, stop) = stopping(uneven(), number);
        let (dir, trainer) = start(&format!("stopped-{number}"), sources);
        let outcome = trainer.stop_on(stop).fit(toy()).unwrap();
        assert_eq!(outcome.ending, Ending::Interrupted(15));
        let (config, rules) = everything();
        let trainer = old_trainer_on(&dir, config, uneven()).with_rules(rules);
        on(2, trainer).resume(toy()).unwrap();
        assert_eq!(lines(&dir), lines(&expected));
        assert_eq!(ending(&dir), ending(&expected));
    }
}

#[test]
fn a_batch_that_overflows_in_one_share_is_left_out_by_all() {
    let flawed = |number, mut points: Points| -> Result<Points, BoxError> {
        if number == 12 {
            // In the second device's share.
            points.inputs[30] = f32::MAX;
            points.inputs[31] = f32::MAX;
        }
        Ok(points)
    };
    let temp = tempfile::tempdir().unwrap();
    let skipping = TrainConfig {
        max_skips: 2,
        log_every: 4,
        ..settings()
    };
    let train = |name: &str, devices| {
        let sources = sources_with(flawed);
        let toy = toy().quiet();
        trained(temp.path(), name, devices, skipping.clone(), sources, toy)
    };
    let (expected, found) = (train("one", 1), train("two", 2));
    assert_same_curves(&found, &expected, curve(&expected, "loss").len());
    let log = std::fs::read_to_string(found.join("log.txt")).unwrap();
    assert!(log.contains("step 13 is not finite"), "{log}");
}

#[test]
fn all_devices_hold_the_same_weights() {
    let config = settings();
    let device = Device::flex().autodiff();
    let weights = Weights::new(toy(), &config, &device);
    let rules = weights.task.rules();
    let recipe = Recipe::new(&config, &rules);
    let devices = vec![device; 3];
    let (mut engine, mut weights) = Engine::new(recipe, devices, &config, weights).unwrap();
    let before = bytes(&weights.task);
    let packer = Packer::new(&weights.task, 3, None);
    for (step, batch) in (0..8).zip(uneven().train.packed_from(0, packer)) {
        let numbers = Numbers {
            key: StepKey::new(1, step),
            table: engine.recipe().numbers([0.1, 0.0], step, |step| step),
        };
        let operands = engine.upload(batch.unwrap(), &numbers);
        (weights, _) = engine.step(weights, operands).unwrap();
    }
    let Engine::Together(team) = &engine else {
        panic!("three devices are a team");
    };
    let first = bytes(&weights.task);
    assert_ne!(first, before);
    assert_eq!(team.others().len(), 2);
    for other in team.others() {
        assert_eq!(bytes(&other.task), first);
        assert_eq!(bytes(&other.moments[1]), bytes(&weights.moments[1]));
    }
}

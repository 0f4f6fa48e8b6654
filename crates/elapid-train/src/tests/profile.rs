//! Steps that are timed.

use std::cell::RefCell;

use burn::tensor::Device;

use super::toy::{BATCH, Toy, config, sources, sources_with, toy};
use crate::step::{Operands, Phase};
use crate::{MicroBatch, Setup, TrainConfig, TrainError, TrainSource, profile};

/// Does `with` something to a setup of the toy.
fn set_up<R>(
    config: &TrainConfig,
    source: &dyn TrainSource<super::toy::Points>,
    with: impl FnOnce(&Setup<'_, Toy>) -> R,
) -> R {
    with(&Setup {
        config,
        device: &Device::flex(),
        source,
        rules: &Toy::rules,
    })
}

#[test]
fn phases_add_up_to_the_step() {
    let parted = TrainConfig {
        micro_batch: MicroBatch::Of(5),
        ema: Some(0.9),
        ..config(1)
    };
    let found = set_up(&parted, sources().train.as_ref(), |setup| {
        profile(toy(), setup, 7).unwrap()
    });
    assert_eq!((found.steps, found.samples, found.parts), (7, BATCH, 4));
    let phases = found.phases;
    let parts = [
        phases.data,
        phases.upload,
        phases.forward,
        phases.backward,
        phases.optimiser,
    ];
    let sum: f64 = parts.iter().map(|spread| spread.mean).sum();
    assert!((sum - phases.sum.mean).abs() < 1e-9 * sum);
    for spread in parts.into_iter().chain([phases.sum, found.trained.step]) {
        assert!(0.0 < spread.min, "{spread:?}");
        assert!(spread.min <= spread.mean && spread.mean <= spread.max * (1.0 + 1e-12));
    }
    assert!(found.trained.data.mean < found.trained.step.mean);
    assert!(!found.trained.recorded, "the CPU records nothing");
    let per_s = 1e3 * BATCH as f64 / found.trained.step.mean;
    assert_eq!(found.samples_per_s(), per_s);
}

#[test]
fn watching_a_step_changes_nothing() {
    let config = TrainConfig {
        micro_batch: MicroBatch::Of(8),
        ..config(3)
    };
    let source = sources().train;
    set_up(&config, source.as_ref(), |setup| {
        let trial = setup.trial(toy());
        let batch = setup.packed(&trial.weights.task).next().unwrap().unwrap();
        let numbers = setup.numbers(&trial.recipe, 0);
        let operands = Operands::upload(batch.whole(), &numbers, &trial.device);
        let seen = RefCell::new(Vec::new());
        let watched = trial
            .recipe
            .make_watched(trial.weights.clone(), &operands, |phase| {
                seen.borrow_mut().push(phase);
            });
        let plain = trial.recipe.make(trial.weights, &operands);
        let (watched, plain) = (watched.unwrap().1, plain.unwrap().1);
        assert_eq!(watched.read().unwrap(), plain.read().unwrap());
        use Phase::{Backward, Forward, Optimiser};
        let order = [Forward, Backward, Forward, Backward, Optimiser];
        assert_eq!(seen.into_inner(), order);
    });
}

#[test]
fn a_bad_batch_is_named() {
    let flawed = sources_with(|number, points| match number {
        1 => Err("no such image".into()),
        _ => Ok(points),
    });
    let error = set_up(&config(1), flawed.train.as_ref(), |setup| {
        profile(toy(), setup, 3).unwrap_err()
    });
    assert!(
        matches!(error, TrainError::Data { batch: 1, .. }),
        "{error}"
    );
}

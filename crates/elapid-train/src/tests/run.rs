//! What a run leaves behind, and how it ends.

use std::fs;
use std::path::Path;
use std::time::Duration;

use burn::module::Module;
use burn::tensor::Device;
use serde_json::Value;

use super::toy::*;
use crate::checkpoint::load_model;
use crate::step::{Numbers, Operands, gradients};
use crate::{
    Ending, LrRange, Packer, RunDir, StepKey, TestWeights, TrainConfig, TrainError, evaluate,
};

/// All values of a metric.
fn curve(dir: &Path, split: &str, name: &str) -> Vec<(u64, Option<f64>)> {
    let text = fs::read_to_string(dir.join("metrics.jsonl")).unwrap();
    text.lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|line| line["split"] == split && line["name"] == name)
        .map(|line| (line["step"].as_u64().unwrap(), line["value"].as_f64()))
        .collect()
}

fn status(dir: &Path) -> String {
    let manifest = RunDir::open(dir).unwrap().manifest().unwrap();
    manifest["status"].as_str().unwrap().to_owned()
}

#[test]
fn training_succeeds_and_leaves_everything_behind() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("run");
    let outcome = new_trainer(&dir, config(120), sources())
        .fit(toy())
        .unwrap();
    assert_eq!(outcome.ending, Ending::Finished);
    assert_eq!(outcome.steps, 120);
    assert_eq!(outcome.metrics[0].name, "accuracy");
    assert!(
        outcome.metrics[0].value > 0.85,
        "{}",
        outcome.metrics[0].value
    );

    let losses = curve(&dir, "train", "loss");
    assert_eq!(losses.len(), 30);
    assert_eq!(losses[0].0, 4);
    assert!(losses[29].1.unwrap() < 0.4 * losses[0].1.unwrap());
    for name in ["lr", "grad_norm", "step_ms", "samples_per_s", "data_wait"] {
        assert_eq!(curve(&dir, "train", name).len(), 30, "{name}");
    }
    // Every 7 steps and at the end.
    assert_eq!(curve(&dir, "valid", "accuracy").len(), 18);
    let tested = curve(&dir, "test", "accuracy");
    assert_eq!(tested, [(120, Some(outcome.metrics[0].value))]);

    assert_eq!(status(&dir), "finished");
    let manifest = RunDir::open(&dir).unwrap().manifest().unwrap();
    assert_eq!(manifest["steps"], 120);
    assert_eq!(manifest["parameters"], 2 * 8 + 8 + 8 * 4 + 4);
    let confusion = fs::read_to_string(dir.join("confusion.json")).unwrap();
    let confusion: Value = serde_json::from_str(&confusion).unwrap();
    assert_eq!(confusion["counts"].as_array().unwrap().len(), 4);
    assert!(
        fs::read_to_string(dir.join("report.html"))
            .unwrap()
            .contains("Accuracy")
    );
    let report = fs::read_to_string(dir.join("report.html")).unwrap();
    assert!(report.contains("Right of each quadrant"));
    assert!(
        fs::read_to_string(dir.join("log.txt"))
            .unwrap()
            .contains("valid at step 7:")
    );
}

#[test]
fn patience_ends_a_run() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("run");
    let patient = || TrainConfig {
        patience: Some(3),
        ..config(4000)
    };
    let outcome = new_trainer(&dir, patient(), sources()).fit(toy()).unwrap();
    assert_eq!(outcome.ending, Ending::Finished);
    assert!(outcome.steps < 4000, "{}", outcome.steps);

    let valid = curve(&dir, "valid", "accuracy");
    let values: Vec<f64> = valid.iter().map(|(_, value)| value.unwrap()).collect();
    let best = values.iter().copied().fold(0.0, f64::max);
    let first_best = values.iter().position(|value| *value == best).unwrap();
    assert_eq!(values.len(), first_best + 1 + 3);
    assert_eq!(valid.last().unwrap().0, outcome.steps);
    // Nothing that was trained goes unlogged, and the run is told as long as it was.
    assert_eq!(
        curve(&dir, "train", "loss").last().unwrap().0,
        outcome.steps
    );
    let manifest = RunDir::open(&dir).unwrap().manifest().unwrap();
    assert_eq!(manifest["steps"], outcome.steps);
    assert_eq!(status(&dir), "finished");
    assert!(
        dir.join(format!("checkpoints/step-{}", outcome.steps))
            .is_dir()
    );

    // Resumed, it is over already.
    let again = old_trainer(&dir, patient()).resume(toy()).unwrap();
    assert_eq!(again, outcome);
}

#[test]
fn test_uses_the_best_weights() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("run");
    let outcome = new_trainer(&dir, config(60), sources()).fit(toy()).unwrap();

    let valid = curve(&dir, "valid", "accuracy");
    let best = valid
        .iter()
        .map(|(_, value)| value.unwrap())
        .fold(0.0, f64::max);
    let first_best = valid
        .iter()
        .find(|(_, value)| *value == Some(best))
        .unwrap()
        .0;
    let checkpoints = RunDir::open(&dir).unwrap().checkpoints();
    let checkpoint = checkpoints.best().unwrap().unwrap();
    assert_eq!(checkpoint.state().step, first_best);
    // The last two by number, and the best.
    assert!(checkpoints.steps().unwrap().len() <= 3);

    let task = load_model(toy(), checkpoint.path()).unwrap();
    let test = sources().test.unwrap();
    let again = evaluate(&task, test.as_ref(), &Device::flex()).unwrap();
    assert_eq!(again.metrics, outcome.metrics);
    assert_eq!(again.samples, 2 * BATCH as u64);
}

#[test]
fn as_many_of_the_best_are_kept_as_asked_for() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("run");
    let mut config = config(60);
    (config.keep_best, config.keep_last) = (3, 1);
    new_trainer(&dir, config, sources()).fit(toy()).unwrap();

    let mut valid = curve(&dir, "valid", "accuracy");
    // Stable: of equals, the earlier one.
    valid.sort_by(|a, b| b.1.unwrap().total_cmp(&a.1.unwrap()));
    let mut expected: Vec<u64> = valid[..3].iter().map(|(step, _)| *step).collect();
    let checkpoints = RunDir::open(&dir).unwrap().checkpoints();
    let best = checkpoints.best().unwrap().unwrap();
    assert_eq!(best.state().step, expected[0]);
    expected.push(60);
    expected.sort_unstable();
    expected.dedup();
    assert_eq!(checkpoints.steps().unwrap(), expected);
}

#[test]
fn run_without_validation_tests_the_last_weights() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("run");
    let mut sources = sources();
    sources.valid = None;
    let outcome = new_trainer(&dir, config(10), sources).fit(toy()).unwrap();
    assert_eq!(outcome.metrics.len(), 1);
    assert_eq!(curve(&dir, "test", "accuracy").len(), 1);
    let checkpoints = RunDir::open(&dir).unwrap().checkpoints();
    assert!(checkpoints.best().unwrap().is_none());
    assert_eq!(checkpoints.steps().unwrap(), [5, 10]);
}

#[test]
fn divergence_stops_the_run_and_keeps_the_last_good_checkpoint() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("run");
    let sources = sources_with(|number, points| match number {
        10 => Ok(overflowing(points)),
        _ => Ok(points),
    });
    let error = new_trainer(&dir, config(30), sources)
        .fit(toy())
        .unwrap_err();
    let checkpoints = RunDir::open(&dir).unwrap().checkpoints();
    match error {
        TrainError::NonFinite {
            step, checkpoint, ..
        } => {
            assert_eq!(step, 11);
            assert_eq!(checkpoint.unwrap(), checkpoints.path(10));
        }
        other => panic!("{other}"),
    }
    assert_eq!(checkpoints.latest().unwrap().checkpoint.state().step, 10);
    assert_eq!(curve(&dir, "train", "loss").last().unwrap(), &(12, None));
    assert_eq!(status(&dir), "failed");
    assert!(
        fs::read_to_string(dir.join("log.txt"))
            .unwrap()
            .contains("not finite")
    );
}

#[test]
fn one_batch_with_a_number_that_is_none_costs_its_step_alone() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("run");
    let sources = sources_with(|number, mut points| {
        if number == 10 {
            points.inputs[3] = f32::NAN;
        }
        Ok(points)
    });
    let outcome = new_trainer(&dir, lenient(30), sources).fit(toy()).unwrap();
    assert_eq!((outcome.ending, outcome.steps), (Ending::Finished, 30));
    let log = fs::read_to_string(dir.join("log.txt")).unwrap();
    assert!(log.contains("of step 11 is not finite"), "{log}");
    let mut finite = curve(&dir, "train", "loss").into_iter();
    assert!(finite.all(|(_, loss)| loss.is_some()));
}

/// Settings that leave out up to two steps.
fn lenient(total_steps: u64) -> TrainConfig {
    TrainConfig {
        max_skips: 2,
        ..config(total_steps)
    }
}

#[test]
fn bad_step_is_left_out() {
    let temp = tempfile::tempdir().unwrap();
    // Before the first checkpoint, and two behind each other between checkpoints.
    let early = sources_with(|number, points| match number {
        2 => Ok(overflowing(points)),
        _ => Ok(points),
    });
    let late = sources_with(|number, points| match number {
        12 | 13 => Ok(overflowing(points)),
        _ => Ok(points),
    });
    for (first, sources) in [(2, early), (12, late)] {
        let dir = temp.path().join(format!("run-{first}"));
        let outcome = new_trainer(&dir, lenient(30), sources).fit(toy()).unwrap();
        assert_eq!(outcome.ending, Ending::Finished);
        let losses = curve(&dir, "train", "loss");
        assert!(losses.iter().all(|(_, loss)| loss.is_some()));
        let log = fs::read_to_string(dir.join("log.txt")).unwrap();
        let named = format!("step {} is not finite", first + 1);
        assert_eq!(log.matches(&named).count(), 1);
        let last = RunDir::open(&dir).unwrap().checkpoints().latest().unwrap();
        assert!(last.checkpoint.state().recovery.skips(first));
    }
}

#[test]
fn lasting_divergence_lowers_the_rate_and_then_ends_the_run() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("run");
    let sources = sources_with(|number, points| match number >= 12 {
        true => Ok(overflowing(points)),
        false => Ok(points),
    });
    let error = new_trainer(&dir, lenient(30), sources)
        .fit(toy())
        .unwrap_err();
    assert!(matches!(error, TrainError::NonFinite { .. }), "{error}");
    assert_eq!(status(&dir), "failed");
    let log = fs::read_to_string(dir.join("log.txt")).unwrap();
    assert_eq!(log.matches("half the learning rate").count(), 3);
    let kept = RunDir::open(&dir).unwrap().checkpoints();
    // Good weights are left, from before the steps that were bad at every rate.
    let latest = kept.latest().unwrap().checkpoint;
    assert!((10..=14).contains(&latest.state().step));
    assert!(kept.best().unwrap().is_some());
}

#[test]
fn failing_data_names_split_and_batch() {
    let temp = tempfile::tempdir().unwrap();
    let sources = sources_with(|number, points| match number {
        3 => Err("image 48 is torn".into()),
        _ => Ok(points),
    });
    let trainer = new_trainer(&temp.path().join("run"), config(30), sources);
    let message = trainer.fit(toy()).unwrap_err().to_string();
    assert_eq!(
        message,
        "cannot make batch 3 of the train data: image 48 is torn"
    );
}

#[test]
fn misspelt_metric_is_refused_before_the_first_step() {
    let temp = tempfile::tempdir().unwrap();
    let mut config = config(30);
    config.best_metric = "acuracy".to_owned();
    let trainer = new_trainer(&temp.path().join("run"), config, sources());
    let message = trainer.fit(toy()).unwrap_err().to_string();
    assert_eq!(
        message,
        "no metric is named `acuracy`; this task has accuracy"
    );
}

#[test]
fn frozen_task_is_refused() {
    let temp = tempfile::tempdir().unwrap();
    let trainer = new_trainer(&temp.path().join("run"), config(30), sources());
    let error = trainer.fit(toy().no_grad()).unwrap_err();
    assert!(matches!(error, TrainError::NothingToTrain), "{error}");
}

#[test]
fn task_on_the_plain_device_is_trained_as_well() {
    let temp = tempfile::tempdir().unwrap();
    let mut config = config(60);
    config.test_weights = TestWeights::Last;
    let dirs = ["plain", "autodiff"].map(|name| temp.path().join(name));
    let plain = new_trainer(&dirs[0], config.clone(), sources());
    let autodiff = new_trainer(&dirs[1], config, sources());
    plain.fit(Toy::new(&Device::flex())).unwrap();
    autodiff.fit(toy()).unwrap();
    let losses = dirs.map(|dir| curve(&dir, "train", "loss"));
    assert_eq!(losses[0], losses[1]);
}

#[test]
fn unwritable_checkpoints_are_a_warning_until_the_last() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("run");
    let sources = sources_with(|number, points| {
        // The directory goes away under the running process, and comes back as a file.
        if number == 3 {
            let dir = RUN.with(|run| run.borrow().clone()).join("checkpoints");
            fs::remove_dir_all(&dir)?;
            fs::write(&dir, "")?;
        }
        Ok(points)
    });
    RUN.with(|run| run.replace(dir.clone()));
    let error = new_trainer(&dir, config(12), sources)
        .fit(toy())
        .unwrap_err();
    assert!(matches!(error, TrainError::Checkpoint(_)), "{error}");
    assert!(error.to_string().contains("step-12"), "{error}");
    let log = fs::read_to_string(dir.join("log.txt")).unwrap();
    assert_eq!(log.matches("training goes on").count(), 3, "{log}");
    assert_eq!(curve(&dir, "train", "loss").len(), 3);
}

std::thread_local! {
    /// The run that a source is to damage. Batches are made on the thread that trains.
    static RUN: std::cell::RefCell<std::path::PathBuf> = Default::default();
}

#[test]
fn parts_of_a_batch_give_the_step_of_the_whole() {
    let device = Device::flex().autodiff();
    let toy = toy().quiet();
    let weight = toy.rules()[1].id;
    let batch = sources().train.iter_from(3).next().unwrap().unwrap();
    let gradients = |micro_batch| {
        let batch = batch.clone();
        let numbers = Numbers {
            key: StepKey::new(1, 2),
            table: Vec::new(),
        };
        let packed = Packer::new(&toy, 1, micro_batch).pack(batch);
        let operands = Operands::upload(packed.whole(), &numbers, &device);
        let (loss, gradients) = gradients(&toy, &operands, None, &mut |_| {}).unwrap();
        let numbers = gradients.get::<2>(weight).unwrap();
        (
            loss.into_scalar::<f32>(),
            numbers.try_into_vec_as::<f32>().unwrap(),
        )
    };
    let (expected_loss, expected) = gradients(None);
    assert!(expected.iter().any(|x| x.abs() > 1e-2));
    // 5 does not divide the batch: the parts count by their sizes.
    for micro_batch in [1, 4, 5, 8] {
        let (loss, found) = gradients(Some(micro_batch));
        assert!((loss - expected_loss).abs() < 1e-6);
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
        }
    }
}

#[test]
fn time_that_is_up_ends_the_run_with_a_checkpoint() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("run");
    let hurried = TrainConfig {
        max_duration: Some(Duration::ZERO),
        ..config(12)
    };
    let outcome = new_trainer(&dir, hurried, sources()).fit(toy()).unwrap();
    assert_eq!((outcome.ending, outcome.steps), (Ending::TimeUp, 0));
    assert_eq!(status(&dir), "interrupted");
    let outcome = old_trainer(&dir, config(12)).resume(toy()).unwrap();
    assert_eq!((outcome.ending, outcome.steps), (Ending::Finished, 12));
}

#[test]
fn range_test_reaches_both_ends() {
    let dir = tempfile::tempdir().unwrap();
    let trainer = new_trainer(&dir.path().join("run"), config(5), sources());
    let range = LrRange {
        first: 1e-7,
        last: 1e-3,
        steps: 20,
    };
    let curve = trainer.find_lr(toy(), range).unwrap();
    let lrs: Vec<f64> = curve.points().iter().map(|point| point.lr).collect();
    assert_eq!((lrs.len(), lrs[0]), (20, 1e-7));
    assert!((lrs[19] / 1e-3 - 1.0).abs() < 1e-12);
    curve.write(dir.path(), "toy").unwrap();
    let csv = fs::read_to_string(dir.path().join("lr_find.csv")).unwrap();
    assert_eq!(csv.lines().count(), 21);
    let page = fs::read_to_string(dir.path().join("lr_find.html")).unwrap();
    assert!(page.contains("<svg") && page.contains(">1e-5</text>"));
}

//! Stopping, killing and resuming.

use std::fs;
use std::path::Path;

use burn::module::Module;

use super::toy::*;
use crate::checkpoint::{Checkpoint, CheckpointError, Checkpoints};
use crate::{Decay, Ending, Method, NotFinite, Plateau, RunDir, TrainConfig, TrainError};

const STEPS: u64 = 30;

fn checkpoints(dir: &Path) -> Checkpoints {
    RunDir::open(dir).unwrap().checkpoints()
}

/// The lines of a run, without those that tell the time.
pub(super) fn lines(dir: &Path) -> Vec<String> {
    let text = fs::read_to_string(dir.join("metrics.jsonl")).unwrap();
    text.lines()
        .filter(|line| {
            let clocks = ["step_ms", "samples_per_s", "data_wait"];
            !clocks.iter().any(|clock| line.contains(clock))
        })
        .map(str::to_owned)
        .collect()
}

/// The losses of the training log.
fn losses(dir: &Path) -> Vec<f64> {
    let lines = lines(dir).into_iter();
    let lines = lines.map(|line| serde_json::from_str::<serde_json::Value>(&line).unwrap());
    let losses = lines.filter(|line| line["split"] == "train" && line["name"] == "loss");
    losses.filter_map(|line| line["value"].as_f64()).collect()
}

/// All weights of the last checkpoint, byte for byte, and the step of the best one.
fn ending(dir: &Path) -> (Vec<Vec<u8>>, String) {
    let checkpoint = checkpoints(dir).latest().unwrap().checkpoint;
    let mut weights = Weights::default();
    for load in [Checkpoint::load_trained, Checkpoint::load_model] {
        load(&checkpoint, toy()).unwrap().visit(&mut weights);
    }
    let best = fs::read_to_string(dir.join("checkpoints/best")).unwrap();
    (weights.0, best)
}

#[derive(Default)]
struct Weights(Vec<Vec<u8>>);

impl burn::module::ModuleVisitor for Weights {
    fn visit_float<const D: usize>(
        &mut self,
        param: &burn::module::Param<burn::tensor::Tensor<D>>,
    ) {
        self.0.push(param.val().into_data().as_bytes().to_vec());
    }
}

/// A run that nothing interrupted.
fn through(dir: &Path) {
    new_trainer(dir, config(STEPS), sources())
        .fit(toy())
        .unwrap();
}

fn assert_same(found: &Path, expected: &Path) {
    assert_eq!(lines(found), lines(expected));
    assert_eq!(ending(found), ending(expected));
    let confusion = |dir: &Path| fs::read(dir.join("confusion.json")).unwrap();
    assert_eq!(confusion(found), confusion(expected));
}

/// Runs until batch `number` was asked for, and returns the step of the checkpoint.
fn stopped_at(dir: &Path, number: usize) -> u64 {
    let (sources, stop) = sources_stopping_at(number);
    let outcome = new_trainer(dir, config(STEPS), sources)
        .stop_on(stop)
        .fit(toy())
        .unwrap();
    assert_eq!(outcome.ending, Ending::Interrupted(15));
    outcome.steps
}

#[test]
fn stopped_and_resumed_run_equals_one_that_went_through() {
    let temp = tempfile::tempdir().unwrap();
    let expected = temp.path().join("through");
    through(&expected);
    // Between two lines of the log, at a checkpoint, at an evaluation, before the last step, and
    // during it, when only the test is left.
    for (number, step) in [(12, 13), (9, 10), (6, 7), (28, 29), (29, 30)] {
        let dir = temp.path().join(format!("stopped-{number}"));
        assert_eq!(stopped_at(&dir, number), step);
        let status = RunDir::open(&dir).unwrap().manifest().unwrap()["status"].clone();
        assert_eq!(status, "interrupted");
        assert_eq!(
            checkpoints(&dir).latest().unwrap().checkpoint.state().step,
            step
        );

        let outcome = old_trainer(&dir, config(STEPS)).resume(toy()).unwrap();
        assert_eq!(outcome.ending, Ending::Finished);
        assert_same(&dir, &expected);
    }
}

#[test]
fn averaged_weights_are_resumed_too() {
    let temp = tempfile::tempdir().unwrap();
    let averaged = || TrainConfig {
        ema: Some(0.8),
        ..config(STEPS)
    };
    let expected = temp.path().join("through");
    new_trainer(&expected, averaged(), sources())
        .fit(toy())
        .unwrap();
    let dir = temp.path().join("stopped");
    let (stopping, stop) = sources_stopping_at(12);
    new_trainer(&dir, averaged(), stopping)
        .stop_on(stop)
        .fit(toy())
        .unwrap();
    old_trainer(&dir, averaged()).resume(toy()).unwrap();
    assert_same(&dir, &expected);

    // What is evaluated is the average, and not what is trained.
    let last = checkpoints(&dir).latest().unwrap().checkpoint;
    let values = |task| {
        let mut weights = Weights::default();
        Module::visit(&task, &mut weights);
        weights.0
    };
    let trained = values(last.load_trained(toy()).unwrap());
    let evaluated = values(last.load_model(toy()).unwrap());
    assert_ne!(trained, evaluated);
}

#[test]
fn every_optimiser_learns_and_resumes() {
    let methods = [
        Method::Adam {
            betas: (0.9, 0.99),
            eps: 1e-8,
        },
        Method::Lion { betas: (0.9, 0.99) },
        Method::Muon {
            momentum: 0.95,
            betas: (0.9, 0.99),
            eps: 1e-8,
        },
    ];
    for method in methods {
        let mut config = config(STEPS);
        (config.method, config.schedule.lr) = (method, 0.01);
        let temp = tempfile::tempdir().unwrap();
        let expected = temp.path().join("through");
        new_trainer(&expected, config.clone(), sources())
            .fit(toy())
            .unwrap();
        let dir = temp.path().join("stopped");
        let (sources, stop) = sources_stopping_at(13);
        let stopped = new_trainer(&dir, config.clone(), sources).stop_on(stop);
        stopped.fit(toy()).unwrap();
        old_trainer(&dir, config).resume(toy()).unwrap();
        assert_same(&dir, &expected);
        let losses = losses(&expected);
        assert!(
            losses.last() < losses.first(),
            "{method:?} does not learn: {losses:?}"
        );
    }
}

/// Weights of the last checkpoint, in the order of the toy's rules.
fn trained(dir: &Path) -> Vec<Vec<u8>> {
    let latest = checkpoints(dir).latest().unwrap().checkpoint;
    let mut weights = Weights::default();
    latest.load_trained(toy()).unwrap().visit(&mut weights);
    weights.0
}

/// A run whose hidden layer is trained from step `from`; it stops before batch `at`, if it is told to, and is resumed.
fn thawing(dir: &Path, steps: u64, from: u64, at: Option<usize>) {
    let rules = move |toy: &Toy| {
        let mut rules = toy.rules();
        rules[0].trained_from = from;
        rules[1].trained_from = from;
        rules
    };
    let (sources, stop) = sources_stopping_at(at.unwrap_or(usize::MAX));
    let trainer = new_trainer(dir, config(steps), sources);
    trainer.with_rules(rules).stop_on(stop).fit(toy()).unwrap();
    if at.is_some() {
        let trainer = old_trainer(dir, config(steps));
        trainer.with_rules(rules).resume(toy()).unwrap();
    }
}

#[test]
fn frozen_parameters_stay_until_they_are_trained() {
    let temp = tempfile::tempdir().unwrap();
    let dir = |name: &str| temp.path().join(name);
    let initial = {
        let mut weights = Weights::default();
        toy().visit(&mut weights);
        weights.0
    };
    thawing(&dir("never"), STEPS, u64::MAX, None);
    let never = trained(&dir("never"));
    assert_eq!(never[..2], initial[..2]);
    assert_ne!(never[2], initial[2]);
    thawing(&dir("late"), STEPS, 11, None);
    assert_ne!(trained(&dir("late"))[0], initial[0]);
    // Before it is trained, and behind.
    for at in [7, 11, 19] {
        let stopped = dir(&format!("stopped-{at}"));
        thawing(&stopped, STEPS, 11, Some(at));
        assert_same(&stopped, &dir("late"));
    }
}

#[test]
fn rate_that_falls_with_validation_is_resumed() {
    let mut config = config(STEPS);
    config.eval_every = 3;
    config.schedule.decay = Decay::Plateau(Plateau {
        factor: 0.5,
        patience: 1,
        threshold: 0.0,
        min_lr: 1e-6,
    });
    let temp = tempfile::tempdir().unwrap();
    let expected = temp.path().join("through");
    let trainer = new_trainer(&expected, config.clone(), sources());
    trainer.fit(toy()).unwrap();
    let rates = lines(&expected);
    assert!(
        rates
            .iter()
            .any(|line| line.contains("\"lr\",\"value\":0.025"))
    );
    for at in [8, 14, 22] {
        let dir = temp.path().join(format!("stopped-{at}"));
        let (sources, stop) = sources_stopping_at(at);
        let stopped = new_trainer(&dir, config.clone(), sources).stop_on(stop);
        stopped.fit(toy()).unwrap();
        old_trainer(&dir, config.clone()).resume(toy()).unwrap();
        assert_same(&dir, &expected);
    }
}

/// Stops, if it is told to, when batch `at` is asked for; batch 12 is bad.
fn with_a_bad_step(dir: &Path, at: Option<usize>) {
    let config = TrainConfig {
        max_skips: 2,
        ..config(STEPS)
    };
    let bad = sources_with(|number, points| match number {
        12 => Ok(overflowing(points)),
        _ => Ok(points),
    });
    match at {
        Some(at) => {
            let (sources, stop) = stopping(bad, at);
            let stopped = new_trainer(dir, config.clone(), sources).stop_on(stop);
            stopped.fit(toy()).unwrap();
            let bad = sources_with(|number, points| match number {
                12 => Ok(overflowing(points)),
                _ => Ok(points),
            });
            old_trainer_on(dir, config, bad).resume(toy()).unwrap();
        }
        None => {
            new_trainer(dir, config, bad).fit(toy()).unwrap();
        }
    }
}

#[test]
fn run_that_leaves_out_a_step_resumes_as_well() {
    let temp = tempfile::tempdir().unwrap();
    let expected = temp.path().join("through");
    with_a_bad_step(&expected, None);
    // Before the bad step, while it is not found yet, and behind it.
    for at in [8, 13, 21] {
        let dir = temp.path().join(format!("stopped-{at}"));
        with_a_bad_step(&dir, Some(at));
        assert_same(&dir, &expected);
    }
}

/// Batch 24 is all wrong; stops, if it is told to, when batch `at` is asked for.
fn with_a_spike(dir: &Path, at: Option<usize>) {
    let sources = || {
        sources_with(|number, mut points| {
            if number == 24 {
                points.inputs.iter_mut().for_each(|value| *value *= -30.0);
            }
            Ok(points)
        })
    };
    let Some(at) = at else {
        new_trainer(dir, config(STEPS), sources())
            .fit(toy())
            .unwrap();
        return;
    };
    let (stopping, stop) = stopping(sources(), at);
    let stopped = new_trainer(dir, config(STEPS), stopping).stop_on(stop);
    stopped.fit(toy()).unwrap();
    old_trainer_on(dir, config(STEPS), sources())
        .resume(toy())
        .unwrap();
}

#[test]
fn a_loss_spike_is_noted_with_its_batch_whatever_interrupts_the_run() {
    let temp = tempfile::tempdir().unwrap();
    let expected = temp.path().join("through");
    with_a_spike(&expected, None);
    let lines = lines(&expected);
    let spikes: Vec<_> = lines.iter().filter(|line| line.contains("spike")).collect();
    let [spike] = spikes[..] else {
        panic!("{spikes:?}")
    };
    let spike: serde_json::Value = serde_json::from_str(spike).unwrap();
    assert_eq!((&spike["step"], &spike["at"]), (&28.into(), &25.into()));
    assert_eq!(spike["batch"], 24);
    assert!(spike["value"].as_f64() > spike["threshold"].as_f64());
    let log = fs::read_to_string(expected.join("log.txt")).unwrap();
    assert!(log.contains("loss spike at step 25: "), "{log}");
    let report = fs::read_to_string(expected.join("report.html")).unwrap();
    assert!(report.contains("<h2>1 loss spike</h2>"));
    // Before it, while it is not noted yet, and behind it.
    for at in [8, 25, 28] {
        let dir = temp.path().join(format!("stopped-{at}"));
        with_a_spike(&dir, Some(at));
        assert_same(&dir, &expected);
    }
}

#[test]
fn killed_run_resumes_from_the_last_checkpoint() {
    let temp = tempfile::tempdir().unwrap();
    let expected = temp.path().join("through");
    through(&expected);
    let dir = temp.path().join("killed");
    // An error at step 18 leaves what a kill would: lines up to 16, checkpoints up to 15, and a
    // checkpoint that was being written.
    let sources = sources_with(|number, points| match number {
        17 => Err("killed".into()),
        _ => Ok(points),
    });
    new_trainer(&dir, config(STEPS), sources)
        .fit(toy())
        .unwrap_err();
    fs::create_dir(dir.join("checkpoints/.step-17.partial")).unwrap();
    fs::write(dir.join("checkpoints/.step-17.partial/model.bpk"), "torn").unwrap();

    old_trainer(&dir, config(STEPS)).resume(toy()).unwrap();
    assert_same(&dir, &expected);
    assert!(!dir.join("checkpoints/.step-17.partial").exists());
}

#[test]
fn resuming_twice_is_as_good_as_once() {
    let temp = tempfile::tempdir().unwrap();
    let expected = temp.path().join("through");
    through(&expected);
    let dir = temp.path().join("stopped");
    stopped_at(&dir, 4);
    let (sources, stop) = sources_stopping_at(20);
    let run = RunDir::open(&dir).unwrap();
    let trainer = crate::Trainer::new(run, config(STEPS), burn::tensor::Device::flex(), sources);
    trainer
        .with_rules(Toy::rules)
        .stop_on(stop)
        .resume(toy())
        .unwrap();
    old_trainer(&dir, config(STEPS)).resume(toy()).unwrap();
    assert_same(&dir, &expected);
    // A finished run has only its test to make again.
    old_trainer(&dir, config(STEPS)).resume(toy()).unwrap();
    assert_same(&dir, &expected);
}

#[test]
fn damaged_checkpoints_are_set_aside_and_the_run_goes_on() {
    let temp = tempfile::tempdir().unwrap();
    let expected = temp.path().join("through");
    through(&expected);
    let dir = temp.path().join("stopped");
    stopped_at(&dir, 16);
    assert_eq!(checkpoints(&dir).steps().unwrap().last(), Some(&17));
    let model = checkpoints(&dir).path(17).join("model.bpk");
    let length = fs::metadata(&model).unwrap().len();
    fs::File::options()
        .write(true)
        .open(model)
        .unwrap()
        .set_len(length - 1)
        .unwrap();

    old_trainer(&dir, config(STEPS)).resume(toy()).unwrap();
    assert_same(&dir, &expected);
    assert!(dir.join("checkpoints/step-17.damaged").is_dir());
    let log = fs::read_to_string(dir.join("log.txt")).unwrap();
    assert!(log.contains("step-17`: `model.bpk` has"), "{log}");
    assert!(log.contains("resuming from"));
}

#[test]
fn nothing_to_resume_from_is_said() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("stopped");
    assert_eq!(stopped_at(&dir, 1), 2);
    fs::remove_file(checkpoints(&dir).path(2).join("manifest.json")).unwrap();
    let error = old_trainer(&dir, config(STEPS)).resume(toy()).unwrap_err();
    let none = matches!(
        error,
        TrainError::Checkpoint(CheckpointError::NoneComplete { .. })
    );
    assert!(none, "{error}");
    assert!(
        error
            .to_string()
            .contains("step-2`: it has no `manifest.json`"),
        "{error}"
    );
    // What is there stays for someone to look at.
    assert!(checkpoints(&dir).path(2).is_dir());
}

#[test]
fn other_seed_and_second_fit_are_refused() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("stopped");
    stopped_at(&dir, 5);
    let mut other = config(STEPS);
    other.seed = 8;
    let error = old_trainer(&dir, other).resume(toy()).unwrap_err();
    let refused = matches!(
        error,
        TrainError::Seed {
            expected: 7,
            found: 8
        }
    );
    assert!(refused, "{error}");
    let error = old_trainer(&dir, config(STEPS)).fit(toy()).unwrap_err();
    assert!(matches!(error, TrainError::RunExists { .. }), "{error}");
}

/// Trains until a batch overflows, and makes the steps before it again from a checkpoint and from the start.
fn assert_reached_again(config: &TrainConfig) {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("run");
    let bad = || {
        sources_with(|number, points| match number {
            12 => Ok(overflowing(points)),
            _ => Ok(points),
        })
    };
    let trainer = new_trainer(&dir, config.clone(), bad());
    trainer.fit(toy()).unwrap_err();
    let run = RunDir::open(&dir).unwrap();
    let note = NotFinite::of_run(&run).unwrap().unwrap();
    assert_eq!(note.step, 13);

    let found = run.checkpoints().latest().unwrap().checkpoint;
    assert_eq!(found.state().step, 10);
    let replayed = |name: &str, from| {
        let trainer = new_trainer(&temp.path().join(name), config.clone(), bad());
        let replayed = trainer.replay(toy(), from, note.recovery.clone(), 12);
        let mut weights = Weights::default();
        replayed.unwrap().unwrap().task.visit(&mut weights);
        weights.0
    };
    assert!(replayed("from-10", Some(&found)) == replayed("from-0", None));
}

#[test]
fn bad_step_is_noted_and_reached_again() {
    assert_reached_again(&config(STEPS));
    // A rate that falls at every second validation.
    let mut falling = TrainConfig {
        eval_every: 3,
        ..config(STEPS)
    };
    falling.schedule.decay = Decay::Plateau(Plateau {
        factor: 0.1,
        patience: 0,
        threshold: 10.0,
        min_lr: 1e-6,
    });
    assert_reached_again(&falling);
}

//! `MicroBatch::Auto` in whole runs.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::toy::{BATCH, config, new_trainer, old_trainer, sources, stopping, toy};
use crate::{Ending, MicroBatch, RunDir, TrainConfig, TrainError};

fn automatic(total_steps: u64) -> TrainConfig {
    TrainConfig {
        micro_batch: MicroBatch::Auto,
        ..config(total_steps)
    }
}

fn manifest(dir: &Path) -> serde_json::Map<String, Value> {
    RunDir::open(dir).unwrap().manifest().unwrap()
}

fn losses(dir: &Path) -> Vec<String> {
    let text = fs::read_to_string(dir.join("metrics.jsonl")).unwrap();
    let lines = text.lines().filter(|line| line.contains("\"loss\""));
    lines.map(str::to_owned).collect()
}

#[test]
fn what_fits_is_noted_and_changes_no_number() {
    let temp = tempfile::tempdir().unwrap();
    let [auto, whole] = ["auto", "whole"].map(|name| temp.path().join(name));
    let outcome = new_trainer(&auto, automatic(8), sources()).fit(toy());
    outcome.unwrap();
    new_trainer(&whole, config(8), sources())
        .fit(toy())
        .unwrap();
    assert_eq!(manifest(&auto)["micro_batch"], BATCH);
    assert!(!manifest(&whole).contains_key("micro_batch"));
    assert_eq!(losses(&auto), losses(&whole));
    let log = fs::read_to_string(auto.join("log.txt")).unwrap();
    assert!(
        log.contains("micro_batch: 16 of a batch's 16 samples"),
        "{log}"
    );
}

#[test]
fn a_resumed_run_keeps_the_number_whatever_fits_now() {
    let temp = tempfile::tempdir().unwrap();
    let [auto, fixed] = ["auto", "fixed"].map(|name| temp.path().join(name));
    // As if only four had fitted when the run was started.
    let four = TrainConfig {
        micro_batch: MicroBatch::Of(4),
        ..config(12)
    };
    new_trainer(&fixed, four.clone(), sources())
        .fit(toy())
        .unwrap();
    let (stopping, stop) = stopping(sources(), 6);
    let trainer = new_trainer(&auto, four, stopping).stop_on(stop);
    let outcome = trainer.fit(toy()).unwrap();
    assert!(matches!(outcome.ending, Ending::Interrupted(_)));
    RunDir::open(&auto)
        .unwrap()
        .record(&[("micro_batch", 4.into())])
        .unwrap();
    old_trainer(&auto, automatic(12)).resume(toy()).unwrap();
    assert_eq!(losses(&auto), losses(&fixed));
}

#[test]
fn a_number_that_is_gone_is_missed() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("run");
    let (stopping, stop) = stopping(sources(), 3);
    new_trainer(&dir, automatic(8), stopping)
        .stop_on(stop)
        .fit(toy())
        .unwrap();
    for damaged in [Value::Null, 0.into(), "four".into()] {
        let run = RunDir::open(&dir).unwrap();
        run.record(&[("micro_batch", damaged)]).unwrap();
        let error = old_trainer(&dir, automatic(8)).resume(toy()).unwrap_err();
        assert!(matches!(error, TrainError::Damaged { .. }), "{error}");
        assert!(error.to_string().contains("`micro_batch`"), "{error}");
    }
}

//! `diagnose`.

use std::path::Path;

use serde_json::Value;
use tempfile::tempdir;

use crate::support::{elapid, fail, metrics, succeed, train};

fn diagnosed(run: &Path, options: &[&str]) -> Value {
    let output = succeed(elapid(["diagnose", "--json"]).arg(run).args(options));
    serde_json::from_str(&output).unwrap()
}

/// A value that the run logged.
fn logged(run: &Path, split: &str, step: u64, name: &str) -> f64 {
    let lines = metrics(run);
    let line = lines
        .iter()
        .find(|line| line["step"] == step && line["split"] == split && line["name"] == name);
    line.unwrap()["value"].as_f64().unwrap()
}

#[test]
fn a_step_looks_as_it_was_when_it_was_made() {
    let folder = tempdir().unwrap();
    for special in [
        "train.micro_batch=32",
        "train.micro_batch=12",
        "train.micro_batch=auto",
        "train.freeze=ssm",
        "train.precision=fp16",
    ] {
        let run = folder.path().join(special);
        let set = ["log.every=1", "train.keep_last=2", special];
        let set = [
            &set[..],
            &["model.drop_path_rate=0.3", "data.augment.rotate=10"],
        ]
        .concat();
        succeed(&mut train(&run, &set));
        let found = diagnosed(&run, &["--checkpoint", "10"]);
        assert_eq!((&found["step"], &found["batch"]), (&10.into(), &10.into()));
        let found = &found["diagnosis"];
        for (member, name) in [("loss", "loss"), ("grad_norm", "grad_norm")] {
            let (found, expected) = (
                found[member].as_f64().unwrap(),
                logged(&run, "train", 11, name),
            );
            assert!(
                (found / expected - 1.0).abs() < 1e-6,
                "{name}: {found}, {expected}"
            );
        }
        let layers = found["layers"].as_array().unwrap();
        let names: Vec<_> = layers.iter().map(|l| l["name"].as_str().unwrap()).collect();
        let expected = ["patch_embed.proj", "layers.0", "layers.1", "norm_f", "head"];
        assert_eq!(names[..5], expected);
        assert_eq!(layers[1]["scans"].as_array().unwrap().len(), 2);
        assert!(found["culprit"].is_null());
    }
}

#[test]
fn the_step_that_was_not_finite_is_reached_again() {
    let folder = tempdir().unwrap();
    let run = folder.path().join("run");
    // Without clipping and with a rate that grows, the weights break between two checkpoints.
    let set = [
        "optim.lr=30",
        "optim.grad_clip=0",
        "schedule.warmup=50",
        "train.steps=200",
        "train.checkpoint=7",
        "train.max_skips=0",
        "eval.every=200",
        "log.every=1",
    ];
    let (code, message) = fail(&mut train(&run, &set));
    assert_eq!(code, Some(1), "{message}");
    let found = diagnosed(&run, &[]);
    let step = found["step"].as_u64().unwrap();
    assert!(
        message.contains(&format!("step {} is not finite", step + 1)),
        "{message}"
    );
    assert_ne!(step % 7, 0, "the step follows a checkpoint");
    let culprit = &found["diagnosis"]["culprit"];
    assert!(culprit["depth"].is_u64(), "{culprit}");

    let text = succeed(elapid(["diagnose"]).arg(&run));
    for word in [
        "is the first",
        "not finite",
        "Δ reaches",
        "layers.0",
        "learning rate",
    ] {
        assert!(text.contains(word), "`{word}` is missing in: {text}");
    }
    let before = diagnosed(&run, &["--checkpoint", "last"]);
    assert_eq!(before["step"].as_u64().unwrap(), step / 7 * 7);
}

#[test]
fn a_batch_of_the_validation_looks_as_the_evaluation_found_it() {
    let folder = tempdir().unwrap();
    let run = folder.path().join("run");
    let set = [
        "model.drop_path_rate=0.5",
        "task.label_smoothing=0",
        "eval.batch_size=1000",
        "train.steps=10",
    ];
    succeed(&mut train(&run, &set));
    let found = diagnosed(&run, &["--checkpoint", "10", "--split", "valid"]);
    let expected = logged(&run, "valid", 10, "loss");
    let loss = found["diagnosis"]["loss"].as_f64().unwrap();
    assert!((loss / expected - 1.0).abs() < 1e-5, "{loss}, {expected}");
}

#[test]
fn what_is_not_there_is_named() {
    let folder = tempdir().unwrap();
    let run = folder.path().join("run");
    succeed(&mut train(&run, &["train.steps=2"]));
    for (options, words) in [
        (
            &["--checkpoint", "5"][..],
            "no checkpoint of step 5; it has 2",
        ),
        (
            &["--checkpoint", "worst"],
            "expected `best`, `last`, or the step",
        ),
        (&["--split", "valid", "--batch", "99"], "no batch 99"),
        (&["--not-finite"], "leave out `--not-finite`"),
    ] {
        let (code, message) = fail(elapid(["diagnose"]).arg(&run).args(options));
        assert_eq!(code, Some(2), "{message}");
        assert!(message.contains(words), "{message}");
    }
}

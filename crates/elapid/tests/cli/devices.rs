//! `--device` with several names.

use std::fs;

use serde_json::Value;
use tempfile::tempdir;

use crate::support::{elapid, fail, metrics, smoke, succeed, train};

#[test]
fn two_devices_train_as_one_and_are_noted() {
    let temp = tempdir().unwrap();
    let settings = [
        "train.steps=6",
        "train.batch_size=17",
        "log.every=1",
        "model.depth=1",
        "model.drop_path_rate=0",
        "eval.every=6",
    ];
    let run = |name: &str, devices: &str| {
        let run = temp.path().join(name);
        succeed(train(&run, &settings).args(["--device", devices]));
        run
    };
    let (one, two) = (run("one", "cpu"), run("two", "cpu,cpu"));
    let losses = |run| -> Vec<f64> {
        let lines = metrics(run).into_iter();
        let lines = lines.filter(|line| line["split"] == "train" && line["name"] == "loss");
        lines.filter_map(|line| line["value"].as_f64()).collect()
    };
    let (expected, found) = (losses(&one), losses(&two));
    assert_eq!((expected.len(), found.len()), (6, 6));
    for (found, expected) in found.iter().zip(&expected) {
        assert!((found - expected).abs() < 1e-5, "{found} is not {expected}");
    }
    let manifest = fs::read_to_string(two.join("manifest.json")).unwrap();
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    assert_eq!(manifest["device"], "cpu,cpu");
    // Needs one device only.
    succeed(elapid(["eval", "--split", "valid"]).arg(&two));
    let (code, message) = fail(elapid(["eval", "--device", "cpu,cpu"]).arg(&two));
    assert_eq!(code, Some(2));
    assert!(message.contains("names several devices"), "{message}");
}

#[test]
fn killed_runs_of_two_devices_resume_on_both() {
    let set = ["train.steps=8", "train.checkpoint=2", "model.depth=1"];
    let mut command = elapid(["verify-resume", "--kills", "1", "--device", "cpu,cpu"]);
    command.arg(smoke());
    for value in set.iter().chain(&["model.drop_path_rate=0.3"]) {
        command.args(["--set", value]);
    }
    let said = succeed(&mut command);
    assert!(said.contains("equal bit for bit"), "{said}");
}

//! `train --profile`.

use serde_json::Value;
use tempfile::tempdir;

use crate::support::{fail, succeed, train};

#[test]
fn a_profile_shows_phases_and_keeps_nothing() {
    let folder = tempdir().unwrap();
    let run = folder.path().join("run");
    let set = ["train.micro_batch=16"];
    let output = succeed(train(&run, &set).args(["--profile", "2", "--peak-tflops", "0.5"]));
    for word in [
        "1365 train",
        "32 samples of 17 tokens in 2 parts",
        "data (waiting)",
        "optimiser",
        "sum of phases",
        "step as trained",
        "0.261 MFLOP a sample",
        "% of 0.5 TFLOP/s",
        "in 4 scans",
        "8 a step",
        "nothing was kept",
    ] {
        assert!(output.contains(word), "`{word}` is missing in: {output}");
    }
    assert!(!run.exists());
}

#[test]
fn a_profile_is_one_json_object() {
    let folder = tempdir().unwrap();
    let run = folder.path().join("run");
    let output = succeed(train(&run, &[]).args(["--profile", "3", "--json"]));
    let found: Value = serde_json::from_str(&output).unwrap();
    assert_eq!(found["steps"], 3);
    assert_eq!(found["utilisation"], Value::Null);
    let number = |value: &Value| value.as_f64().unwrap();
    let step = &found["trained"]["step"];
    let samples_per_s = 1e3 * 32.0 / number(&step["mean"]);
    assert!((number(&found["samples_per_s"]) - samples_per_s).abs() < 1e-6 * samples_per_s);
    let tflop_per_s = 3.0 * number(&found["matmul_gflop"]) * samples_per_s / 1e3;
    assert!((number(&found["tflop_per_s"]) - tflop_per_s).abs() < 1e-6 * tflop_per_s);
}

#[test]
fn options_of_a_profile_need_one() {
    let folder = tempdir().unwrap();
    let run = folder.path().join("run");
    for (wrong, message) in [
        (&["--peak-tflops", "989"][..], "--profile <N>"),
        (&["--json"], "--profile <N>"),
        (&["--profile", "0"], "0 is not in 1.."),
        (&["--profile", "2", "--dry-run"], "cannot be used with"),
        (&["--profile", "2", "--peak-tflops", "0"], "above 0"),
    ] {
        let (code, found) = fail(train(&run, &[]).args(wrong));
        assert_eq!(code, Some(2), "{found}");
        assert!(found.contains(message), "{found}");
    }
}

//! Training, fine-tuning and predicting on sounds.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::tempdir;

use crate::support::{elapid, fail, metrics, root, succeed};

/// Tones of four shapes.
pub(crate) fn tones(folder: &Path) -> PathBuf {
    let out = folder.join("tones");
    succeed(
        elapid(["data", "synth", "tones"])
            .arg(&out)
            .args(["--sounds", "12"]),
    );
    out
}

fn config(name: &str) -> PathBuf {
    root().join("configs/smoke").join(name)
}

/// `elapid COMMAND` on a smoke experiment with these sounds.
fn on(command: &str, name: &str, sounds: &Path, set: &[&str]) -> Command {
    let mut command = elapid([command]);
    let path = format!("data.path={:?}", sounds.to_str().unwrap());
    command.arg(config(name)).args(["--set", &path]);
    for value in set {
        command.args(["--set", value]);
    }
    command
}

/// The metric of the test at the end.
fn tested(run: &Path, metric: &str) -> f64 {
    let lines = metrics(run);
    let is_it = |line: &&Value| line["split"] == "test" && line["name"] == metric;
    let line = lines.iter().find(is_it).expect("a test");
    line["value"].as_f64().expect("a number")
}

#[test]
fn runs_on_sounds_resume_bit_for_bit() {
    let folder = tempdir().unwrap();
    let sounds = tones(folder.path());
    for name in ["ssamba.toml", "ssamba_pretrain.toml"] {
        let mut command = on("verify-resume", name, &sounds, &[]);
        let said = succeed(command.args(["--kills", "1", "--device", "cpu"]));
        assert!(said.contains("equal"), "{name}: {said}");
    }
}

#[test]
fn pretraining_then_fine_tuning_then_predictions() {
    let folder = tempdir().unwrap();
    let sounds = tones(folder.path());
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    let mut command = on(
        "train",
        "ssamba_pretrain.toml",
        &sounds,
        &["train.steps=10"],
    );
    succeed(command.arg("--out").arg(&first));

    let from = format!("train.init_from={:?}", first.to_str().unwrap());
    let set = [from.as_str(), "model.stride=[4, 8]", "train.steps=60"];
    let mut command = on("train", "ssamba.toml", &sounds, &set);
    succeed(command.arg("--out").arg(&second));
    let manifest: Value =
        serde_json::from_slice(&fs::read(second.join("manifest.json")).unwrap()).unwrap();
    let init = manifest.to_string();
    assert!(
        init.contains("v.pos_embed") && init.contains("mask_embed"),
        "{init}"
    );

    let mut command = elapid(["predict", "--json", "--top", "1"]);
    let said = succeed(command.arg(&second).arg(sounds.join("rising")));
    let lines: Vec<Value> = said
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert_eq!(lines.len(), 12);
    assert!(lines[0]["classes"][0]["probability"].as_f64().unwrap() >= 0.25);

    // The run that knows no classes shows what it makes of hidden patches.
    let sheet = folder.path().join("sheet.png");
    let mut command = elapid(["predict", "--json"]);
    command.arg(&first).arg(sounds.join("rising"));
    let said = succeed(command.arg("--sheet").arg(&sheet));
    let lines = said
        .lines()
        .map(|l| serde_json::from_str::<Value>(l).unwrap());
    assert!(
        lines.clone().count() == 12 && lines.clone().all(|line| line["mse"].as_f64() > Some(0.0))
    );
    assert!(fs::read(&sheet).unwrap().starts_with(b"\x89PNG"));
    let (code, error) = fail(
        elapid(["predict"])
            .arg(&second)
            .arg(&sounds)
            .arg("--sheet")
            .arg(&sheet),
    );
    assert_eq!(code, Some(2), "{error}");
    assert!(error.contains("pretraining run"), "{error}");
}

#[test]
fn models_tasks_and_data_of_different_kinds_are_refused() {
    let folder = tempdir().unwrap();
    let sounds = tones(folder.path());
    let refused = |set: &[&str], expected: &str| {
        let mut command = on("train", "ssamba.toml", &sounds, set);
        let (code, error) = fail(command.arg("--out").arg(folder.path().join("never")));
        assert_eq!(code, Some(2), "{error}");
        assert!(error.contains(expected), "{error}");
    };
    refused(&["model.stride=[16, 8]"], "`stride` 16 is above 8");
    refused(
        &["model.official_quirks=true", "model.depth=3"],
        "`depth` 3 is odd",
    );
    let pretrain = ["task.kind=pretrain_patches", "task.masked=300"];
    refused(&pretrain, "task.masked is 300, expected 2 to 22");
    let mut command = elapid(["train"]);
    command.arg(config("vim_digits.toml"));
    let (code, error) = fail(command.args(["--set", "task.kind=multi_label"]));
    assert_eq!(code, Some(2), "{error}");
    assert!(error.contains("is for sounds"), "{error}");
}

/// More than luck, which is a quarter.
#[test]
fn tones_are_told_apart() {
    let folder = tempdir().unwrap();
    let sounds = tones(folder.path());
    let run = folder.path().join("run");
    let set = [
        "train.steps=150",
        "optim.lr=5e-3",
        "eval.every=50",
        "data.augment.mixup_rate=0",
    ];
    succeed(
        on("train", "ssamba.toml", &sounds, &set)
            .arg("--out")
            .arg(&run),
    );
    let accuracy = tested(&run, "accuracy");
    assert!(accuracy > 0.4, "{accuracy}");
}

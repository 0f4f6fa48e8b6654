//! Starting from given weights, and adapters on them.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::tempdir;

use crate::support::{elapid, fail, smoke, succeed, train};

/// A few steps of a base model.
const BASE: [&str; 3] = ["train.steps=40", "train.checkpoint=20", "eval.every=20"];

fn base(folder: &Path) -> PathBuf {
    let run = folder.join("base");
    succeed(&mut train(&run, &BASE));
    run
}

fn manifest(run: &Path) -> Value {
    serde_json::from_slice(&fs::read(run.join("manifest.json")).unwrap()).unwrap()
}

fn last_checkpoint(run: &Path) -> PathBuf {
    let steps = fs::read_dir(run.join("checkpoints")).unwrap();
    let steps = steps.filter_map(|entry| {
        let path = entry.unwrap().path();
        let step: u64 = path
            .file_name()?
            .to_str()?
            .strip_prefix("step-")?
            .parse()
            .ok()?;
        Some((step, path))
    });
    steps.max().unwrap().1
}

/// The tensors of a `.bpk` file by official name.
fn tensors(file: &Path) -> elapid::models::checkpoint::Checkpoint {
    elapid::models::checkpoint::read(file).unwrap()
}

#[test]
fn a_run_starts_from_the_weights_of_another() {
    let folder = tempdir().unwrap();
    let base = base(folder.path());
    let run = folder.path().join("tuned");
    let from = format!("train.init_from={:?}", base.to_str().unwrap());
    // Other classes and another number of patches.
    let set = [
        "train.steps=1",
        &from,
        "task.classes=12",
        "model.stride=2",
        "optim.lr=1e-9",
        "schedule.warmup_lr=1e-9",
    ];
    succeed(&mut train(&run, &set));
    let log = fs::read_to_string(run.join("log.txt")).unwrap();
    assert!(log.contains("starting from `"), "{log}");
    assert!(log.contains("`head.weight`"), "{log}");
    let init = &manifest(&run)["init"];
    assert_eq!(init["new"], serde_json::json!(["head.weight", "head.bias"]));
    assert_eq!(init["resized"][0]["name"], "pos_embed");
    assert_eq!(init["left_out"], serde_json::json!([]));
    let (old, new) = (
        tensors(&last_checkpoint(&base).join("model.bpk")),
        tensors(&last_checkpoint(&run).join("model.bpk")),
    );
    let name = "model.layers.0.mixer.in_proj.weight";
    let difference = old[name].iter::<f32>().zip(new[name].iter::<f32>());
    let largest = difference.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(largest < 1e-6, "{largest}");

    // A checkpoint and its file do as well.
    for from in [
        last_checkpoint(&base),
        last_checkpoint(&base).join("model.bpk"),
    ] {
        let run = folder.path().join(format!("again-{}", from.is_dir()));
        let from = format!("train.init_from={:?}", from.to_str().unwrap());
        succeed(&mut train(&run, &["train.steps=1", &from]));
        assert_eq!(manifest(&run)["init"]["new"], serde_json::json!([]));
    }
    let from = format!("train.init_from={:?}", folder.path().join("nothing.pth"));
    let run = folder.path().join("none");
    let (code, message) = fail(&mut train(&run, &["train.steps=1", &from]));
    assert_eq!(code, Some(2), "{message}");
    assert!(
        message.contains("nothing.pth") && !run.exists(),
        "{message}"
    );
    let from = format!("train.init_from={:?}", base.to_str().unwrap());
    let (code, message) = fail(&mut train(
        &run,
        &["train.steps=1", &from, "model.embed_dim=96"],
    ));
    assert_eq!(code, Some(2), "{message}");
    assert!(message.contains("tensors of another shape"), "{message}");
}

#[test]
fn adapters_learn_while_the_weights_stay() {
    let folder = tempdir().unwrap();
    let base = base(folder.path());
    let run = folder.path().join("adapted");
    let from = format!("train.init_from={:?}", base.to_str().unwrap());
    let set = [
        from.as_str(),
        "lora.rank=2",
        "lora.alpha=4",
        "lora.train=[\"norm\"]",
        "train.steps=30",
        "train.checkpoint=10",
        "train.ema=0.9",
        "eval.every=10",
        "log.every=1",
        "optim.lr=1e-2",
    ];
    succeed(&mut train(&run, &set));
    let (before, after) = (
        tensors(
            &last_checkpoint(&run)
                .parent()
                .unwrap()
                .join("step-10/model.bpk"),
        ),
        tensors(&last_checkpoint(&run).join("model.bpk")),
    );
    for (name, value) in &before {
        let trained = [".lora.", "head.", "norm"];
        let is_trained = trained.iter().any(|part| name.contains(part));
        assert_eq!(after[name] != *value, is_trained, "{name}");
    }
    for name in ["in_proj", "x_proj", "out_proj"] {
        let name = format!("model.layers.0.mixer.{name}.weight.lora.a");
        assert!(after.contains_key(&name), "{name} in {:?}", after.keys());
    }

    let eval =
        succeed(
            elapid(["eval"])
                .arg(&run)
                .args(["--split", "valid", "--checkpoint", "last"]),
        );
    assert!(eval.contains("accuracy"), "{eval}");
    let average = last_checkpoint(&run).join("average.bpk");
    let file = succeed(
        elapid(["eval"])
            .arg(&run)
            .args(["--split", "valid", "--weights"])
            .arg(&average),
    );
    assert_eq!(eval, file);

    // What it trained is a start too, merged; the file alone would need the run's rank and alpha.
    let next = folder.path().join("next");
    let from = format!("train.init_from={:?}", run.to_str().unwrap());
    succeed(&mut train(&next, &["train.steps=1", &from]));
    let from = format!("train.init_from={:?}", average.to_str().unwrap());
    let (code, message) = fail(&mut train(
        &folder.path().join("file"),
        &["train.steps=1", &from],
    ));
    assert_eq!(code, Some(2), "{message}");
    assert!(message.contains("adapters"), "{message}");
}

#[test]
fn runs_with_adapters_resume_bit_for_bit() {
    let folder = tempdir().unwrap();
    let base = base(folder.path());
    let from = format!("train.init_from={:?}", base.to_str().unwrap());
    let output = succeed(
        elapid(["verify-resume"])
            .arg(smoke())
            .args(["--kills", "2", "--device", "cpu"])
            .args(["--set", "train.steps=30", "--set", "lora.rank=2"])
            .args(["--set", "train.ema=0.9", "--set", &from]),
    );
    assert_eq!(output.matches("equal bit for bit").count(), 2, "{output}");
}

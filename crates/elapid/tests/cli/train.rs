//! `train`, `eval`, `predict`.

use std::fs;

use image::GrayImage;
use serde_json::Value;
use tempfile::tempdir;

use crate::support::{elapid, fail, metrics, smoke, succeed, timeless, train};

#[test]
fn a_run_directory_is_complete() {
    let folder = tempdir().unwrap();
    let run = folder.path().join("run");
    let output = succeed(&mut train(&run, &[]));
    assert!(
        output.contains("accuracy") && output.contains("report.html"),
        "{output}"
    );
    for file in [
        "config.toml",
        "plan.toml",
        "manifest.json",
        "log.txt",
        "confusion.json",
    ] {
        assert!(run.join(file).is_file(), "{file}");
    }
    for file in ["model.bpk", "optim.bpk", "state.json", "manifest.json"] {
        assert!(
            run.join("checkpoints/step-20").join(file).is_file(),
            "{file}"
        );
    }
    let report = fs::read_to_string(run.join("report.html")).unwrap();
    assert!(report.starts_with("<!") && report.contains("<svg"));
    let lines = metrics(&run);
    for line in &lines {
        for key in ["step", "epoch", "split", "name", "value"] {
            assert!(!line[key].is_null(), "{line} has no {key}");
        }
    }
    assert!(
        lines
            .iter()
            .any(|line| line["split"] == "test" && line["name"] == "accuracy")
    );
}

#[test]
fn the_report_shows_environment_and_changed_settings() {
    let folder = tempdir().unwrap();
    let run = folder.path().join("run");
    succeed(&mut train(&run, &["train.steps=1", "optim.lr=0.125"]));
    let manifest = fs::read_to_string(run.join("manifest.json")).unwrap();
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    for member in ["elapid_version", "burn_version", "device", "os", "threads"] {
        assert!(!manifest[member].is_null(), "{member}: {manifest}");
    }
    // The smoke experiment extends the long one; `--set` comes on top.
    let base = &manifest["base"];
    let experiment = base["experiment"].as_str().unwrap();
    assert!(experiment.ends_with("vision/vim_digits.toml"), "{base}");
    let differences = base["differences"].as_array().unwrap();
    let of = |name: &str| differences.iter().find(|entry| entry["value"] == name);
    let lr = of("optim.lr").unwrap();
    assert_eq!(
        (&lr["base"], &lr["run"]),
        (&"0.002".into(), &"0.125".into())
    );
    let epochs = of("train.epochs").unwrap();
    assert_eq!(
        (&epochs["base"], &epochs["run"]),
        (&"80".into(), &Value::Null)
    );
    assert!(of("run.name").is_none() && of("run.seed").is_none());

    let report = fs::read_to_string(run.join("report.html")).unwrap();
    assert!(report.contains("<h2>Environment</h2>"));
    let row =
        "<th scope=\"row\">optim.lr</th><td><code>0.002</code></td><td><code>0.125</code></td>";
    assert!(report.contains(row));
}

#[test]
fn the_seed_decides_everything() {
    let folder = tempdir().unwrap();
    let run = |name: &str, seed: &str| {
        let path = folder.path().join(name);
        succeed(&mut train(&path, &["train.steps=6", seed]));
        timeless(&path)
    };
    let first = run("a", "run.seed=1");
    assert_eq!(first, run("b", "run.seed=1"));
    assert_ne!(first, run("c", "run.seed=2"));
}

#[test]
fn evaluation_repeats_the_test_of_the_run() {
    let folder = tempdir().unwrap();
    let run = folder.path().join("run");
    succeed(&mut train(&run, &[]));
    let output = succeed(elapid(["eval", "--json"]).arg(&run));
    let evaluated: Value = serde_json::from_str(&output).unwrap();
    let lines = metrics(&run);
    let line = lines
        .iter()
        .find(|l| l["split"] == "test" && l["name"] == "accuracy")
        .unwrap();
    assert_eq!(evaluated["metrics"]["accuracy"], line["value"]);
    assert_eq!(evaluated["samples"], 360);
    let counts = evaluated["confusion"]["counts"].as_array().unwrap();
    let all = counts.iter().flat_map(|row| row.as_array().unwrap());
    assert_eq!(all.map(|count| count.as_u64().unwrap()).sum::<u64>(), 360);
    let said = succeed(elapid(["eval"]).arg(&run));
    assert!(said.contains("mostly taken for"), "{said}");
}

#[test]
fn prediction_names_classes_with_probabilities() {
    let folder = tempdir().unwrap();
    let run = folder.path().join("run");
    succeed(&mut train(&run, &["train.steps=2"]));
    let images = folder.path().join("images");
    fs::create_dir(&images).unwrap();
    for name in ["a.png", "b.PNG"] {
        GrayImage::from_fn(8, 8, |x, _| image::Luma([x as u8 * 30]))
            .save(images.join(name))
            .unwrap();
    }
    let output = succeed(
        elapid(["predict", "--json", "--top", "10"])
            .arg(&run)
            .arg(&images),
    );
    assert_eq!(output.lines().count(), 2);
    for line in output.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let classes = line["classes"].as_array().unwrap();
        let sum: f64 = classes
            .iter()
            .map(|class| class["probability"].as_f64().unwrap())
            .sum();
        assert!(classes.len() == 10 && (sum - 1.0).abs() < 1e-5);
    }
    fs::write(images.join("broken.png"), "no image").unwrap();
    let (code, message) = fail(elapid(["predict"]).arg(&run).arg(&images));
    assert_eq!(code, Some(2));
    assert!(message.contains("broken.png"), "{message}");
}

#[test]
fn a_directory_that_holds_a_run_is_not_overwritten() {
    let folder = tempdir().unwrap();
    let run = folder.path().join("run");
    succeed(&mut train(&run, &["train.steps=1"]));
    let before = fs::read(run.join("metrics.jsonl")).unwrap();
    let (code, message) = fail(&mut train(&run, &[]));
    assert_eq!(code, Some(2));
    assert!(
        message.contains("elapid resume") && message.contains("--out"),
        "{message}"
    );
    assert_eq!(fs::read(run.join("metrics.jsonl")).unwrap(), before);
}

#[test]
fn the_making_of_batches_is_timed() {
    let args = [
        "bench",
        "data",
        "--images",
        "40",
        "--workers",
        "0",
        "--workers",
        "2",
        "--json",
    ];
    let lines = succeed(elapid(args).arg(smoke()));
    let timings: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(timings.len(), 2);
    for (timing, workers) in timings.iter().zip([0, 2]) {
        // Whole batches of 32.
        assert_eq!(
            (timing["workers"].as_u64(), timing["images"].as_u64()),
            (Some(workers), Some(64))
        );
        assert!(timing["images_per_s"].as_f64().unwrap() > 0.0, "{timing}");
    }
    let mut missing = elapid(["bench", "data"]);
    missing
        .arg(smoke())
        .args(["--set", "data.name=mnist", "--set", "data.path=nowhere"]);
    let (code, message) = fail(&mut missing);
    assert_eq!(code, Some(2), "{message}");
    assert!(message.contains("nowhere"), "{message}");
}

#[test]
fn looking_commands_print() {
    assert!(succeed(elapid(["config", "show"]).arg(smoke())).contains("# default"));
    assert!(succeed(elapid(["params"]).arg(smoke())).contains("total"));
    assert!(succeed(&mut elapid(["list"])).contains("digits"));
    let timing = succeed(&mut elapid([
        "bench", "scan", "--shape", "1,3,5,2", "--json",
    ]));
    for line in timing.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        for pass in ["forward", "backward"] {
            assert!(line[pass]["ms"].is_f64() && line[pass]["byte_bound"].is_f64());
        }
        assert!(line["strategy"].is_string());
    }
}

#[test]
fn half_precision_parts_of_batches_and_a_line_for_a_schedule() {
    let folder = tempdir().unwrap();
    let set = [
        "train.precision=bf16",
        "train.micro_batch=12",
        "train.steps=4",
        "schedule.kind=linear",
    ];
    let output = succeed(&mut train(&folder.path().join("run"), &set));
    assert!(output.contains("accuracy"), "{output}");
}

#[test]
fn a_fitting_part_is_chosen_said_noted_and_kept() {
    let folder = tempdir().unwrap();
    let run = folder.path().join("run");
    let set = ["train.micro_batch=auto", "model.drop_path_rate=0.2"];
    succeed(&mut train(&run, &set));
    let manifest = fs::read_to_string(run.join("manifest.json")).unwrap();
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    // The smoke experiment is small enough for any machine.
    assert_eq!(manifest["micro_batch"], 32);
    let log = fs::read_to_string(run.join("log.txt")).unwrap();
    let said = "micro_batch: 32 of a batch's 32 samples at a time";
    assert!(log.contains(said), "{log}");
    // Looking for it has changed nothing.
    let whole = folder.path().join("whole");
    succeed(&mut train(&whole, &set[1..]));
    assert_eq!(timeless(&run), timeless(&whole));
}

#[test]
fn a_time_limit_ends_with_a_checkpoint_to_go_on_from() {
    let folder = tempdir().unwrap();
    let run = folder.path().join("run");
    succeed(&mut train(&run, &["train.max_minutes=1e-9"]));
    let log = fs::read_to_string(run.join("log.txt")).unwrap();
    assert!(log.contains("time is up after step 0"), "{log}");
    assert!(log.contains("elapid resume"), "{log}");
    assert!(run.join("checkpoints/step-0/manifest.json").is_file());
}

#[test]
fn experiments_are_compared() {
    let folder = tempdir().unwrap();
    let other = folder.path().join("other.toml");
    let text = format!(
        "extends = {:?}\n[optim]\nlr = 0.125\n",
        smoke().display().to_string()
    );
    fs::write(&other, text).unwrap();
    let output = succeed(elapid(["config", "diff"]).arg(smoke()).arg(&other));
    let lines: Vec<&str> = output.lines().collect();
    // The name of a run is that of its file.
    assert_eq!(lines.len(), 3, "{output}");
    assert!(lines[1].starts_with("optim.lr") && lines[1].ends_with("0.125"));
    assert!(lines[2].starts_with("run.name"));
    let same = succeed(elapid(["config", "diff"]).arg(smoke()).arg(smoke()));
    assert_eq!(same.trim(), "no value differs");
}

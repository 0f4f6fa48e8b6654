//! `sweep`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::tempdir;

use crate::support::{elapid, fail, smoke, succeed, timeless, train};

/// A sweep over learning rates and seeds, of so many steps a run.
fn write_sweep(folder: &Path, steps: u64, rates: &str) -> PathBuf {
    let path = folder.join("rates.toml");
    let base = smoke().canonicalize().unwrap().display().to_string();
    let text = format!(
        "experiment = {base:?}\nkind = \"grid\"\n\n[axes]\n\"optim.lr\" = {rates}\n\
         \"run.seed\" = [0, 1]\n\"train.steps\" = [{steps}]\n"
    );
    fs::write(&path, text).unwrap();
    path
}

fn sweep(file: &Path) -> Command {
    let mut command = elapid(["sweep", "--device", "cpu"]);
    command
        .arg(file)
        .arg("--out")
        .arg(file.with_file_name("out"));
    command
}

fn name(rate: &str, steps: u64, seed: u64) -> String {
    format!("lr={rate},steps={steps},seed={seed}")
}

fn read_json(runs: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(runs.join("sweep.json")).unwrap()).unwrap()
}

#[test]
fn a_grid_of_two_by_two() {
    let folder = tempdir().unwrap();
    let file = write_sweep(folder.path(), 4, "[0.002, 0.0001]");
    let runs = folder.path().join("out/rates");

    let planned = succeed(sweep(&file).arg("--dry-run"));
    assert_eq!(planned.matches("to be run").count(), 4, "{planned}");
    assert!(!runs.exists());

    let table = succeed(&mut sweep(&file));
    assert!(table.starts_with("rates: 4 of 4 runs finished"), "{table}");
    assert_eq!(table.matches(" ± ").count(), 5, "{table}");
    assert_eq!(table.matches("2 finished").count(), 2, "{table}");
    let csv = fs::read_to_string(runs.join("sweep.csv")).unwrap();
    assert_eq!(csv.lines().count(), 5, "{csv}");
    assert!(csv.starts_with("run,optim.lr,train.steps,run.seed,status,valid_accuracy,"));

    // The mean of a setting is that of its two runs, and the better setting comes first.
    let json = read_json(&runs);
    let value = |name: &str| {
        let all = json["runs"].as_array().unwrap();
        let run = all.iter().find(|run| run["name"] == name).unwrap();
        run["run"]["valid"]["value"].as_f64().unwrap()
    };
    let mut means = Vec::new();
    for setting in json["settings"].as_array().unwrap() {
        let of = |at: usize| value(setting["runs"][at].as_str().unwrap());
        let (a, b) = (of(0), of(1));
        let mean = setting["valid"]["mean"].as_f64().unwrap();
        let sd = setting["valid"]["sd"].as_f64().unwrap();
        assert!((mean - (a + b) / 2.0).abs() < 1e-12);
        assert!((sd - (a - b).abs() / 2.0_f64.sqrt()).abs() < 1e-12);
        means.push(mean);
    }
    assert!(means[0] >= means[1]);

    // A run of a sweep is the run that `train` makes.
    let alone = folder.path().join("alone");
    succeed(&mut train(
        &alone,
        &["optim.lr=0.002", "run.seed=1", "train.steps=4"],
    ));
    let of_sweep = runs.join(name("0.002", 4, 1));
    assert_eq!(timeless(&alone), timeless(&of_sweep));

    // Again: nothing is left to do.
    let manifest = fs::read(of_sweep.join("manifest.json")).unwrap();
    assert_eq!(succeed(&mut sweep(&file)), table);
    assert_eq!(succeed(sweep(&file).arg("--table")), table);
    assert_eq!(fs::read(of_sweep.join("manifest.json")).unwrap(), manifest);

    // Another experiment under the same names is refused.
    let plan = of_sweep.join("plan.toml");
    let text = fs::read_to_string(&plan).unwrap();
    fs::write(&plan, text.replace("depth = 2", "depth = 3")).unwrap();
    let (code, message) = fail(&mut sweep(&file));
    assert_eq!(code, Some(2), "{message}");
    assert!(
        message.contains("made with other settings (model.depth)"),
        "{message}"
    );
}

#[test]
fn failed_runs_stop_nothing_and_are_tried_again() {
    let folder = tempdir().unwrap();
    let file = write_sweep(folder.path(), 5, "[1e30, 0.002]");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text + "\"train.max_skips\" = [0]\n").unwrap();
    for _ in 0..2 {
        let output = sweep(&file).output().unwrap();
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{message}");
        assert!(message.contains("2 of 4 runs failed"), "{message}");
        let table = String::from_utf8_lossy(&output.stdout);
        assert!(
            table.contains("2 finished") && table.contains("2 failed"),
            "{table}"
        );
        assert_eq!(table.matches("is not finite").count(), 2, "{table}");
    }
    let table = succeed(sweep(&file).arg("--table"));
    assert_eq!(table.matches("is not finite").count(), 2, "{table}");
}

#[test]
#[cfg(unix)]
fn an_interrupted_sweep_goes_on() {
    let folder = tempdir().unwrap();
    let file = write_sweep(folder.path(), 60, "[0.002]");
    let runs = folder.path().join("out/rates");
    let first = runs.join(name("0.002", 60, 0));
    let child = sweep(&file)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    let has_logged = || {
        let text = fs::read_to_string(first.join("metrics.jsonl")).unwrap_or_default();
        text.contains("{\"step\":10,")
    };
    while !has_logged() {
        assert!(begun.elapsed() < Duration::from_secs(60));
        sleep(Duration::from_millis(2));
    }
    let kill = Command::new("kill")
        .args(["-s", "INT", &child.id().to_string()])
        .status();
    assert!(kill.unwrap().success());
    let output = child.wait_with_output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{message}");
    assert!(message.contains("the same command goes on"), "{message}");
    assert_eq!(read_json(&runs)["runs"][0]["status"], "interrupted");
    assert!(!runs.join(name("0.002", 60, 1)).exists());

    let planned = succeed(sweep(&file).arg("--dry-run"));
    assert!(planned.contains("to be resumed"), "{planned}");
    let table = succeed(&mut sweep(&file));
    assert!(table.contains("2 of 2 runs finished"), "{table}");
    let log = fs::read_to_string(first.join("log.txt")).unwrap();
    assert!(log.contains("resuming from"), "{log}");
    let alone = folder.path().join("alone");
    succeed(&mut train(&alone, &["optim.lr=0.002", "train.steps=60"]));
    assert_eq!(timeless(&first), timeless(&alone));
}

#[test]
fn half_made_runs_are_made_anew() {
    let folder = tempdir().unwrap();
    let file = write_sweep(folder.path(), 2, "[0.002]");
    let half = folder.path().join("out/rates").join(name("0.002", 2, 0));
    fs::create_dir_all(&half).unwrap();
    fs::write(half.join("plan.toml"), "[run").unwrap();
    let table = succeed(&mut sweep(&file));
    assert!(table.contains("2 of 2 runs finished"), "{table}");
    let mut aside = half.into_os_string();
    aside.push(".aside");
    assert_eq!(
        fs::read_to_string(Path::new(&aside).join("plan.toml")).unwrap(),
        "[run"
    );
}

#[test]
fn everything_is_checked_before_the_first_run() {
    let folder = tempdir().unwrap();
    let file = write_sweep(folder.path(), 2, "[0.002]");
    let good = fs::read_to_string(&file).unwrap();
    let refused = |from: &str, to: &str, words: &[&str]| {
        assert!(good.contains(from), "{from}");
        fs::write(&file, good.replace(from, to)).unwrap();
        let (code, message) = fail(&mut sweep(&file));
        assert_eq!(code, Some(2), "{message}");
        for word in words {
            assert!(message.contains(word), "`{word}` is missing in: {message}");
        }
    };
    refused(
        "optim.lr",
        "optim.lrr",
        &["rates.toml:5:1", "did you mean `lr`?"],
    );
    refused(
        "[0, 1]",
        "[0, -1]",
        &["rates.toml:6:14", "`seed` in [run]", "got -1"],
    );
    let missing =
        "\"data.name\" = [\"digits\", \"mnist\"]\n\"data.path\" = [\"nowhere\"]\n\"run.seed\"";
    refused(
        "\"run.seed\"",
        missing,
        &["`path` is not a key of data name `digits`"],
    );
    let missing = "\"data.name\" = [\"mnist\"]\n\"data.path\" = [\"nowhere\"]\n\"run.seed\"";
    refused("\"run.seed\"", missing, &["nowhere"]);
    assert!(!folder.path().join("out").exists());
}

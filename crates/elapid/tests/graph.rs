//! Steps that are replayed as graphs against steps that are launched operation by operation, on the device that
//! `ELAPID_TEST_DEVICE` names, on CUDA also named twice; on the CPU there is nothing to compare.

use std::fs;
use std::path::Path;
use std::process::Command;

/// The lines of `metrics.jsonl` that do not tell the time, and what was logged.
fn train(dir: &Path, name: &str, device: &str, graph: &str) -> (Vec<String>, String) {
    let run = dir.join(name);
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/smoke/vim_digits.toml");
    let mut command = Command::new(env!("CARGO_BIN_EXE_elapid"));
    command.env("ELAPID_LOG", "elapid_train=debug");
    command.arg("train").arg(config).arg("--out").arg(&run);
    command.args(["--device", device]);
    let graph = format!("train.graph={graph}");
    let changes = [
        graph.as_str(),
        "log.every=1",
        "model.drop_path_rate=0.2",
        "train.batch_size=12",
        "train.micro_batch=6",
        "model.depth=1",
        "train.ema=0.9",
        "train.checkpoint=6",
        "eval.every=6",
        "train.steps=10",
    ];
    for change in changes {
        command.args(["--set", change]);
    }
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let text = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    let clocks = ["step_ms", "samples_per_s", "data_wait"];
    let is_timing = |line: &&str| clocks.iter().any(|clock| line.contains(clock));
    let lines = text.lines().filter(|line| !is_timing(line));
    (lines.map(str::to_owned).collect(), said)
}

/// Compares runs with and without graphs on devices named with commas between.
fn compare(devices: &str) {
    let temp = tempfile::tempdir().unwrap();
    let (mut eager, _) = train(temp.path(), "eager", devices, "off");
    let (graph, said) = train(temp.path(), "graph", devices, "auto");
    assert!(said.contains("step recorded"), "{said}");
    if eager != graph {
        // The first run on a machine tunes matrix products as it goes, and may round as no later one does.
        eager = train(temp.path(), "tuned", devices, "off").0;
    }
    assert_eq!(eager, graph);
}

#[test]
fn graphs_change_no_bit() {
    if let Ok(device) = std::env::var("ELAPID_TEST_DEVICE") {
        compare(&device);
    }
}

/// Only where graphs are the hardware's: software drivers take minutes for it.
#[test]
fn graphs_of_a_device_that_shares_with_itself_change_no_bit() {
    let device = std::env::var("ELAPID_TEST_DEVICE").unwrap_or_default();
    if device.starts_with("cuda") {
        compare(&format!("{device},{device}"));
    }
}

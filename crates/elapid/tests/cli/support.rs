//! Running the binary and reading what it leaves.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// The binary under test, without anything from the environment that changes what it says.
pub(crate) fn elapid<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_elapid"));
    command.args(args).env_remove("ELAPID_LOG");
    command
}

/// The experiment that trains a few steps on the embedded digits.
pub(crate) fn smoke() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/smoke/vim_digits.toml")
}

/// `elapid train` on the smoke experiment, into `out`.
pub(crate) fn train(out: &Path, set: &[&str]) -> Command {
    let mut command = elapid(["train"]);
    command.arg(smoke()).arg("--out").arg(out);
    for value in set {
        command.args(["--set", value]);
    }
    command
}

/// Runs a command that must succeed and returns its standard output.
pub(crate) fn succeed(command: &mut Command) -> String {
    let output = command.output().expect("the binary runs");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {error}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Exit code and standard error of a command.
pub(crate) fn fail(command: &mut Command) -> (Option<i32>, String) {
    let Output { status, stderr, .. } = command.output().expect("the binary runs");
    (status.code(), String::from_utf8(stderr).expect("UTF-8"))
}

/// The lines of a run's `metrics.jsonl`.
pub(crate) fn metrics(run: &Path) -> Vec<Value> {
    let text = fs::read_to_string(run.join("metrics.jsonl")).expect("metrics.jsonl");
    text.lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

/// Everything in `metrics.jsonl` that must not depend on the clock, as text so that values are
/// compared bit for bit.
pub(crate) fn timeless(run: &Path) -> BTreeMap<String, String> {
    let is_timing = |name: &str| matches!(name, "step_ms" | "samples_per_s");
    metrics(run)
        .into_iter()
        .filter(|line| !is_timing(line["name"].as_str().unwrap_or_default()))
        .map(|line| {
            let key = format!("{} {} {}", line["step"], line["split"], line["name"]);
            (key, line["value"].to_string())
        })
        .collect()
}

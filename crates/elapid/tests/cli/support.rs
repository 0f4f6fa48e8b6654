//! Running the binary and reading what it leaves.

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
    root().join("configs/smoke/vim_digits.toml")
}

/// The root of the checkout that cargo runs now, which need not be the one that was compiled, because
/// checkouts may share a build directory.
pub(crate) fn root() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR");
    let package = package.unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    Path::new(&package).join("../..")
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

/// The lines of `metrics.jsonl` that must not depend on the clock. They stay text: equal lines are
/// equal bit for bit, and a line that is written twice counts twice.
pub(crate) fn timeless(run: &Path) -> Vec<String> {
    let text = fs::read_to_string(run.join("metrics.jsonl")).expect("metrics.jsonl");
    let clocks = ["\"step_ms\"", "\"samples_per_s\"", "\"data_wait\""];
    let is_timing = |line: &&str| clocks.iter().any(|clock| line.contains(clock));
    let lines = text.lines().filter(|line| !is_timing(line));
    lines.map(str::to_owned).collect()
}

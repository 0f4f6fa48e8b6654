//! File systems that are full or cannot be written to, in a namespace of their own.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::tempdir;

use crate::support::{smoke, succeed, timeless, train};

const SETTINGS: [&str; 6] = [
    "train.steps=12",
    "train.checkpoint=2",
    "eval.every=100",
    "log.every=1",
    "data.valid_fraction=0",
    "schedule.kind=constant",
];

/// Runs a script with a file system in memory of `kilobytes` at `$DISK`, `elapid` at `$ELAPID` and the arguments of a training
/// run, less its directory, in `$@`. What it leaves on the disk is gone afterwards, but for what it copies to `$KEPT`.
/// `None`, with a message, where the system lets nobody do that.
#[allow(clippy::print_stderr)] // So that nobody takes a test that was skipped for one that passed.
fn on_a_disk_of(kilobytes: u32, kept: &Path, script: &str) -> Option<Output> {
    let disk = tempdir().unwrap();
    let mount = format!("mount -t tmpfs -o size={kilobytes}k elapid \"$DISK\"");
    let namespace = |script: &str| {
        let mut command = Command::new("unshare");
        let script = format!("set -e; {mount}; {script}");
        command
            .args(["--user", "--map-root-user", "--mount", "sh", "-c"])
            .args([&script, "sh"])
            .env("DISK", disk.path())
            .env("KEPT", kept)
            .env("ELAPID", env!("CARGO_BIN_EXE_elapid"));
        command
    };
    let works = namespace("true").output();
    if !works.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: no file system can be mounted here");
        return None;
    }
    let mut command = namespace(script);
    command.arg(smoke());
    for value in SETTINGS {
        command.args(["--set", value]);
    }
    Some(command.output().unwrap())
}

#[test]
fn a_run_on_a_full_disk_keeps_what_it_has_and_goes_on_later() {
    let kept = tempdir().unwrap();
    // Room for the run's files and one checkpoint, which a second one does not fit beside.
    let script = r#"
        "$ELAPID" train "$@" --out "$DISK/probe" 2>/dev/null >/dev/null
        one=$(du -sk "$DISK/probe/checkpoints/step-12" | cut -f1)
        all=$(du -sk "$DISK/probe" | cut -f1)
        rest=$(du -sk --exclude checkpoints "$DISK/probe" | cut -f1)
        rm -r "$DISK/probe"
        mount -o remount,size=$((rest + one + one / 2 + 16))k "$DISK"
        code=0; "$ELAPID" train "$@" --out "$DISK/run" 2>"$KEPT/train.txt" >/dev/null || code=$?
        echo "$code" >"$KEPT/code"
        ls "$DISK/run/checkpoints" >"$KEPT/left"
        mount -o remount,size=65536k "$DISK"
        "$ELAPID" resume "$DISK/run" 2>"$KEPT/resume.txt"
        cp -r "$DISK/run" "$KEPT/run"
    "#;
    let Some(output) = on_a_disk_of(65_536, kept.path(), script) else {
        return;
    };
    let text = |name: &str| fs::read_to_string(kept.path().join(name)).unwrap_or_default();
    let message = text("train.txt");
    assert!(
        output.status.success(),
        "{}\n{message}\n{}",
        String::from_utf8_lossy(&output.stderr),
        text("resume.txt")
    );
    assert_eq!(text("code"), "1\n", "{message}");
    assert!(
        message.contains("free some space, then resume the run; training goes on"),
        "{message}"
    );
    assert!(
        message
            .trim_end()
            .ends_with("free some space, then resume the run"),
        "{message}"
    );
    assert!(!message.contains("panicked"), "{message}");
    assert_eq!(text("left"), "step-2\n", "{message}");

    let through = kept.path().join("through");
    succeed(&mut train(&through, &SETTINGS));
    assert_eq!(timeless(&kept.path().join("run")), timeless(&through));
}

#[test]
fn a_run_that_may_only_be_read_says_so_and_is_left_as_it_was() {
    let kept = tempdir().unwrap();
    let script = r#"
        try() {
            code=0; "$ELAPID" "$@" >"$KEPT/out" 2>"$KEPT/err" || code=$?
            echo "$code $(cat "$KEPT/err")" >>"$KEPT/tried"
        }
        "$ELAPID" train "$@" --out "$DISK/run" 2>/dev/null >/dev/null
        mount -o remount,ro "$DISK"
        try train "$@" --out "$DISK/other"
        try resume "$DISK/run"
        try eval "$DISK/run"
        mount -o remount,rw "$DISK"
        "$ELAPID" resume "$DISK/run" 2>/dev/null >/dev/null
        cp -r "$DISK/run" "$KEPT/run"
    "#;
    let Some(output) = on_a_disk_of(65_536, kept.path(), script) else {
        return;
    };
    let error = String::from_utf8_lossy(&output.stderr);
    let tried = fs::read_to_string(kept.path().join("tried")).unwrap_or_default();
    assert!(output.status.success(), "{error}\n{tried}");
    let tried: Vec<&str> = tried.lines().collect();
    let [train_anew, resume, eval] = tried[..] else {
        panic!("{tried:?}")
    };
    assert!(train_anew.starts_with("2 "), "{train_anew}");
    assert!(resume.starts_with("1 "), "{resume}");
    for refused in [train_anew, resume] {
        assert!(
            refused.contains("make the file system writable"),
            "{refused}"
        );
    }
    assert_eq!(eval, "0 ", "a run can still be looked at");
    let through = kept.path().join("through");
    succeed(&mut train(&through, &SETTINGS));
    assert_eq!(timeless(&kept.path().join("run")), timeless(&through));
}

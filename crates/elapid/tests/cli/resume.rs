//! Interruption of every kind.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::tempdir;

use crate::support::{elapid, fail, succeed, timeless, train};

const SETTINGS: [&str; 5] = [
    "train.steps=60",
    "train.checkpoint=5",
    "train.keep_last=3",
    "eval.every=20",
    "log.every=4",
];

/// A run in the background.
fn start(run: &Path) -> Child {
    let mut command = train(run, &SETTINGS);
    command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs")
}

/// Waits until the run has a complete checkpoint of at least `step`.
fn wait_for_checkpoint(run: &Path, step: u64) {
    let started = Instant::now();
    while checkpoints(run).iter().all(|(found, _)| *found < step) {
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "no checkpoint of step {step}"
        );
        sleep(Duration::from_millis(2));
    }
}

/// Steps and folders of complete checkpoints, ascending.
fn checkpoints(run: &Path) -> Vec<(u64, PathBuf)> {
    let Ok(entries) = fs::read_dir(run.join("checkpoints")) else {
        return Vec::new();
    };
    let mut found: Vec<_> = entries
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let step = path
                .file_name()?
                .to_str()?
                .strip_prefix("step-")?
                .parse()
                .ok()?;
            path.join("manifest.json").is_file().then_some((step, path))
        })
        .collect();
    found.sort();
    found
}

fn uninterrupted(folder: &Path) -> PathBuf {
    let run = folder.join("whole");
    succeed(&mut train(&run, &SETTINGS));
    run
}

#[test]
fn a_killed_run_resumes_bit_for_bit() {
    let folder = tempdir().unwrap();
    let expected = timeless(&uninterrupted(folder.path()));
    for step in [5, 25, 50] {
        let run = folder.path().join(format!("killed-{step}"));
        let mut child = start(&run);
        wait_for_checkpoint(&run, step);
        child.kill().unwrap(); // SIGKILL
        child.wait().unwrap();
        succeed(elapid(["resume"]).arg(&run));
        assert_eq!(timeless(&run), expected, "killed after step {step}");
    }
}

#[test]
#[cfg(unix)]
fn signals_end_a_run_after_a_checkpoint() {
    let folder = tempdir().unwrap();
    let expected = timeless(&uninterrupted(folder.path()));
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let run = folder.path().join(signal);
        let child = start(&run);
        wait_for_checkpoint(&run, 5);
        let kill = Command::new("kill")
            .args(["-s", signal, &child.id().to_string()])
            .status();
        assert!(kill.unwrap().success());
        let output = child.wait_with_output().unwrap();
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{message}");
        assert!(message.contains("elapid resume"), "{message}");
        succeed(elapid(["resume"]).arg(&run));
        assert_eq!(timeless(&run), expected, "SIG{signal}");
    }
}

#[test]
fn damaged_checkpoints_are_skipped_with_a_message() {
    let folder = tempdir().unwrap();
    let run = uninterrupted(folder.path());
    let expected = timeless(&run);
    let found = checkpoints(&run);
    let [.., (_, half_written), (_, truncated)] = &found[..] else {
        panic!("{found:?}")
    };
    let weights = truncated.join("model.bpk");
    let bytes = fs::read(&weights).unwrap();
    fs::write(&weights, &bytes[..bytes.len() / 2]).unwrap();
    fs::remove_file(half_written.join("manifest.json")).unwrap();
    let unpublished = run.join("checkpoints/.step-61.partial");
    fs::create_dir(&unpublished).unwrap();
    fs::write(unpublished.join("model.bpk"), "half a mod").unwrap();

    let output = elapid(["resume"]).arg(&run).output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{message}");
    for skipped in [half_written, truncated] {
        let name = skipped.file_name().unwrap().to_str().unwrap();
        assert!(message.contains(name), "{message}");
    }
    assert!(!unpublished.exists());
    assert_eq!(timeless(&run), expected);
}

#[test]
fn resuming_a_finished_run_repeats_only_its_test() {
    let folder = tempdir().unwrap();
    let run = uninterrupted(folder.path());
    let (expected, before) = (timeless(&run), checkpoints(&run));
    let output = succeed(elapid(["resume"]).arg(&run));
    assert!(output.contains("accuracy"), "{output}");
    assert_eq!(timeless(&run), expected);
    assert_eq!(checkpoints(&run), before);
}

#[test]
fn without_a_checkpoint_there_is_nothing_to_resume() {
    let folder = tempdir().unwrap();
    let run = folder.path().join("run");
    succeed(&mut train(&run, &["train.steps=1"]));
    fs::remove_dir_all(run.join("checkpoints")).unwrap();
    let (code, message) = fail(elapid(["resume"]).arg(&run));
    assert_eq!(code, Some(1), "{message}");
    assert!(message.contains("no complete checkpoint"), "{message}");

    let (code, message) = fail(elapid(["resume"]).arg(folder.path()));
    assert_eq!(code, Some(2), "{message}");
    assert!(message.contains("not a run directory"), "{message}");
}

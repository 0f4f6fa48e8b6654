//! Interruption of every kind.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::tempdir;

use crate::sounds::tones;
use crate::support::{elapid, fail, smoke, succeed, timeless, train};

const SHORT: [&str; 5] = [
    "train.steps=60",
    "train.checkpoint=5",
    "train.keep_last=3",
    "eval.every=20",
    "log.every=4",
];

/// Seconds long, so that a signal finds it running on a busy machine too.
const LONG: [&str; 4] = [
    "train.steps=300",
    "train.checkpoint=20",
    "eval.every=100",
    "log.every=7",
];

/// A run in the background.
fn start(run: &Path, settings: &[&str]) -> Child {
    let mut command = train(run, settings);
    command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs")
}

/// Waits until the run has got somewhere.
fn wait_until(is_there: impl Fn() -> bool) {
    let started = Instant::now();
    while !is_there() {
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "the run makes no progress"
        );
        sleep(Duration::from_millis(2));
    }
}

/// Whether the run has logged anything of `step`.
fn has_logged(run: &Path, step: u64) -> bool {
    let text = fs::read_to_string(run.join("metrics.jsonl")).unwrap_or_default();
    text.contains(&format!("{{\"step\":{step},"))
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

fn uninterrupted(folder: &Path, settings: &[&str]) -> PathBuf {
    let run = folder.join("whole");
    succeed(&mut train(&run, settings));
    run
}

#[test]
fn a_killed_run_resumes_bit_for_bit() {
    let folder = tempdir().unwrap();
    let expected = timeless(&uninterrupted(folder.path(), &SHORT));
    let mut killed = 0;
    // Logged after a checkpoint: `resume` goes back behind these lines and writes them again.
    for step in [8, 28, 56] {
        let run = folder.path().join(format!("killed-{step}"));
        let mut child = start(&run, &SHORT);
        // Checkpoints are written beside training: the first may come after the first lines.
        wait_until(|| has_logged(&run, step) && !checkpoints(&run).is_empty());
        child.kill().unwrap(); // SIGKILL
        killed += u32::from(!child.wait().unwrap().success());
        succeed(elapid(["resume"]).arg(&run));
        assert_eq!(timeless(&run), expected, "killed after step {step}");
    }
    assert!(
        killed > 0,
        "every run was finished before it could be killed"
    );
}

#[test]
#[cfg(unix)]
fn signals_end_a_run_after_a_checkpoint() {
    let folder = tempdir().unwrap();
    let expected = timeless(&uninterrupted(folder.path(), &LONG));
    for (signal, code) in [("INT", 130), ("TERM", 143), ("USR1", 138)] {
        let run = folder.path().join(signal);
        let child = start(&run, &LONG);
        wait_until(|| has_logged(&run, 28));
        // Twice, as `timeout` and batch systems do, which send it to the process and to its group.
        for _ in 0..2 {
            let kill = Command::new("kill")
                .args(["-s", signal, &child.id().to_string()])
                .status();
            assert!(kill.unwrap().success());
        }
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
    let run = uninterrupted(folder.path(), &SHORT);
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
    let run = uninterrupted(folder.path(), &SHORT);
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
    assert_eq!(code, Some(2), "{message}");
    assert!(message.contains("no complete checkpoint"), "{message}");

    let (code, message) = fail(elapid(["resume"]).arg(folder.path()));
    assert_eq!(code, Some(2), "{message}");
    assert!(message.contains("not a run directory"), "{message}");
}

#[test]
fn verify_resume_finds_nothing_to_complain_about() {
    let folder = smoke().parent().unwrap().to_owned();
    let sounds = tempdir().unwrap();
    let tones = tones(sounds.path());
    for config in fs::read_dir(folder).unwrap() {
        let config = config.unwrap().path();
        let mut command = elapid(["verify-resume"]);
        command
            .arg(&config)
            .args(["--kills", "2", "--device", "cpu"])
            .args(["--set", "train.steps=40", "--set", "train.checkpoint=3"]);
        if fs::read_to_string(&config).unwrap().contains("data/tones") {
            let path = format!("data.path={:?}", tones.to_str().unwrap());
            command.args(["--set", &path]);
        }
        let output = succeed(&mut command);
        let equal = output.matches("equal bit for bit").count();
        assert_eq!(equal, 2, "{}: {output}", config.display());
    }
}

//! Kills while a checkpoint is being written.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use elapid::train::checkpoint::{Checkpoints, Found};
use tempfile::tempdir;

use crate::support::{elapid, succeed, timeless, train};

const KILLS: u32 = 50;

/// A model whose steps take milliseconds and whose checkpoints tens of megabytes.
const SETTINGS: [&str; 11] = [
    "train.steps=1000000",
    "train.batch_size=1",
    "train.checkpoint=1",
    "train.keep_last=2",
    "train.ema=0.9",
    "schedule.kind=constant",
    "model.embed_dim=384",
    "model.depth=2",
    "data.valid_fraction=0",
    "data.workers=0",
    "log.every=1",
];

#[test]
#[allow(clippy::print_stdout)] // How many kills landed is what the test is about.
fn whatever_moment_of_a_write_a_kill_hits_the_run_goes_on_from_a_whole_checkpoint() {
    let folder = tempdir().unwrap();
    let run = folder.path().join("run");
    let mut child = quiet(train(&run, &SETTINGS).stderr(Stdio::null()));
    let took = time_of_a_write(&run, &mut child);
    child.kill().unwrap();
    child.wait().unwrap();

    let (mut landed, mut resumed_from) = (0, newest(&run));
    let mut moments = Moments(20_261_129);
    for kill in 0..KILLS {
        let mut child = quiet(elapid(["resume"]).arg(&run).stderr(Stdio::piped()));
        wait_for_a_write(&run, &mut child);
        sleep(took.mul_f64(moments.next()));
        child.kill().unwrap(); // SIGKILL
        let output = child.wait_with_output().unwrap();
        let message = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{message}");
        let begun_from = format!("checkpoints/step-{resumed_from}`");
        assert!(message.contains(&begun_from), "kill {kill}: {message}");
        for complaint in ["skipped", "warning", "error", "panicked"] {
            assert!(!message.contains(complaint), "kill {kill}: {message}");
        }
        landed += u32::from(being_written(&run).is_some());
        let newest = newest(&run);
        assert!(newest >= resumed_from, "{newest} after {resumed_from}");
        resumed_from = newest;
    }
    println!(
        "{landed} of {KILLS} kills hit a checkpoint while it was written ({:.0} ms long); the run got to step {resumed_from}",
        1e3 * took.as_secs_f64()
    );
    assert!(landed >= KILLS / 3, "only {landed} of {KILLS} kills landed");

    // After all that, the run is what it would have been.
    let steps = resumed_from + 2;
    let plan = fs::read_to_string(run.join("plan.toml")).unwrap();
    let shorter = plan.replace("steps = 1000000", &format!("steps = {steps}"));
    fs::write(run.join("plan.toml"), shorter).unwrap();
    succeed(elapid(["resume"]).arg(&run));
    let through = folder.path().join("through");
    let steps = format!("train.steps={steps}");
    succeed(train(&through, &SETTINGS).args(["--set", &steps]));
    assert_eq!(timeless(&run), timeless(&through));
}

fn quiet(command: &mut Command) -> Child {
    command.stdout(Stdio::null()).spawn().unwrap()
}

/// How long a checkpoint takes: from its first file to its name.
fn time_of_a_write(run: &Path, child: &mut Child) -> Duration {
    // The first is written while the process still warms up.
    while largest(run, "step-", "").is_none_or(|step| step < 3) {
        assert!(child.try_wait().unwrap().is_none(), "the run ended");
        sleep(Duration::from_millis(5));
    }
    let step = wait_for_a_write(run, child);
    let started = Instant::now();
    while largest(run, "step-", "") < Some(step) {
        sleep(Duration::from_micros(200));
    }
    started.elapsed()
}

/// The step of the next checkpoint that is begun to be written.
fn wait_for_a_write(run: &Path, child: &mut Child) -> u64 {
    let started = Instant::now();
    // What an earlier process left half-written is deleted first.
    let mut is_clear = false;
    loop {
        match being_written(run) {
            Some(step) if is_clear => return step,
            found => is_clear |= found.is_none(),
        }
        assert!(child.try_wait().unwrap().is_none(), "the run ended");
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "no checkpoint is begun"
        );
        sleep(Duration::from_micros(200));
    }
}

/// The largest step of a directory of checkpoints whose name has this form.
fn largest(run: &Path, prefix: &str, suffix: &str) -> Option<u64> {
    let entries = fs::read_dir(run.join("checkpoints")).ok()?;
    let step = |name: &str| {
        name.strip_prefix(prefix)?
            .strip_suffix(suffix)?
            .parse()
            .ok()
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.filter_map(|name| step(&name)).max()
}

/// The step of a checkpoint that is newer than all that are there, and has not got its name yet.
fn being_written(run: &Path) -> Option<u64> {
    let step = largest(run, ".step-", ".partial")?;
    largest(run, "step-", "")
        .is_none_or(|newest| step > newest)
        .then_some(step)
}

/// The step of the newest checkpoint, which must be whole, every byte of it.
fn newest(run: &Path) -> u64 {
    let Found {
        checkpoint,
        skipped,
    } = Checkpoints::new(run.join("checkpoints")).latest().unwrap();
    assert!(skipped.is_empty(), "{skipped:?}");
    checkpoint.state().step
}

/// Where in a write to kill, as shares of its usual length; a few come after its end.
struct Moments(u64);

impl Moments {
    /// An additive recurrence with the golden ratio: it leaves no part of the interval out.
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        1.15 * (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

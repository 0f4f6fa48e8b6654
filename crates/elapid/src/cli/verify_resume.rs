//! `elapid verify-resume`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use elapid::config;
use elapid::train::StepKey;

use super::failure::Failure;
use super::{print, table};

/// Kill a training run at random steps, resume it, and compare every number with a run that was left alone.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  elapid verify-resume configs/smoke/vim_digits.toml --kills 5")]
pub(crate) struct VerifyResumeArgs {
    /// The experiment; best one of few steps.
    config: PathBuf,
    /// How many runs to kill.
    #[arg(long, default_value_t = 3)]
    kills: u64,
    /// Chooses the steps.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Override an option; may be repeated.
    #[arg(long, value_name = "SECTION.KEY=VALUE")]
    set: Vec<String>,
    /// Where to compute.
    #[arg(long, default_value = "auto")]
    device: String,
    /// Directory for the runs [default: one below the system's temporary directory, removed if all are equal].
    #[arg(long)]
    out: Option<PathBuf>,
}

pub(crate) fn verify_resume(args: VerifyResumeArgs) -> Result<(), Failure> {
    // A wrong config is told here, in one piece, and not by the processes below.
    config::load(&args.config, &args.set).map_err(Failure::input)?;
    let is_own = args.out.is_none();
    let temporary = || std::env::temp_dir().join(format!("elapid-verify-{}", std::process::id()));
    let folder = args.out.clone().unwrap_or_else(temporary);
    fs::create_dir_all(&folder).map_err(Failure::input)?;

    let whole = folder.join("whole");
    succeed(train(&args, &whole)?)?;
    let expected = numbers(&whole)?;
    let last = expected.iter().filter_map(|line| step(line)).max();
    let last = last.filter(|last| *last > 1).ok_or_else(|| {
        Failure::wrong("the run has a single step, so there is nothing to resume; give it more")
    })?;

    let mut rows = vec![
        ["killed after step", "numbers", "result"]
            .map(str::to_owned)
            .to_vec(),
    ];
    let mut equal = true;
    for kill in 0..args.kills {
        let at = 1 + StepKey::new(args.seed, kill).word(0) % (last - 1);
        let run = folder.join(format!("killed-{kill}"));
        let reached = interrupt(&args, &run, at)?;
        let found = numbers(&run)?;
        let difference = first_difference(&expected, &found);
        equal &= difference.is_none();
        rows.push(vec![
            reached.map_or("not: it had finished".to_owned(), |step| step.to_string()),
            found.len().to_string(),
            difference.unwrap_or_else(|| "equal bit for bit".to_owned()),
        ]);
    }
    print(&table::align(rows))?;
    if !equal {
        let message = format!("resumed runs differ; they are in `{}`", folder.display());
        return Err(Failure::run(anyhow::Error::msg(message)));
    }
    if is_own {
        let _ = fs::remove_dir_all(&folder);
    }
    Ok(())
}

/// Trains until step `at` is logged and a checkpoint is there, kills the process without warning, and resumes in
/// a new one. Gives the last step logged before the kill; none if the run was faster than that.
fn interrupt(args: &VerifyResumeArgs, run: &Path, at: u64) -> Result<Option<u64>, Failure> {
    let mut child = train(args, run)?.spawn().map_err(Failure::run)?;
    loop {
        if let Some(status) = child.try_wait().map_err(Failure::run)? {
            return match status.success() {
                true => Ok(None),
                false => Err(ended(run)),
            };
        }
        let logged = last_step(run);
        if logged >= Some(at) && has_checkpoint(run) {
            break;
        }
        sleep(Duration::from_millis(1));
    }
    child
        .kill()
        .and_then(|()| child.wait())
        .map_err(Failure::run)?;
    let reached = last_step(run);
    let mut resume = this_program()?;
    resume.arg("resume").arg(run);
    succeed(resume)?;
    Ok(reached)
}

fn train(args: &VerifyResumeArgs, run: &Path) -> Result<Command, Failure> {
    let mut command = this_program()?;
    command.arg("train").arg(&args.config).arg("--out").arg(run);
    command.args(["--device", &args.device]);
    for set in &args.set {
        command.args(["--set", set]);
    }
    // Every step's loss is compared.
    command.args(["--set", "log.every=1"]);
    Ok(command)
}

fn this_program() -> Result<Command, Failure> {
    let mut command = Command::new(std::env::current_exe().map_err(Failure::run)?);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    Ok(command)
}

fn succeed(mut command: Command) -> Result<(), Failure> {
    let output = command
        .stderr(Stdio::piped())
        .output()
        .map_err(Failure::run)?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let last = text.lines().last().unwrap_or("without a message");
    Err(Failure::run(anyhow::Error::msg(format!(
        "`{command:?}` failed: {last}"
    ))))
}

fn ended(run: &Path) -> Failure {
    Failure::run(anyhow::Error::msg(format!(
        "the run in `{}` failed by itself; see its log.txt",
        run.display()
    )))
}

/// The lines of `metrics.jsonl` that do not depend on the clock, as text: equal text is equal bit for bit.
fn numbers(run: &Path) -> Result<Vec<String>, Failure> {
    let text = fs::read_to_string(run.join("metrics.jsonl")).map_err(Failure::run)?;
    let is_timing =
        |line: &&str| line.contains("\"step_ms\"") || line.contains("\"samples_per_s\"");
    Ok(text
        .lines()
        .filter(|line| !is_timing(line))
        .map(str::to_owned)
        .collect())
}

fn last_step(run: &Path) -> Option<u64> {
    let text = fs::read_to_string(run.join("metrics.jsonl")).ok()?;
    // The last line may be half written.
    text.lines().filter_map(step).next_back()
}

fn step(line: &str) -> Option<u64> {
    serde_json::from_str::<serde_json::Value>(line).ok()?["step"].as_u64()
}

fn has_checkpoint(run: &Path) -> bool {
    let Ok(entries) = fs::read_dir(run.join("checkpoints")) else {
        return false;
    };
    entries
        .flatten()
        .any(|entry| entry.file_name().to_string_lossy().starts_with("step-"))
}

fn first_difference(expected: &[String], found: &[String]) -> Option<String> {
    let differs = expected.iter().zip(found).find(|(a, b)| a != b);
    if let Some((expected, found)) = differs {
        return Some(format!("expected {expected}, got {found}"));
    }
    (expected.len() != found.len()).then(|| format!("expected {} numbers", expected.len()))
}

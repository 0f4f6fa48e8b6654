//! `elapid verify-resume`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use elapid::config;
use elapid::train::StepKey;

use super::failure::Failure;
use super::{print, table};

/// End training runs without warning at random steps, resume them, and compare every number with a run that was left alone.
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
    let last = last.filter(|last| *last > 2).ok_or_else(|| {
        Failure::wrong(
            "the run has fewer than three steps, so there is nothing to resume; give it more",
        )
    })?;

    let mut rows = vec![
        ["killed after step", "numbers", "result"]
            .map(str::to_owned)
            .to_vec(),
    ];
    let mut equal = true;
    for kill in 0..args.kills {
        // A checkpoint is complete for certain once the next one has begun.
        let at = 2 + StepKey::new(args.seed, kill).word(0) % (last - 2);
        let run = folder.join(format!("killed-{kill}"));
        interrupt(&args, &run, at)?;
        let found = numbers(&run)?;
        let difference = first_difference(&expected, &found);
        equal &= difference.is_none();
        rows.push(vec![
            at.to_string(),
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

/// Trains a process to death behind step `at`, and resumes in a new one.
fn interrupt(args: &VerifyResumeArgs, run: &Path, at: u64) -> Result<(), Failure> {
    let mut dying = train(args, run)?;
    dying.args(["--abort-before", &at.to_string()]);
    let status = dying.status().map_err(Failure::run)?;
    if status.code().is_some() {
        return Err(ended(run));
    }
    let mut resume = this_program()?;
    resume.arg("resume").arg(run);
    succeed(resume)
}

fn train(args: &VerifyResumeArgs, run: &Path) -> Result<Command, Failure> {
    let mut command = this_program()?;
    command.arg("train").arg(&args.config).arg("--out").arg(run);
    command.args(["--device", &args.device]);
    for set in &args.set {
        command.args(["--set", set]);
    }
    // Every step's loss is compared, and every step can be gone on from; checkpoints are being written most of the time.
    command.args(["--set", "log.every=1", "--set", "train.checkpoint=1"]);
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
    let clocks = ["\"step_ms\"", "\"samples_per_s\"", "\"data_wait\""];
    let is_timing = |line: &&str| clocks.iter().any(|clock| line.contains(clock));
    Ok(text
        .lines()
        .filter(|line| !is_timing(line))
        .map(str::to_owned)
        .collect())
}

fn step(line: &str) -> Option<u64> {
    serde_json::from_str::<serde_json::Value>(line).ok()?["step"].as_u64()
}

fn first_difference(expected: &[String], found: &[String]) -> Option<String> {
    let differs = expected.iter().zip(found).find(|(a, b)| a != b);
    if let Some((expected, found)) = differs {
        return Some(format!("expected {expected}, got {found}"));
    }
    (expected.len() != found.len()).then(|| format!("expected {} numbers", expected.len()))
}

//! `elapid sweep`.

mod children;
mod files;
mod results;
mod spread;
mod trial;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use elapid::config::{self, Plan, Sweep};
use elapid::registry;
use elapid::train::StopFlag;
use elapid::train::report::Status;

use self::children::{Children, Ended};
use self::results::Results;
use self::trial::{Job, State};
use super::failure::Failure;
use super::run::{self, Built};
use super::{print, table};

/// Train one experiment with many settings and compare them.
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  elapid sweep configs/sweeps/vim_digits_rates.toml\n\nThe same command again goes on: it skips finished runs, resumes interrupted ones and retries failed ones."
)]
pub(crate) struct SweepArgs {
    /// The sweep: an experiment and the values of its axes.
    sweep: PathBuf,
    /// Directory for the sweep's own directory.
    #[arg(long, value_name = "DIR", default_value = "runs")]
    out: PathBuf,
    /// Where to compute; several devices, with commas between, train several runs at a time.
    #[arg(long, default_value = "auto", value_delimiter = ',')]
    device: Vec<String>,
    /// Check everything and list the runs; start none.
    #[arg(long)]
    dry_run: bool,
    /// Only show the table of what has been run.
    #[arg(long, conflicts_with = "dry_run")]
    table: bool,
}

/// What went wrong with runs, by their names.
type Reasons = BTreeMap<String, String>;

pub(crate) fn sweep(args: SweepArgs) -> Result<(), Failure> {
    let sweep = config::load_sweep(&args.sweep).map_err(Failure::input)?;
    let folder = args.out.join(&sweep.name);
    let mut reasons = files::reasons(&folder);
    if args.table {
        return show(&args.sweep, &sweep, &folder, &reasons);
    }
    check(&sweep, &args.device)?;
    let states = sweep.trials.iter().map(|trial| {
        let state = trial::state(trial, &folder.join(&trial.name))?;
        Ok((trial, state))
    });
    let states: Vec<_> = states.collect::<Result<_, Failure>>()?;
    if args.dry_run {
        let rows = states
            .iter()
            .map(|(trial, state)| vec![trial.name.clone(), state.to_string()]);
        return print(&table::align(rows.collect()));
    }
    let jobs: Vec<Job> = states
        .into_iter()
        .enumerate()
        .filter(|(_, (_, state))| *state != State::Finished)
        .map(|(number, (trial, state))| Job {
            number,
            trial,
            state,
            path: folder.join(&trial.name),
        })
        .collect();
    std::fs::create_dir_all(&folder).map_err(|error| {
        Failure::wrong(format!("cannot create `{}`: {error}", folder.display()))
    })?;
    let stop = StopFlag::on_signals().map_err(Failure::run)?;
    let failed = train(&sweep, jobs, &args, &folder, &stop, &mut reasons)?;
    if let Some(signal) = stop.signal() {
        let results = Results::read(&sweep, &folder, &reasons);
        files::write(&args.sweep, &results, &folder)?;
        let message = format!(
            "interrupted with {} of {} runs finished; the same command goes on",
            results.count(Status::Finished),
            sweep.trials.len()
        );
        return Err(Failure::Interrupted { signal, message });
    }
    show(&args.sweep, &sweep, &folder, &reasons)?;
    match failed {
        0 => Ok(()),
        _ => Err(Failure::run(anyhow::anyhow!(
            "{failed} of {} runs failed; the same command tries them again",
            sweep.trials.len()
        ))),
    }
}

/// Refuses, before anything is started, what would fail every run, or some: devices and data that are not there.
fn check(sweep: &Sweep, devices: &[String]) -> Result<(), Failure> {
    for device in devices {
        registry::device(device).map_err(Failure::input)?;
    }
    let mut checked: Vec<&Plan> = Vec::new();
    for plan in sweep.trials.iter().map(|trial| &trial.plan) {
        let is_known = checked.iter().any(|other| {
            other.model == plan.model && other.data == plan.data && other.task == plan.task
        });
        if !is_known {
            let Built { data, .. } = run::build(plan, &Device::flex())?;
            data.check().map_err(Failure::input)?;
            checked.push(plan);
        }
    }
    Ok(())
}

/// Makes the runs and gives how many of them failed.
fn train(
    sweep: &Sweep,
    jobs: Vec<Job<'_>>,
    args: &SweepArgs,
    folder: &Path,
    stop: &StopFlag,
    reasons: &mut Reasons,
) -> Result<usize, Failure> {
    let mut failed = 0;
    let mut unwritten = None;
    Children::new(sweep, &args.device, stop).run(jobs, |job, ended| {
        match ended {
            Ended::Failed(reason) => {
                failed += 1;
                reasons.insert(job.trial.name.clone(), reason);
            }
            Ended::Well | Ended::Stopped => {
                reasons.remove(&job.trial.name);
            }
        }
        // After each run, so that a sweep that is killed leaves what it knows.
        let results = Results::read(sweep, folder, reasons);
        unwritten = files::write(&args.sweep, &results, folder).err();
    });
    unwritten.map_or(Ok(failed), Err)
}

fn show(file: &Path, sweep: &Sweep, folder: &Path, reasons: &Reasons) -> Result<(), Failure> {
    let results = Results::read(sweep, folder, reasons);
    print(&results.text())?;
    if folder.is_dir() {
        files::write(file, &results, folder)?;
    }
    Ok(())
}

//! `elapid train --lr-find`.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use elapid::config::Plan;
use elapid::registry;
use elapid::train::{LrCurve, LrRange, RunDir, StopFlag, Trainer};
use serde_json::Map;

use super::failure::Failure;
use super::print;
use super::run::Built;

/// The options of `elapid train` that are about it.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Train over a range of learning rates and suggest one; keep only lr_find.html and lr_find.csv, in --out or here.
    #[arg(long, conflicts_with_all = ["dry_run", "overfit_one_batch", "profile"])]
    lr_find: bool,
    /// Lowest and highest learning rate of --lr-find.
    #[arg(long, value_name = "LOW,HIGH", default_value = "1e-7,10", value_parser = ends, requires = "lr_find")]
    lr_range: (f64, f64),
    /// Steps of --lr-find.
    #[arg(long, value_name = "N", default_value_t = 100, requires = "lr_find")]
    lr_steps: u64,
}

impl Args {
    /// What to test, if that is asked for.
    pub(crate) fn range(&self) -> Result<Option<LrRange>, Failure> {
        if !self.lr_find {
            return Ok(None);
        }
        let (first, last) = self.lr_range;
        let steps = self.lr_steps;
        let range = LrRange { first, last, steps };
        check(range).map(|()| Some(range))
    }
}

/// Trains from the initial weights over a range of learning rates and says which of them look good. Leaves a picture
/// and its numbers in `out`.
pub(crate) fn find_lr(
    plan: &Plan,
    built: Built,
    devices: Vec<Device>,
    range: LrRange,
    out: Option<PathBuf>,
) -> Result<(), Failure> {
    let sources = built.data.sources(plan).map_err(Failure::input)?;
    let per_epoch = sources.train.batches_per_epoch() as u64;
    let config = registry::train_config(plan, per_epoch);
    let place = tempfile::tempdir().map_err(Failure::run)?;
    let dir = RunDir::create(&place.path().join("run"), "", "", Map::new())?;
    let stop = StopFlag::on_signals().map_err(Failure::run)?;
    let rules = plan.clone();
    let trainer = Trainer::new(dir, config, devices[0].clone(), sources)
        .shared_with(devices[1..].iter().cloned())
        .with_rules(move |task| registry::param_rules(&rules, task, per_epoch))
        .stop_on(stop.clone());
    let curve = trainer.find_lr(built.task, range)?;
    if let Some(signal) = stop.signal() {
        let message = "interrupted; nothing was kept".to_owned();
        return Err(Failure::Interrupted { signal, message });
    }
    let out = out.unwrap_or_else(|| ".".into());
    curve.write(&out, &plan.run.name)?;
    print(&shown(&curve, &out))
}

/// The two ends of `LOW,HIGH`.
fn ends(text: &str) -> Result<(f64, f64), String> {
    let ends = text.split_once(',');
    let number = |text: &str| text.trim().parse().ok();
    ends.and_then(|(low, high)| Some((number(low)?, number(high)?)))
        .ok_or_else(|| "expected two learning rates, such as 1e-7,10".to_owned())
}

fn check(range: LrRange) -> Result<(), Failure> {
    let LrRange { first, last, steps } = range;
    if !(first > 0.0 && last > first && last.is_finite()) {
        return Err(Failure::wrong(format!(
            "`--lr-range` goes from {first} to {last}; expected a lower rate above 0 and a higher one, such as 1e-7,10"
        )));
    }
    if steps < 20 {
        return Err(Failure::wrong(format!(
            "`--lr-steps` is {steps}; fewer than 20 steps give no curve"
        )));
    }
    Ok(())
}

fn shown(curve: &LrCurve, out: &Path) -> String {
    let made = curve.points().len();
    let ended = curve.points().last().map_or(f64::NAN, |point| point.lr);
    let wanted = curve.range().steps;
    let why = match made as u64 == wanted {
        true => "the end of the range",
        false => "where the loss exploded",
    };
    let suggestion = match curve.suggestion() {
        Some(found) => format!(
            "steepest descent  {:.1e}\nminimum / 10      {:.1e}",
            found.steepest, found.tenth_of_minimum
        ),
        None => "no suggestion: the loss does not fall at any rate; see whether the model can learn at all with `--overfit-one-batch`".to_owned(),
    };
    format!(
        "{made} of {wanted} steps, up to a learning rate of {ended:.1e}: {why}\n{suggestion}\npicture           {}",
        out.join("lr_find.html").display()
    )
}

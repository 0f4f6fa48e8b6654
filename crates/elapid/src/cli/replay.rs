//! Going back to a moment between two checkpoints of a run.

use burn::tensor::Device;
use elapid::registry::{self, AnyTask, Data};
use elapid::train::checkpoint::Checkpoint;
use elapid::train::{NotFinite, Recovery, Replayed, RunDir, StopFlag, Trainer};
use serde_json::Map;

use super::failure::Failure;
use super::init_from;
use super::run::OpenRun;

/// The run as it was in front of the step that was not finite: from the last checkpoint before it, or from the
/// initial weights, the run's steps are made again. The run itself is left as it is.
pub(crate) fn before(
    open: &OpenRun,
    data: &dyn Data,
    note: NotFinite,
    devices: &[Device],
    task: AnyTask,
) -> Result<Replayed<AnyTask>, Failure> {
    let until = note.step - 1;
    let from = newest(open, until, &note.recovery)?;
    let task = match &from {
        Some(_) => task,
        None => init_from::start(&open.plan, task, &devices[0])?.0,
    };
    let first = from.as_ref().map_or(0, |from| from.state().step);
    if first < until {
        tracing::info!(first, until, "replaying");
    }
    let sources = data.sources(&open.plan).map_err(Failure::input)?;
    let per_epoch = sources.train.batches_per_epoch() as u64;
    let config = open.train_config(per_epoch)?;
    let place = tempfile::tempdir().map_err(Failure::run)?;
    let dir = RunDir::create(&place.path().join("replay"), "", "", Map::new())?;
    let plan = open.plan.clone();
    let stop = StopFlag::on_signals().map_err(Failure::run)?;
    let trainer = Trainer::new(dir, config, devices[0].clone(), sources)
        .shared_with(devices[1..].iter().cloned())
        .with_rules(move |task| registry::param_rules(&plan, task, per_epoch))
        .stop_on(stop.clone());
    let reached = trainer.replay(task, from.as_ref(), note.recovery, until)?;
    reached.ok_or_else(|| Failure::Interrupted {
        signal: stop.signal().unwrap_or_default(),
        message: "interrupted; nothing was changed".to_owned(),
    })
}

/// The newest complete checkpoint of at most so many steps that a run with `recovery` passes through. There may be others:
/// after the step that was not finite, the run may have gone back and on at another learning rate.
fn newest(open: &OpenRun, steps: u64, recovery: &Recovery) -> Result<Option<Checkpoint>, Failure> {
    let checkpoints = open.dir.checkpoints();
    let all = checkpoints.steps().map_err(Failure::run)?;
    let earlier = all.into_iter().rev().filter(|step| *step <= steps);
    let complete = earlier.filter_map(|step| Checkpoint::open(&checkpoints.path(step)).ok());
    let mut passed = complete.filter(|checkpoint| {
        let state = checkpoint.state();
        state.recovery.agrees(recovery, state.step)
    });
    Ok(passed.next())
}

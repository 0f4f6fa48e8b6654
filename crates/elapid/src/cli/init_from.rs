//! `train.init_from`: weights that a run starts from.

use std::path::Path;

use burn::module::Module;
use burn::tensor::Device;
use elapid::config::{InitPositions, Plan};
use elapid::models::SoundClassifier;
use elapid::models::checkpoint::{self, Checkpoint, PositionRule, Transfer};
use elapid::nn::lora;
use elapid::registry::AnyTask;
use serde_json::{Value, json};

use super::failure::Failure;
use super::run::OpenRun;

/// The task with the weights that its plan starts from, and what became of these; as it is, where the plan names none.
pub(crate) fn start(
    plan: &Plan,
    task: AnyTask,
    device: &Device,
) -> Result<(AnyTask, Option<Transfer>), Failure> {
    let Some(from) = &plan.train.init_from else {
        return Ok((task, None));
    };
    let path = Path::new(from);
    let weights = weights(path, device)?;
    let rule = match plan.train.init_positions {
        InitPositions::Grid => PositionRule::InPlace,
        InitPositions::Official => PositionRule::Official,
    };
    match task {
        AnyTask::Classify(mut task) => {
            let shape = task.model.clone();
            let positions = |table: &_| shape.resized_positions(table, rule);
            let moved = checkpoint::transfer(task.model, weights, path, positions);
            let (model, transfer) = moved.map_err(Failure::input)?;
            task.model = model;
            Ok((AnyTask::Classify(task), Some(transfer)))
        }
        AnyTask::Segment(mut task) => {
            let shape = task.model.backbone.clone();
            let positions = |table: &_| shape.resized_positions(table, rule);
            let moved = checkpoint::transfer(task.model, weights, path, positions);
            let (model, transfer) = moved.map_err(Failure::input)?;
            task.model = model;
            Ok((AnyTask::Segment(task), Some(transfer)))
        }
        AnyTask::ClassifySounds(mut task) => {
            let (model, transfer) = sounds(task.model, weights, path)?;
            task.model = model;
            Ok((AnyTask::ClassifySounds(task), Some(transfer)))
        }
        AnyTask::TagSounds(mut task) => {
            let (model, transfer) = sounds(task.model, weights, path)?;
            task.model = model;
            Ok((AnyTask::TagSounds(task), Some(transfer)))
        }
        AnyTask::Graphs(mut task) => {
            let moved = checkpoint::transfer(task.model, weights, path, |_| None);
            let (model, transfer) = moved.map_err(Failure::input)?;
            task.model = model;
            Ok((AnyTask::Graphs(task), Some(transfer)))
        }
        AnyTask::PretrainPatches(mut task) => {
            let (model, transfer) = plain(task.model, weights, path)?;
            task.model = model;
            Ok((AnyTask::PretrainPatches(task), Some(transfer)))
        }
        AnyTask::Forecast(mut task) => {
            let (model, transfer) = plain(task.model, weights, path)?;
            task.model = model;
            Ok((AnyTask::Forecast(task), Some(transfer)))
        }
        AnyTask::ClassifySeries(mut task) => {
            let (model, transfer) = plain(task.model, weights, path)?;
            task.model = model;
            Ok((AnyTask::ClassifySeries(task), Some(transfer)))
        }
        AnyTask::Detect(mut task) => {
            let (model, transfer) = plain(task.model, weights, path)?;
            task.model = model;
            Ok((AnyTask::Detect(task), Some(transfer)))
        }
        AnyTask::Impute(mut task) => {
            let (model, transfer) = plain(task.model, weights, path)?;
            task.model = model;
            Ok((AnyTask::Impute(task), Some(transfer)))
        }
    }
}

/// A model without positions that depend on a size.
fn plain<M: Module>(model: M, weights: Checkpoint, path: &Path) -> Result<(M, Transfer), Failure> {
    checkpoint::transfer(model, weights, path, |_| None).map_err(Failure::input)
}

/// A classifier of sounds from the weights of pretraining, or of another one: positions are brought to its grid as the
/// official fine-tuning does.
fn sounds(
    model: SoundClassifier,
    mut weights: Checkpoint,
    path: &Path,
) -> Result<(SoundClassifier, Transfer), Failure> {
    let resized = model.fit_positions(&mut weights);
    let moved = checkpoint::transfer(model, weights, path, |_| None);
    let (model, mut transfer) = moved.map_err(Failure::input)?;
    if let Some(grids) = resized {
        let name = "v.pos_embed".to_owned();
        transfer.loaded.retain(|loaded| *loaded != name);
        let [from, to] = grids.map(|grid| vec![grid.frequency, grid.time]);
        transfer.resized.push((name, from, to));
    }
    Ok((model, transfer))
}

/// What the manifest says of it.
pub(crate) fn record(transfer: &Transfer) -> Value {
    let resized = transfer.resized.iter();
    let resized = resized.map(|(name, from, to)| json!({"name": name, "from": from, "to": to}));
    json!({
        "loaded": transfer.loaded.len(),
        "resized": resized.collect::<Vec<_>>(),
        "new": transfer.new,
        "left_out": transfer.left_out,
    })
}

/// The tensors of a file, of a checkpoint, or of the best checkpoint of a run.
fn weights(path: &Path, device: &Device) -> Result<Checkpoint, Failure> {
    if path.join("plan.toml").is_file() {
        let run = OpenRun::open(path)?;
        let trained = run.trained(device, None, None)?;
        return Ok(checkpoint::of_model(&lora::merged(trained)));
    }
    let averaged = path.join("average.bpk");
    let file = match path.is_dir() {
        true if averaged.is_file() => averaged,
        true => path.join("model.bpk"),
        false => path.to_owned(),
    };
    checkpoint::read(&file).map_err(Failure::input)
}

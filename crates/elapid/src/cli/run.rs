//! What commands that train or use a run share.

use std::path::{Path, PathBuf};

use burn::tensor::{DType, Device, FloatDType};
use elapid::config::{self, Plan, Precision, TaskSpec};
use elapid::data::ImagePipeline;
use elapid::nn::Init;
use elapid::registry::{self, ImageClassification, ImageData};
use elapid::train::{MicroBatch, RunDir, TrainConfig, TrainError};
use serde_json::{Map, Value, json};

use super::environment::environment;
use super::failure::Failure;

/// A plan turned into objects.
pub(crate) struct Built {
    pub(crate) data: ImageData,
    pub(crate) task: ImageClassification,
}

/// Opens the data and builds the task of a plan.
pub(crate) fn build(plan: &Plan, device: &Device) -> Result<Built, Failure> {
    check_precision(plan, device)?;
    let (data, classes) = open_data(plan)?;
    Ok(Built {
        task: task(plan, classes, device),
        data,
    })
}

/// Opens the data of a plan, with the names of the classes.
pub(crate) fn open_data(plan: &Plan) -> Result<(ImageData, Vec<String>), Failure> {
    let data = ImageData::open(plan, registry::input_shape(&plan.model)).map_err(Failure::input)?;
    let classes = classes(plan, data.classes())?;
    Ok((data, classes))
}

/// Type of stored activations and matrix products.
pub(crate) fn storage(plan: &Plan) -> DType {
    match plan.train.precision {
        Precision::Fp32 => DType::F32,
        Precision::Bf16 => DType::BF16,
        Precision::Fp16 => DType::F16,
    }
}

/// Refuses a precision that the device does not have.
fn check_precision(plan: &Plan, device: &Device) -> Result<(), Failure> {
    let precision = plan.train.precision;
    let dtype = match precision {
        Precision::Fp32 => FloatDType::F32,
        Precision::Bf16 => FloatDType::BF16,
        Precision::Fp16 => FloatDType::F16,
    };
    if !device.supports_dtype(dtype) {
        return Err(Failure::wrong(format!(
            "`precision` in [train] is `{precision}`, which this device does not compute in; use `fp32`, or another `--device`"
        )));
    }
    Ok(())
}

/// A freshly initialised task.
pub(crate) fn task(plan: &Plan, classes: Vec<String>, device: &Device) -> ImageClassification {
    let TaskSpec::Classify(spec) = &plan.task;
    let mut init = Init::new(plan.run.seed, device);
    let model = registry::image_classifier(&mut init, &plan.model, classes.len());
    ImageClassification::new(model, classes, spec.label_smoothing, storage(plan))
}

/// Names of the classes: those of the data, and numbers for more that the task asks for.
fn classes(plan: &Plan, data: &[String]) -> Result<Vec<String>, Failure> {
    let TaskSpec::Classify(spec) = &plan.task;
    let wanted = spec.classes.unwrap_or(data.len());
    if wanted < data.len() {
        return Err(Failure::wrong(format!(
            "`classes` in [task] is {wanted}, but the data set `{}` has {} classes, so labels {wanted} to {} are out of range; leave `classes` out, or set it to at least {}",
            plan.data.source.name(),
            data.len(),
            data.len() - 1,
            data.len()
        )));
    }
    let more = (data.len()..wanted).map(|class| format!("class {class}"));
    Ok(data.iter().cloned().chain(more).collect())
}

/// What the run directory records besides plan and config.
pub(crate) fn manifest(
    data: &ImageData,
    parameters: usize,
    classes: &[String],
    device: &str,
    base: Option<Value>,
) -> Map<String, Value> {
    let pipeline = &data.pipeline;
    let mut manifest = environment(device);
    let command: Vec<String> = std::env::args().collect();
    manifest.insert("command".into(), command.join(" ").into());
    manifest.insert("parameters".into(), parameters.into());
    manifest.insert("data".into(), data.manifest());
    manifest.insert("classes".into(), classes.into());
    let normalisation = json!({"mean": pipeline.mean, "std": pipeline.std});
    manifest.insert("normalisation".into(), normalisation);
    manifest.extend(base.map(|base| ("base".to_owned(), base)));
    manifest
}

/// The experiment that a run is based on, with what differs: the one that its config extends, or else the config itself
/// where `--set` changed it. `None` where there is neither, or where the base alone is no whole experiment.
pub(crate) fn base(config: &Path, overrides: &[String], plan: &Plan) -> Option<Value> {
    let path = match config::parent(config).ok()? {
        Some(parent) => parent,
        None if !overrides.is_empty() => config.to_owned(),
        None => return None,
    };
    let base = config::load(&path, &[]).ok()?;
    let differences = config::differences(&[&base, plan]).into_iter();
    // A run is called after its file, so the name says nothing about what was tried.
    let differences = differences.filter(|(name, _)| name != "run.name");
    let differences: Vec<Value> = differences
        .map(|(name, values)| json!({"value": name, "base": values[0], "run": values[1]}))
        .collect();
    Some(json!({"experiment": path, "differences": differences}))
}

/// A run that was started before: its directory, plan and manifest.
pub(crate) struct OpenRun {
    pub(crate) dir: RunDir,
    pub(crate) plan: Plan,
    pub(crate) manifest: Map<String, Value>,
}

impl OpenRun {
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let dir = RunDir::open(path)?;
        let plan_path = path.join("plan.toml");
        let plan = config::parse(&dir.plan()?, &plan_path).map_err(Failure::input)?;
        let manifest = dir.manifest()?;
        Ok(Self {
            dir,
            plan,
            manifest,
        })
    }

    /// The device to use: the one asked for, or else the one the run was started on.
    pub(crate) fn device_name(&self, asked: Option<String>) -> String {
        let recorded = self.manifest.get("device").and_then(Value::as_str);
        asked.unwrap_or_else(|| recorded.unwrap_or("auto").to_owned())
    }

    /// The settings that the run was trained with.
    pub(crate) fn train_config(&self, steps_per_epoch: u64) -> Result<TrainConfig, Failure> {
        let mut config = registry::train_config(&self.plan, steps_per_epoch);
        if config.micro_batch == MicroBatch::Auto {
            config.micro_batch = MicroBatch::noted(&self.dir)?;
        }
        Ok(config)
    }

    /// Refuses data that is not what the run was started with: going on would not be the same run.
    pub(crate) fn check_data(&self, data: &ImageData) -> Result<(), Failure> {
        let (then, now) = (self.manifest.get("data"), data.manifest());
        let Some(then) = then.filter(|then| **then != now) else {
            return Ok(());
        };
        let images = |of: &Value, split: &str| of[split]["images"].as_u64();
        let changed = ["train", "valid", "test"]
            .into_iter()
            .filter(|split| then[*split] != now[*split])
            .map(|split| match (images(then, split), images(&now, split)) {
                (then, now) if then == now => format!("other images in `{split}`"),
                (then, now) => format!(
                    "{} images in `{split}` instead of {}",
                    now.unwrap_or(0),
                    then.unwrap_or(0)
                ),
            });
        let changed: Vec<String> = changed.collect();
        Err(Failure::wrong(format!(
            "the data is not what `{}` was started with: {}; put it back, or start a new run",
            self.dir.path().display(),
            changed.join(", ")
        )))
    }

    /// Names of the classes, in the order of the scores.
    pub(crate) fn classes(&self) -> Result<Vec<String>, Failure> {
        let names = self.manifest.get("classes").cloned().unwrap_or_default();
        serde_json::from_value(names).map_err(|_| self.damaged("classes"))
    }

    /// How images are prepared for the model.
    pub(crate) fn pipeline(&self) -> Result<ImagePipeline, Failure> {
        let numbers = |name: &str| {
            let values = self
                .manifest
                .get("normalisation")
                .and_then(|n| n.get(name))
                .cloned();
            serde_json::from_value(values.unwrap_or_default())
                .map_err(|_| self.damaged("normalisation"))
        };
        let [channels, size, _] = registry::input_shape(&self.plan.model);
        let (mean, std) = (numbers("mean")?, numbers("std")?);
        Ok(ImagePipeline {
            size,
            channels,
            mean,
            std,
            crop_ratio: self.plan.data.common.crop_ratio,
            interpolation: registry::interpolation(&self.plan),
            augment: None,
        })
    }

    fn damaged(&self, member: &str) -> Failure {
        let path = self.dir.path().join("manifest.json");
        Failure::wrong(format!(
            "`{}`: `{member}` is missing or damaged; the file is written by `elapid train` and needed as it was",
            path.display()
        ))
    }

    /// The task with the weights of a file, or of a checkpoint of the run: the one asked for, or
    /// else the one that the plan has tested.
    pub(crate) fn trained(
        &self,
        device: &Device,
        checkpoint: Option<Checkpoint>,
        weights: Option<&Path>,
    ) -> Result<ImageClassification, Failure> {
        let mut task = task(&self.plan, self.classes()?, device);
        if let Some(path) = weights {
            task.model = load_weights(task.model, path)?;
            return Ok(task);
        }
        let checkpoints = self.dir.checkpoints();
        let planned = match self.plan.eval.weights {
            config::Weights::Best => Checkpoint::Best,
            config::Weights::Last => Checkpoint::Last,
        };
        let best = match checkpoint.unwrap_or(planned) {
            Checkpoint::Best => checkpoints.best().map_err(Failure::run)?,
            Checkpoint::Last => None,
        };
        let found = match best {
            Some(found) => found,
            None => checkpoints.latest().map_err(TrainError::from)?.checkpoint,
        };
        found.load_model(task).map_err(Failure::run)
    }
}

/// Which checkpoint of a run to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Checkpoint {
    /// The one with the best validation metric; the last if nothing was validated.
    Best,
    /// The newest.
    Last,
}

/// A model with the weights of a checkpoint file.
pub(crate) fn load_weights<M: burn::module::Module>(model: M, path: &Path) -> Result<M, Failure> {
    use elapid::models::checkpoint;
    let read = checkpoint::read(path).map_err(Failure::input)?;
    checkpoint::apply(model, read, path).map_err(Failure::input)
}

/// The directory of a new run: the one asked for, or the first free one of `runs/NAME`,
/// `runs/NAME-2`, ….
pub(crate) fn new_run_path(asked: Option<PathBuf>, name: &str) -> PathBuf {
    asked.unwrap_or_else(|| {
        let numbered = (2..).map(|i| PathBuf::from(format!("runs/{name}-{i}")));
        let mut candidates = std::iter::once(PathBuf::from(format!("runs/{name}"))).chain(numbered);
        candidates.find(|path| !path.exists()).unwrap_or_default()
    })
}

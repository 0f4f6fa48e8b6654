//! What commands that train or use a run share.

use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::tensor::{Device, FloatDType};
use elapid::config::{self, Plan, Precision, Samples};
use elapid::data::audio::AudioPipeline;
use elapid::data::{ImagePipeline, MaskPipeline, Split};
use elapid::models::{SoundClassifier, checkpoint, named_params};
use elapid::nn::{Role, lora, role_of};
use elapid::registry::{self, AnyTask, Data, Described, Facts, ImageClassification};
use elapid::train::{MicroBatch, RunDir, TrainConfig, TrainError};
use serde_json::{Map, Value, json};

use super::environment::environment;
use super::failure::Failure;

/// A plan turned into objects.
pub(crate) struct Built {
    pub(crate) data: Box<dyn Data>,
    pub(crate) task: AnyTask,
}

/// Opens the data and builds the task of a plan.
pub(crate) fn build(plan: &Plan, device: &Device) -> Result<Built, Failure> {
    check_precision(plan, device)?;
    let data = registry::open_data(plan).map_err(Failure::input)?;
    let task = registry::task(plan, &data.facts(), device).map_err(Failure::input)?;
    Ok(Built { data, task })
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

/// What the run directory records besides plan and config.
pub(crate) fn manifest(built: &Built, device: &str, base: Option<Value>) -> Map<String, Value> {
    let facts = Facts {
        classes: built.task.classes().to_vec(),
        ..built.data.facts()
    };
    let mut manifest = environment(device);
    let command: Vec<String> = std::env::args().collect();
    manifest.insert("command".into(), command.join(" ").into());
    let params = named_params(&built.task).into_iter();
    let params = params.filter(|param| role_of(&param.path) != Role::Statistic);
    let parameters: usize = params
        .map(|param| param.shape.iter().product::<usize>())
        .sum();
    manifest.insert("parameters".into(), parameters.into());
    manifest.insert("data".into(), built.data.manifest());
    if let Ok(Value::Object(facts)) = serde_json::to_value(facts) {
        manifest.extend(facts);
    }
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

    /// The devices to use: those asked for, or else those the run was started on.
    pub(crate) fn device_names(&self, asked: Option<String>) -> String {
        asked.unwrap_or_else(|| self.started_on().to_owned())
    }

    /// The one device to use: the one asked for, or else the first that the run was started on.
    pub(crate) fn device_name(&self, asked: Option<String>) -> String {
        asked.unwrap_or_else(|| registry::first_device(self.started_on()).to_owned())
    }

    fn started_on(&self) -> &str {
        let recorded = self.manifest.get("device").and_then(Value::as_str);
        recorded.unwrap_or("auto")
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
    pub(crate) fn check_data(&self, data: &dyn Data) -> Result<(), Failure> {
        let (then, now) = (self.manifest.get("data"), data.manifest());
        let Some(then) = then.filter(|then| **then != now) else {
            return Ok(());
        };
        let unit = data.unit();
        let samples = |of: &Value, split: &str| of[split][unit].as_u64();
        let changed = Split::ALL
            .map(Split::name)
            .into_iter()
            .filter(|split| then[*split] != now[*split])
            .map(|split| match (samples(then, split), samples(&now, split)) {
                (then, now) if then == now => format!("other {unit} in `{split}`"),
                (then, now) => format!(
                    "{} {unit} in `{split}` instead of {}",
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

    /// What the run knew of its data.
    pub(crate) fn facts(&self) -> Result<Facts, Failure> {
        let facts = Value::Object(self.manifest.clone());
        serde_json::from_value(facts).map_err(|error| self.damaged(&error.to_string()))
    }

    /// How images are prepared for the model.
    pub(crate) fn image_pipeline(&self) -> Result<ImagePipeline, Failure> {
        let images = self.plan.data.images();
        let images = images.ok_or_else(|| Failure::wrong("this run was not trained on images"))?;
        let normalisation = self.facts()?.normalisation;
        let normalisation =
            normalisation.ok_or_else(|| self.damaged("missing field `normalisation`"))?;
        registry::image_pipeline(&self.plan, images, normalisation).map_err(Failure::input)
    }

    /// How sounds are prepared for the model.
    pub(crate) fn sound_pipeline(&self) -> Result<AudioPipeline, Failure> {
        let Samples::Sounds(sounds) = &self.plan.data.samples else {
            return Err(Failure::wrong("this run was not trained on sounds"));
        };
        let normalisation = self.facts()?.normalisation;
        let normalisation =
            normalisation.ok_or_else(|| self.damaged("missing field `normalisation`"))?;
        registry::sound_pipeline(&self.plan, sounds, &normalisation).map_err(Failure::input)
    }

    /// The classifier of images that the run trained, for `command`, which knows no other task.
    pub(crate) fn image_classification(
        &self,
        device: &Device,
        checkpoint: Option<Checkpoint>,
        command: &str,
    ) -> Result<ImageClassification, Failure> {
        let task = self.trained(device, checkpoint, None)?;
        self.classifies_images(task, command)
    }

    /// The task of the run, if it classifies images as `command` needs it.
    pub(crate) fn classifies_images(
        &self,
        task: AnyTask,
        command: &str,
    ) -> Result<ImageClassification, Failure> {
        match task {
            AnyTask::Classify(task) => Ok(task),
            AnyTask::Segment(_) => Err(Failure::wrong(format!(
                "this run does not classify images; `elapid {command}` is for decisions about whole images, and `elapid predict --sheet` shows the classes of pixels",
            ))),
            _ => Err(Failure::wrong(format!(
                "this run does `{}` on other samples; `elapid {command}` is for runs that classify images",
                self.plan.task.name()
            ))),
        }
    }

    /// How images with masks are prepared for the model.
    pub(crate) fn mask_pipeline(&self) -> Result<MaskPipeline, Failure> {
        let masks = self.plan.data.masks();
        let masks = masks.ok_or_else(|| Failure::wrong("this run was not trained on masks"))?;
        let normalisation = self.facts()?.normalisation;
        let normalisation =
            normalisation.ok_or_else(|| self.damaged("missing field `normalisation`"))?;
        registry::mask_pipeline(&self.plan, masks, normalisation).map_err(Failure::input)
    }

    fn damaged(&self, problem: &str) -> Failure {
        let path = self.dir.path().join("manifest.json");
        Failure::wrong(format!(
            "`{}` is damaged: {problem}; the file is written by `elapid train` and needed as it was",
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
    ) -> Result<AnyTask, Failure> {
        let task = registry::task(&self.plan, &self.facts()?, device).map_err(Failure::input)?;
        if let Some(path) = weights {
            return with_weights(task, path);
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

/// A task with the weights of a checkpoint file in its model.
fn with_weights(task: AnyTask, path: &Path) -> Result<AnyTask, Failure> {
    match task {
        AnyTask::Classify(mut task) => {
            task.model = load_weights(task.model, path)?;
            Ok(AnyTask::Classify(task))
        }
        AnyTask::Segment(mut task) => {
            task.model = load_weights(task.model, path)?;
            Ok(AnyTask::Segment(task))
        }
        AnyTask::ClassifySounds(mut task) => {
            task.model = load_sound_weights(task.model, path)?;
            Ok(AnyTask::ClassifySounds(task))
        }
        AnyTask::TagSounds(mut task) => {
            task.model = load_sound_weights(task.model, path)?;
            Ok(AnyTask::TagSounds(task))
        }
        AnyTask::Graphs(mut task) => {
            task.model = load_weights(task.model, path)?;
            Ok(AnyTask::Graphs(task))
        }
        AnyTask::PretrainPatches(mut task) => {
            task.model = load_weights(task.model, path)?;
            Ok(AnyTask::PretrainPatches(task))
        }
        AnyTask::Forecast(mut task) => {
            task.model = load_weights(task.model, path)?;
            Ok(AnyTask::Forecast(task))
        }
        AnyTask::ClassifySeries(mut task) => {
            task.model = load_weights(task.model, path)?;
            Ok(AnyTask::ClassifySeries(task))
        }
        AnyTask::Detect(mut task) => {
            task.model = load_weights(task.model, path)?;
            Ok(AnyTask::Detect(task))
        }
        AnyTask::Impute(mut task) => {
            task.model = load_weights(task.model, path)?;
            Ok(AnyTask::Impute(task))
        }
    }
}

/// As [`load_weights`]; the position table is brought to the model's grid.
pub(crate) fn load_sound_weights(
    model: SoundClassifier,
    path: &Path,
) -> Result<SoundClassifier, Failure> {
    let mut read = checkpoint::read(path).map_err(Failure::input)?;
    model.fit_positions(&mut read);
    applied(model, read, path)
}

/// A model with the weights of a checkpoint file.
pub(crate) fn load_weights<M: Module>(model: M, path: &Path) -> Result<M, Failure> {
    let read = checkpoint::read(path).map_err(Failure::input)?;
    applied(model, read, path)
}

fn applied<M: Module>(model: M, read: checkpoint::Checkpoint, path: &Path) -> Result<M, Failure> {
    let has_adapters = read.keys().any(|name| role_of(name) == Role::Adapter);
    let model = match has_adapters {
        true => model,
        // Those of files without are merged.
        false => lora::merged(model),
    };
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

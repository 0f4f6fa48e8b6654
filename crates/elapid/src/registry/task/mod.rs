//! `[task]`: from a specification to what is trained. One file a task, and one line in each of the two lists below.

mod any;
mod batches;
mod classify;
mod counts;
mod detect;
mod forecast;
mod forecast_tally;
mod graphs;
mod impute;
mod patches;
mod ranking;
mod segment;
mod series_classes;
mod shown_windows;
mod sounds;
mod tagging;
mod windows;

use std::sync::Arc;

use burn::module::Module;
use burn::tensor::{DType, Device, Tensor};
use elapid_config::{Plan, Precision, Samples, TaskSpec};
use elapid_nn::Init;
use elapid_train::{Confusion, Inputs, Measured, Noise, Packing, Picture, Tally, Task};

use self::any::tasks;
use self::batches::batches;
use super::data::Facts;
use super::error::PlanError;
use super::lora::with_adapters;
use crate::diagnose::Watched;

pub use classify::{ClassificationTally, ImageClassification};
pub use detect::{AnomalyDetection, DetectionTally};
pub use forecast::SeriesForecasting;
pub use forecast_tally::ForecastTally;
pub use graphs::{GraphAnswer, GraphTally, GraphTask};
pub use impute::{Imputation, ImputationTally};
pub use patches::{PatchPretraining, PatchTally};
pub use segment::{ImageSegmentation, SegmentationTally, pixel_loss};
pub use series_classes::{SeriesClassTally, SeriesClassification};
pub use sounds::SoundClassification;
pub use tagging::{SoundTagging, TaggingTally};

/// What reports and predictions ask of a task.
pub trait Described {
    /// Names of the classes, in the order of the scores; none where nothing is classified.
    fn classes(&self) -> &[String] {
        &[]
    }
}

const ODD: &str = "a batch of another kind than the task";

tasks! {
    Classify(ImageClassification),
    Segment(ImageSegmentation),
    ClassifySounds(SoundClassification),
    TagSounds(SoundTagging),
    PretrainPatches(PatchPretraining),
    Forecast(SeriesForecasting),
    ClassifySeries(SeriesClassification),
    Detect(AnomalyDetection),
    Impute(Imputation),
    Graphs(GraphTask),
}

/// The task of a plan, freshly initialised from its seed, for data of which `facts` are known.
///
/// # Errors
///
/// If task, model and data do not fit together.
pub fn task(plan: &Plan, facts: &Facts, device: &Device) -> Result<AnyTask, PlanError> {
    let init = &mut Init::new(plan.run.seed, device);
    let task = match (&plan.task, &plan.data.samples) {
        (TaskSpec::Forecast(spec), _) => {
            forecast::build(spec, plan, facts, init).map(AnyTask::Forecast)
        }
        (TaskSpec::Detect(spec), _) => detect::build(spec, plan, facts, init).map(AnyTask::Detect),
        (TaskSpec::Impute(spec), _) => impute::build(spec, plan, facts, init).map(AnyTask::Impute),
        (TaskSpec::Classify(spec), _) if facts.series.is_some() => {
            series_classes::build(spec, plan, facts, init).map(AnyTask::ClassifySeries)
        }
        (TaskSpec::Classify(spec), Samples::Images(_) | Samples::Masks(_)) => {
            classify::build(spec, plan, facts, init).map(AnyTask::Classify)
        }
        (TaskSpec::Segment(spec), _) => {
            segment::build(spec, plan, facts, init).map(AnyTask::Segment)
        }
        (TaskSpec::Classify(spec), Samples::Sounds(_)) => {
            sounds::build(spec, plan, facts, init).map(AnyTask::ClassifySounds)
        }
        (TaskSpec::MultiLabel(spec), Samples::Sounds(_)) => {
            tagging::build(spec, plan, facts, init).map(AnyTask::TagSounds)
        }
        (TaskSpec::PretrainPatches(spec), Samples::Sounds(_)) => {
            patches::build(spec, plan, init).map(AnyTask::PretrainPatches)
        }
        (
            TaskSpec::ClassifyNodes(_)
            | TaskSpec::ClassifyGraphs(_)
            | TaskSpec::LabelGraphs(_)
            | TaskSpec::RegressGraphs(_)
            | TaskSpec::ClassifyEdges(_)
            | TaskSpec::PredictLinks(_),
            _,
        ) => graphs::build(plan, facts, init).map(AnyTask::Graphs),
        (task, Samples::Images(_)) => Err(PlanError(format!(
            "the task `{}` is for sounds, but the data set `{}` is of images; use `kind = \"classify\"` in [task], or a data set of sounds",
            task.name(),
            plan.data.source.name()
        ))),
        (task, Samples::Graphs(_)) => Err(PlanError(format!(
            "the task `{}` is not for graphs, but the data set `{}` is of graphs; use a task of graphs in [task]",
            task.name(),
            plan.data.source.name()
        ))),
        (task, Samples::Masks(_)) => Err(PlanError(format!(
            "the task `{}` is for sounds, but the data set `{}` is of images with masks; use `kind = \"segment\"` in [task], or a data set of sounds",
            task.name(),
            plan.data.source.name()
        ))),
        (task, Samples::Series(_)) => Err(PlanError(format!(
            "the task `{}` is not for series, but the data set `{}` is of those; use `kind = \"forecast\"`, `\"detect\"`, `\"impute\"` or `\"classify\"` in [task]",
            task.name(),
            plan.data.source.name()
        ))),
    };
    task.map(|task| with_adapters(plan, task, device))
}

/// Type of stored activations and matrix products.
pub fn storage(plan: &Plan) -> DType {
    match plan.train.precision {
        Precision::Fp32 => DType::F32,
        Precision::Bf16 => DType::BF16,
        Precision::Fp16 => DType::F16,
    }
}

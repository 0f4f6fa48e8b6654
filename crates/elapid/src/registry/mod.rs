//! From names in a plan to built objects: plain matches, one file per kind.

mod data;
mod device;
mod error;
mod graphs;
mod lora;
mod model;
mod series;
mod task;
mod training;

pub use data::{
    Counts, Data, Facts, GraphDemands, Inspected, Inspection, KnownData, Look, Normalisation,
    OwnGraphs, Part, SeriesFacts, image_pipeline, inspect, known_data, mask_pipeline, open_data,
    patch_mask, recognised, samples_at_once, series_ending, series_following, sound_pipeline,
};
pub use device::{DeviceError, device, device_names, devices, first_device, is_gpu, resolve};
pub use error::PlanError;
pub use graphs::{GraphReading, graph_demands, graph_model};
pub use lora::with_adapters;
pub use model::{
    cost, image_backbone, image_classifier, image_segmenter, input_shape, patch_pretrainer,
    position_layout, sound_classifier, sound_encoder,
};
pub use series::{
    SeriesInput, SeriesShape, forecaster, no_classes, reconstructor, series_classifier,
    series_shape, stated_input,
};
pub use task::{
    AnomalyDetection, AnyBatch, AnyTally, AnyTask, ClassificationTally, Described, DetectionTally,
    ForecastTally, GraphAnswer, GraphTally, GraphTask, ImageClassification, ImageSegmentation,
    Imputation, ImputationTally, PatchPretraining, PatchTally, SegmentationTally, SeriesClassTally,
    SeriesClassification, SeriesForecasting, SoundClassification, SoundTagging, TaggingTally,
    pixel_loss, storage, task,
};
pub use training::{param_rules, train_config};

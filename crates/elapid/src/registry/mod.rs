//! From names in a plan to built objects: plain matches, one file per kind.

mod augment;
mod classify;
mod data;
mod device;
mod model;
mod training;

pub use augment::interpolation;
pub use classify::{ClassificationTally, ImageClassification};
pub use data::{EvalBatches, ImageData, TrainBatches};
pub use device::{DeviceError, device, device_names, is_gpu, resolve};
pub use model::{cost, image_backbone, image_classifier, input_shape};
pub use training::{param_rules, train_config};

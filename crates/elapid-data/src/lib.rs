//! Data sets, decoding, transforms and the deterministic loader. Everything stays in host memory.
//!
//! A data set module makes [`Splits`]: a training set, perhaps a validation set, a test set and the
//! [`Card`] that documents them. [`TrainLoader`] and [`EvalLoader`] draw samples, pass them through
//! an [`ImagePipeline`] and deliver [`ImageBatch`]es in order. What batch `k` contains is a pure
//! function of the seed and `k`: neither the number of worker threads nor the batch a run started
//! from can change it.

mod card;
mod corrupt;
mod error;
mod fingerprint;
mod loader;
mod mixing;
pub mod order;
mod prefetch;
pub mod random;
mod readable;
pub mod transform;
mod vision;

pub use card::{Card, FileEntry, Normalisation, SplitCount, card, cards};
pub use corrupt::Corrupt;
pub use error::DataError;
pub use loader::{Batches, Batching, EvalLoader, ImageBatch, Partners, TrainLoader};
pub use mixing::{Mixing, Mixture};
pub use readable::check_readable;
pub use transform::{Augment, ImagePipeline, Interpolation, RandAugment, RandomCrop};
pub use vision::{
    ImageDataset, ImageSample, PixelImage, Splits, cifar, digits, image_folder, mnist,
};

//! Data sets, decoding, transforms and the deterministic loader. Everything stays in host memory.
//!
//! A data set module makes [`Splits`]: a training set, perhaps a validation set, a test set and the
//! [`Card`] that documents them. A [`Batcher`] turns samples into a batch: [`ImageBatcher`] passes them
//! through an [`ImagePipeline`]. [`TrainLoader`] and [`EvalLoader`] say which samples, work ahead on
//! threads and deliver in order. What batch `k` contains is a pure function of the seed and `k`: neither the number of worker threads nor the batch a run started
//! from can change it.

pub mod audio;
mod card;
mod class_folders;
mod corrupt;
mod error;
mod fingerprint;
pub mod graph;
mod listing;
mod listing_cache;
mod loader;
mod mixing;
mod npy;
mod npz;
pub mod order;
mod prefetch;
pub mod random;
mod readable;
mod sample_set;
pub mod series;
mod side_by_side;
mod splits;
mod subset;
pub mod transform;
mod vision;

pub use card::{
    Archive, Card, Download, FileEntry, Normalisation, SplitCount, card, card_text, cards,
    parse_card,
};
pub use corrupt::Corrupt;
pub use error::DataError;
pub use loader::{Batcher, Batches, Draw, EvalLoader, Order, TrainLoader};
pub use mixing::{Mixing, Mixture};
pub use readable::{Unreadable, check_readable, read_all};
pub use sample_set::SampleSet;
pub use splits::{Shared, Split, Splits};
pub use transform::{
    Augment, Frame, ImagePipeline, Interpolation, MaskAugment, MaskPipeline, RandAugment,
    RandomCrop, Windows,
};
pub use vision::{
    IGNORE, ImageBatch, ImageBatcher, ImageDataset, ImageSample, ImageSplits, Mask, MaskBatch,
    MaskBatcher, MaskDataset, MaskSample, MaskSplits, Partners, PixelImage, cifar, decode_image,
    digits, image_folder, mask_folder, mnist, shapes, tar_shards, tiny_imagenet,
};

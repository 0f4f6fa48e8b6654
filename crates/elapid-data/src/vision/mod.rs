//! Labelled images and images with masks: the types, and one file for each data set.

mod batch;
pub mod cifar;
mod dataset;
mod decoding;
pub mod digits;
mod files;
mod folder_images;
mod idx;
pub mod image_folder;
mod mask;
mod mask_batch;
pub mod mask_folder;
mod memory;
pub mod mnist;
mod pixel_image;
pub mod shapes;
pub mod tar_shards;
pub mod tiny_imagenet;

pub use batch::{ImageBatch, ImageBatcher, Partners};
pub use dataset::{ImageDataset, ImageSample};
pub use decoding::decode_image;
pub use mask::{IGNORE, Mask, MaskDataset, MaskSample, MaskSplits};
pub use mask_batch::{MaskBatch, MaskBatcher};
pub use pixel_image::PixelImage;

/// The parts of a set of labelled images.
pub type ImageSplits = crate::Splits<ImageSample>;

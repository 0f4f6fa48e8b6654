//! Labelled images: the types, and one file for each data set.

pub mod cifar;
mod dataset;
pub mod digits;
mod files;
mod folder_images;
mod idx;
pub mod image_folder;
mod listing;
mod listing_cache;
mod memory;
pub mod mnist;
mod pixel_image;
mod splits;
mod subset;

pub use dataset::{ImageDataset, ImageSample};
pub use pixel_image::PixelImage;
pub use splits::Splits;

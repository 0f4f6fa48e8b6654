//! From a stored image to the numbers a network reads: one file for each transform.

pub mod affine;
mod augment;
pub mod channels;
pub mod colour_jitter;
pub mod elastic;
pub mod enhance;
pub mod erase;
pub mod flip;
#[cfg(test)]
pub(crate) mod golden;
pub mod hsv;
mod masked;
pub mod normalise;
pub mod photometric;
mod pipeline;
pub mod rand_augment;
mod random_crop;
mod region;
mod resample;
pub mod resize;
pub mod tone;
pub mod warp;

pub use augment::Augment;
pub use masked::{Frame, MaskAugment, MaskPipeline, Windows};
pub use pipeline::ImagePipeline;
pub(crate) use pipeline::require;
pub use rand_augment::RandAugment;
pub use random_crop::RandomCrop;
pub use region::Region;
pub use resample::{Interpolation, resample};

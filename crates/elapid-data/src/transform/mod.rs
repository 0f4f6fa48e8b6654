//! From a stored image to the numbers a network reads: one file for each transform.

pub mod affine;
pub mod channels;
pub mod elastic;
pub mod flip;
#[cfg(test)]
pub(crate) mod golden;
pub mod normalise;
mod pipeline;
mod region;
mod resample;
pub mod resize;

pub use pipeline::{Augment, ImagePipeline};
pub use region::Region;
pub use resample::{Interpolation, resample};

//! From a stored image to the numbers a network reads: one file for each transform.

pub mod affine;
pub mod channels;
pub mod elastic;
pub mod flip;
pub mod normalise;
mod pipeline;
pub mod resize;

pub use pipeline::{Augment, ImagePipeline};

//! What a labelled image and a set of them are.

use super::PixelImage;
use crate::SampleSet;

/// An image and the index of its class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageSample {
    /// The image as stored, before any transform.
    pub image: PixelImage,
    /// Index into [`SampleSet::classes`].
    pub label: usize,
}

/// A set of labelled images.
pub type ImageDataset = dyn SampleSet<ImageSample>;

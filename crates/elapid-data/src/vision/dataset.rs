//! What a labelled image and a set of them are.

use burn_dataset::Dataset;

use super::PixelImage;

/// An image and the index of its class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageSample {
    /// The image as stored, before any transform.
    pub image: PixelImage,
    /// Index into [`ImageDataset::classes`].
    pub label: usize,
}

/// A set of labelled images.
///
/// `get` fails with a [`DataError`](crate::DataError) inside burn's `DatasetError`, and panics if
/// the index is not below `len`, as burn's trait demands.
pub trait ImageDataset: Dataset<ImageSample> {
    /// Names of the classes, in the order of their labels.
    fn classes(&self) -> &[String];

    /// What a person can find sample `index` by, for use in messages: the file, or the file and
    /// the record number.
    fn describe(&self, index: usize) -> String;

    /// Hexadecimal SHA-256 that changes when the data do: of the content where it is in memory,
    /// of the sorted relative paths and sizes where it is a folder.
    fn fingerprint(&self) -> String;
}

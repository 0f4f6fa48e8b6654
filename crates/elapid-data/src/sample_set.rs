//! What a set of samples is, whatever the samples are.

use burn_dataset::Dataset;

/// A set of samples of one kind.
///
/// `get` fails with a [`DataError`](crate::DataError) inside burn's `DatasetError`, and panics if
/// the index is not below `len`, as burn's trait demands.
pub trait SampleSet<S>: Dataset<S> {
    /// Names of the classes, in the order of their labels; none where nothing is classified.
    fn classes(&self) -> &[String];

    /// Class of sample `index`, where it is known without reading the sample and is its only one.
    fn label(&self, index: usize) -> Option<usize> {
        let _ = index;
        None
    }

    /// What a person can find sample `index` by, for use in messages: the file, or the file and
    /// the record number.
    fn describe(&self, index: usize) -> String;

    /// Hexadecimal SHA-256 that changes when the data do: of the content where it is in memory,
    /// of the sorted relative paths and sizes where it is a folder.
    fn fingerprint(&self) -> String;
}

//! Some of the samples of another set.

use std::sync::Arc;

use burn_dataset::{Dataset, DatasetError};

use super::{ImageDataset, ImageSample};
use crate::fingerprint::Fingerprint;

/// The samples of `inner` at `indices`, in that order.
pub(crate) struct Subset {
    inner: Arc<dyn ImageDataset>,
    indices: Vec<usize>,
}

impl Subset {
    pub(crate) fn new(inner: Arc<dyn ImageDataset>, indices: Vec<usize>) -> Self {
        Self { inner, indices }
    }
}

impl Dataset<ImageSample> for Subset {
    fn get(&self, index: usize) -> Result<ImageSample, DatasetError> {
        self.inner.get(self.indices[index])
    }

    fn len(&self) -> usize {
        self.indices.len()
    }
}

impl ImageDataset for Subset {
    fn classes(&self) -> &[String] {
        self.inner.classes()
    }

    fn describe(&self, index: usize) -> String {
        self.inner.describe(self.indices[index])
    }

    fn fingerprint(&self) -> String {
        let mut print = Fingerprint::new().bytes(self.inner.fingerprint().as_bytes());
        for &index in &self.indices {
            print = print.number(index as u64);
        }
        print.finish()
    }
}

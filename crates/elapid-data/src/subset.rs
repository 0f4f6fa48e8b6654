//! Some of the samples of another set.

use std::sync::Arc;

use burn_dataset::{Dataset, DatasetError};

use crate::SampleSet;
use crate::fingerprint::Fingerprint;

/// The samples of `inner` at `indices`, in that order.
pub(crate) struct Subset<S> {
    inner: Arc<dyn SampleSet<S>>,
    indices: Vec<usize>,
}

impl<S> Subset<S> {
    pub(crate) fn new(inner: Arc<dyn SampleSet<S>>, indices: Vec<usize>) -> Self {
        Self { inner, indices }
    }
}

impl<S> Dataset<S> for Subset<S> {
    fn get(&self, index: usize) -> Result<S, DatasetError> {
        self.inner.get(self.indices[index])
    }

    fn len(&self) -> usize {
        self.indices.len()
    }
}

impl<S> SampleSet<S> for Subset<S> {
    fn classes(&self) -> &[String] {
        self.inner.classes()
    }

    fn label(&self, index: usize) -> Option<usize> {
        self.inner.label(self.indices[index])
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

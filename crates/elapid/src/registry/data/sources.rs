//! Loaders as the trainer's sources.

use elapid_data::{Batcher, EvalLoader, TrainLoader};
use elapid_train::{BoxError, EvalSource, TrainSource};

use crate::registry::AnyBatch;

type Batches = Box<dyn Iterator<Item = Result<AnyBatch, BoxError>> + Send>;

/// Training batches of one kind.
pub(super) struct TrainBatches<B: Batcher> {
    loader: TrainLoader<B>,
    wrap: fn(B::Batch) -> AnyBatch,
}

impl<B: Batcher> TrainBatches<B> {
    /// `wrap` says for which task the batches are.
    pub(super) fn new(loader: TrainLoader<B>, wrap: fn(B::Batch) -> AnyBatch) -> Self {
        Self { loader, wrap }
    }
}

impl<B: Batcher> TrainSource<AnyBatch> for TrainBatches<B> {
    fn batches_per_epoch(&self) -> usize {
        self.loader.batches_per_epoch()
    }

    fn iter_from(&self, first: usize) -> Batches {
        wrapped(self.loader.iter_from(first), self.wrap)
    }

    fn warnings(&self) -> Vec<String> {
        self.loader.warnings()
    }
}

/// Evaluation batches of one kind.
pub(super) struct EvalBatches<B: Batcher> {
    loader: EvalLoader<B>,
    wrap: fn(B::Batch) -> AnyBatch,
}

impl<B: Batcher> EvalBatches<B> {
    /// As [`TrainBatches::new`].
    pub(super) fn new(loader: EvalLoader<B>, wrap: fn(B::Batch) -> AnyBatch) -> Self {
        Self { loader, wrap }
    }
}

impl<B: Batcher> EvalSource<AnyBatch> for EvalBatches<B> {
    fn iter(&self) -> Batches {
        wrapped(self.loader.iter(), self.wrap)
    }

    fn warnings(&self) -> Vec<String> {
        self.loader.warnings()
    }
}

fn wrapped<B: 'static>(batches: elapid_data::Batches<B>, wrap: fn(B) -> AnyBatch) -> Batches {
    Box::new(batches.map(move |batch| batch.map(wrap).map_err(BoxError::from)))
}

//! Loaders as the trainer's sources.

use std::sync::Mutex;

use elapid_data::{Batcher, DataError, EvalLoader, TrainLoader};
use elapid_train::{Batches, BoxError, EvalSource, Packed, Packer, Task, TrainSource};

use crate::registry::{AnyBatch, AnyTask};

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

    fn iter_from(&self, first: usize) -> Batches<AnyBatch> {
        boxed(self.loader.map_from(first, self.wrap))
    }

    fn packed_from(&self, first: usize, packer: Packer<AnyBatch>) -> Batches<Packed> {
        let wrap = self.wrap;
        boxed((self.loader).map_from(first, move |batch| packer.pack(wrap(batch))))
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
    fn iter(&self) -> Batches<AnyBatch> {
        let wrap = self.wrap;
        boxed(self.loader.iter().map(move |batch| batch.map(wrap)))
    }

    fn warnings(&self) -> Vec<String> {
        self.loader.warnings()
    }
}

/// The batches of a source without the last, where that has fewer samples than the others.
pub(super) struct WholeBatches {
    source: Box<dyn EvalSource<AnyBatch>>,
    size: usize,
    /// What is left out, until somebody was told.
    note: Mutex<Option<String>>,
}

impl WholeBatches {
    /// Of batches of `size` samples; `note` is told once.
    pub(super) fn new(
        source: Box<dyn EvalSource<AnyBatch>>,
        size: usize,
        note: Option<String>,
    ) -> Self {
        Self {
            source,
            size,
            note: Mutex::new(note),
        }
    }
}

impl EvalSource<AnyBatch> for WholeBatches {
    fn iter(&self) -> Batches<AnyBatch> {
        let (mut batches, size) = (self.source.iter().peekable(), self.size);
        let is_whole = move |batch: &AnyBatch| AnyTask::batch_len(batch) >= size;
        Box::new(std::iter::from_fn(move || {
            let batch = batches.next()?;
            let is_last = batches.peek().is_none();
            let is_short = batch.as_ref().is_ok_and(|batch| !is_whole(batch));
            (!(is_last && is_short)).then_some(batch)
        }))
    }

    fn warnings(&self) -> Vec<String> {
        let mut note = self
            .note
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        let mut warnings = self.source.warnings();
        warnings.extend(note.take());
        warnings
    }
}

fn boxed<T: 'static>(
    batches: impl Iterator<Item = Result<T, DataError>> + Send + 'static,
) -> Batches<T> {
    Box::new(batches.map(|batch| batch.map_err(BoxError::from)))
}

#[cfg(test)]
mod tests {
    use elapid_data::series::WindowBatch;

    use super::*;

    /// Batches of these numbers of windows.
    struct Windows(Vec<usize>);

    impl EvalSource<AnyBatch> for Windows {
        fn iter(&self) -> Batches<AnyBatch> {
            let sizes = self.0.clone().into_iter();
            Box::new(sizes.map(|batch| {
                let batch = WindowBatch {
                    batch,
                    ..WindowBatch::default()
                };
                Ok(AnyBatch::Forecast(batch))
            }))
        }
    }

    #[test]
    fn a_short_batch_at_the_end_is_left_out() {
        let sizes = |all: &[usize]| {
            let source = Box::new(Windows(all.to_vec()));
            let whole = WholeBatches::new(source, 4, Some("less".to_owned()));
            assert_eq!((whole.warnings().len(), whole.warnings().len()), (1, 0));
            let batches = whole
                .iter()
                .map(|batch| AnyTask::batch_len(&batch.unwrap()));
            batches.collect::<Vec<_>>()
        };
        assert_eq!(sizes(&[4, 4, 3]), [4, 4]);
        assert_eq!(sizes(&[4, 4]), [4, 4]);
        // One that is short in between, where samples were passed over, stays.
        assert_eq!(sizes(&[4, 3, 4]), [4, 3, 4]);
    }
}

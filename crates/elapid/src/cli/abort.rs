//! A process that ends in the middle of a run, for `elapid verify-resume`.

use elapid::registry::AnyBatch;
use elapid::train::{Batches, Sources, TrainSource};

/// The sources of a run whose process ends without warning when the batch of step `step`, counted from 0, is asked for.
pub(crate) fn abort_before(sources: Sources<AnyBatch>, step: u64) -> Sources<AnyBatch> {
    let inner = sources.train;
    Sources {
        train: Box::new(Aborting { inner, step }),
        ..sources
    }
}

struct Aborting {
    inner: Box<dyn TrainSource<AnyBatch>>,
    step: u64,
}

impl TrainSource<AnyBatch> for Aborting {
    fn batches_per_epoch(&self) -> usize {
        self.inner.batches_per_epoch()
    }

    fn iter_from(&self, first: usize) -> Batches<AnyBatch> {
        let step = self.step;
        let batches = (first as u64..).zip(self.inner.iter_from(first));
        Box::new(batches.map(move |(number, batch)| {
            if number == step {
                // Nothing is written, flushed or waited for, as if the power had gone.
                std::process::abort();
            }
            batch
        }))
    }

    fn warnings(&self) -> Vec<String> {
        self.inner.warnings()
    }
}

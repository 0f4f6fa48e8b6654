//! Where batches come from.

use crate::{BoxError, Packed, Packer};

/// Batches, or the reason why the next one could not be made.
pub type Batches<B> = Box<dyn Iterator<Item = Result<B, BoxError>> + Send>;

/// Training batches without end: batch `k`, counted over all epochs, is a pure function of `k`.
pub trait TrainSource<B>: Send + Sync {
    /// Batches in one pass over the data; at least 1.
    fn batches_per_epoch(&self) -> usize;

    /// The batches `first`, `first + 1`, and so on.
    fn iter_from(&self, first: usize) -> Batches<B>;

    /// The same batches, packed; best by the threads that make them. Here it is done by the one that asks.
    fn packed_from(&self, first: usize, packer: Packer<B>) -> Batches<Packed>
    where
        B: 'static,
    {
        let batches = self.iter_from(first);
        Box::new(batches.map(move |batch| batch.map(|batch| packer.pack(batch))))
    }

    /// What a person should know that did not keep a batch from being made, each time since the last call.
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }
}

/// The batches of a fixed split, in a fixed order.
pub trait EvalSource<B>: Send + Sync {
    /// All batches, each sample once.
    fn iter(&self) -> Batches<B>;

    /// As [`TrainSource::warnings`].
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }
}

/// The splits of a data set.
pub struct Sources<B> {
    /// What is trained on.
    pub train: Box<dyn TrainSource<B>>,
    /// What the best checkpoint is chosen by.
    pub valid: Option<Box<dyn EvalSource<B>>>,
    /// What is evaluated once, at the end.
    pub test: Option<Box<dyn EvalSource<B>>>,
}

impl<B> Sources<B> {
    /// The warnings of all of them.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let evaluated = [&self.valid, &self.test].into_iter().flatten();
        let mut warnings = self.train.warnings();
        warnings.extend(evaluated.flat_map(|source| source.warnings()));
        warnings
    }
}

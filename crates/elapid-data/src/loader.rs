//! Which samples form batch `k`, and their delivery in order.

use std::ops::Range;
use std::sync::Arc;

use rand_chacha::ChaCha8Rng;

use crate::error::DataError;
use crate::order::permuted;
use crate::prefetch::in_order;
use crate::random::{purpose, stream};
use crate::transform::require;

/// Makes batches of the samples of one data set.
///
/// What it makes must follow from its settings and its arguments alone: several threads call it, for batches in any
/// order.
pub trait Batcher: Send + Sync + 'static {
    /// Several samples in host memory, ready to be uploaded.
    type Batch: Send + 'static;

    /// Number of samples in the data set.
    fn samples(&self) -> usize;

    /// The samples drawn, augmented. `rng` is for what happens to the batch as a whole.
    ///
    /// # Errors
    ///
    /// A sample that cannot be read.
    fn train(&self, draws: &[Draw], rng: ChaCha8Rng) -> Result<Self::Batch, DataError>;

    /// These samples as they are, beside what else an evaluation looks at; `None` if all of them were passed over.
    ///
    /// # Errors
    ///
    /// A sample that cannot be read.
    fn eval(&self, samples: Range<usize>) -> Result<Option<Self::Batch>, DataError>;

    /// A message for each sample that was passed over for the first time since the last call.
    fn warnings(&self) -> Vec<String>;
}

/// A sample of a training batch.
#[derive(Clone, Debug)]
pub struct Draw {
    /// Its index in the data set.
    pub index: usize,
    /// What its augmentation is drawn from.
    pub rng: ChaCha8Rng,
}

/// Batches in order; ends after the first error.
pub type Batches<B> = Box<dyn Iterator<Item = Result<B, DataError>> + Send>;

/// The order in which samples are trained on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// Samples in a batch.
    pub batch_size: usize,
    /// Seed of order and augmentation.
    pub seed: u64,
    /// Times that a sample follows itself, each time with other draws, when its turn comes (repeated augmentation, Hoffer
    /// et al., arXiv:1901.09335). An epoch has as many samples as without, and so fewer different ones.
    pub repeats: usize,
}

impl Order {
    /// Every sample once an epoch.
    #[must_use]
    pub fn plain(batch_size: usize, seed: u64) -> Self {
        Self {
            batch_size,
            seed,
            repeats: 1,
        }
    }

    fn check(&self) -> Result<(), DataError> {
        require(
            self.batch_size > 0,
            "batch_size",
            self.batch_size,
            "at least 1",
        )?;
        require(
            self.repeats > 0,
            "augment.repeats",
            self.repeats,
            "at least 1",
        )
    }

    /// Sample at `place` of an epoch over `samples`. The augmentation is keyed by the sample and not by its place, so a
    /// sample's draw does not depend on the batch size.
    fn draw(&self, epoch: u64, samples: usize, place: usize) -> Draw {
        let index = permuted(self.seed, epoch, samples, place / self.repeats);
        let repeat = (place % self.repeats) as u64;
        let key = [purpose::AUGMENT, epoch, index as u64, repeat];
        // The first of the repeats draws what the only one would.
        let key = if repeat == 0 { &key[..3] } else { &key };
        let rng = stream(self.seed, key);
        Draw { index, rng }
    }
}

/// Endless batches of shuffled and augmented samples.
///
/// Batch `k` is a pure function of the batcher, the [`Order`] and `k`.
pub struct TrainLoader<B> {
    batcher: Arc<B>,
    order: Order,
    workers: usize,
}

impl<B: Batcher> TrainLoader<B> {
    /// A loader with `workers` threads; 0 loads on the thread that asks for a batch.
    ///
    /// # Errors
    ///
    /// If the data set is empty, or the batch size or the number of repeats is 0.
    pub fn new(batcher: B, order: Order, workers: usize) -> Result<Self, DataError> {
        order.check()?;
        Ok(Self {
            batcher: filled(batcher)?,
            order,
            workers,
        })
    }

    /// Whole batches in an epoch; what is left over is dropped. A data set smaller than a batch
    /// gives one short batch.
    #[must_use]
    pub fn batches_per_epoch(&self) -> usize {
        (self.batcher.samples() / self.order.batch_size).max(1)
    }

    /// Batches from number `first` on, without end. Batch `k` belongs to epoch
    /// `k / batches_per_epoch()`.
    ///
    /// A sample that cannot be read ends the iterator with an error that names it. Dropping the
    /// iterator ends its threads.
    #[must_use]
    pub fn iter_from(&self, first: usize) -> Batches<B::Batch> {
        self.map_from(first, |batch| batch)
    }

    /// The same batches, each passed through `finish` by the thread that made it.
    #[must_use]
    pub fn map_from<T: Send + 'static>(
        &self,
        first: usize,
        finish: impl Fn(B::Batch) -> T + Send + Sync + 'static,
    ) -> Batches<T> {
        let (batcher, order) = (Arc::clone(&self.batcher), self.order);
        let (samples, per_epoch) = (batcher.samples(), self.batches_per_epoch());
        in_order(first..usize::MAX, self.workers, move |number| {
            let (epoch, number) = ((number / per_epoch) as u64, number % per_epoch);
            let places = places(number, order.batch_size, samples);
            let draws: Vec<Draw> = places
                .map(|place| order.draw(epoch, samples, place))
                .collect();
            let key = [purpose::MIX, epoch, number as u64];
            let batch = batcher.train(&draws, stream(order.seed, &key))?;
            Ok(finish(batch))
        })
    }

    /// As [`Batcher::warnings`].
    pub fn warnings(&self) -> Vec<String> {
        self.batcher.warnings()
    }
}

/// Every sample once, in the order of the data set, without augmentation.
pub struct EvalLoader<B> {
    batcher: Arc<B>,
    batch_size: usize,
    workers: usize,
}

impl<B: Batcher> EvalLoader<B> {
    /// A loader with `workers` threads; 0 loads on the thread that asks for a batch.
    ///
    /// # Errors
    ///
    /// As [`TrainLoader::new`].
    pub fn new(batcher: B, batch_size: usize, workers: usize) -> Result<Self, DataError> {
        Order::plain(batch_size, 0).check()?;
        Ok(Self {
            batcher: filled(batcher)?,
            batch_size,
            workers,
        })
    }

    /// Number of batches, the last of which may be short.
    #[must_use]
    pub fn batches(&self) -> usize {
        self.batcher.samples().div_ceil(self.batch_size)
    }

    /// All batches, once; those that nothing is left of are left out. Errors and dropping are as in
    /// [`TrainLoader::iter_from`].
    #[must_use]
    pub fn iter(&self) -> Batches<B::Batch> {
        let (batcher, batch_size) = (Arc::clone(&self.batcher), self.batch_size);
        let batches = in_order(0..self.batches(), self.workers, move |number| {
            batcher.eval(places(number, batch_size, batcher.samples()))
        });
        Box::new(batches.filter_map(Result::transpose))
    }

    /// As [`Batcher::warnings`].
    pub fn warnings(&self) -> Vec<String> {
        self.batcher.warnings()
    }
}

/// Places of batch `number`, fewer than the batch size at the end of the data set.
fn places(number: usize, batch_size: usize, samples: usize) -> Range<usize> {
    let first = number * batch_size;
    first..(first + batch_size).min(samples)
}

/// Refuses a data set without samples.
fn filled<B: Batcher>(batcher: B) -> Result<Arc<B>, DataError> {
    match batcher.samples() {
        0 => Err(DataError::TooFew {
            what: "the data set".to_owned(),
            len: 0,
            needed: 1,
            hint: "check its path and its split fractions".to_owned(),
        }),
        _ => Ok(Arc::new(batcher)),
    }
}

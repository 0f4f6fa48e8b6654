//! Random numbers of one training step.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Draws the masks of drop path and dropout on the host, in layer order.
///
/// A step's noise is a function of its seed alone, so a resumed run draws what the uninterrupted
/// one would have; device generators are process-wide and cannot be restored.
#[derive(Debug)]
pub struct Noise(ChaCha8Rng);

impl Noise {
    /// The noise of the step with this seed.
    pub fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// `len` factors, each 0 with probability `rate` and `1 / (1 − rate)` otherwise.
    pub(crate) fn keep_factors(&mut self, len: usize, rate: f64) -> Vec<f32> {
        let keep = 1.0 / (1.0 - rate) as f32;
        (0..len)
            .map(|_| {
                if self.0.random::<f64>() < rate {
                    0.0
                } else {
                    keep
                }
            })
            .collect()
    }
}

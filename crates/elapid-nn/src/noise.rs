//! Random numbers of one training step.

use burn::tensor::{Int, Tensor};
use elapid_kernels::random::{self, random_key};

/// Draws the masks of drop path and dropout, in the order of the layers.
///
/// They follow from a key in device memory and the number of the draw, so a resumed run draws what the uninterrupted one
/// would have, and a step that was recorded as a graph draws anew whenever it is repeated with another key.
#[derive(Clone, Debug)]
pub struct Noise {
    key: Tensor<1, Int>,
    next_draw: u32,
}

impl Noise {
    /// The noise of a key, from [`random_key`]; draws are numbered from `first_draw`.
    pub fn new(key: Tensor<1, Int>, first_draw: u32) -> Self {
        Self {
            key,
            next_draw: first_draw,
        }
    }

    /// The noise of a seed.
    pub fn seeded(seed: u64, device: &burn::tensor::Device) -> Self {
        Self::new(random_key(seed, device), 0)
    }

    /// Factors, each 0 with probability `rate` and `1 / (1 − rate)` otherwise, 32-bit.
    pub(crate) fn keep_factors<const D: usize>(
        &mut self,
        shape: [usize; D],
        rate: f64,
    ) -> Tensor<D> {
        let draw = self.next_draw;
        self.next_draw = draw.wrapping_add(1);
        random::keep_factors(&self.key, draw, shape, rate)
    }
}

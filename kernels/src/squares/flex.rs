//! The native CPU implementation.

use burn::backend::{Flex, tensor::FloatTensor};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::ops::{SquareOps, SquarePlan};
use crate::flex::simd::load;
use crate::flex::to_f32;

/// Elements whose squares are added in 32 bits.
const BLOCK: usize = 1 << 12;

impl SquareOps for Flex {
    fn sum_squares(
        mut sums: FloatTensor<Self>,
        tensor: FloatTensor<Self>,
        plan: SquarePlan,
    ) -> FloatTensor<Self> {
        let tensor = to_f32(tensor).to_contiguous();
        let numbers = tensor.as_slice::<f32>().expect("made contiguous above");
        let share = numbers.len().div_ceil(plan.parts).max(1);
        let sums_of_parts = &mut sums.storage_mut::<f32>()[plan.first..][..plan.parts];
        // A tensor of one part is not worth another thread; a part is empty where the last ones are.
        let parts = sums_of_parts.par_iter_mut().enumerate().with_min_len(8);
        parts.for_each(|(part, sum)| {
            let start = (part * share).min(numbers.len());
            let end = (start + share).min(numbers.len());
            *sum = squares(&numbers[start..end]);
        });
        sums
    }
}

fn squares(numbers: &[f32]) -> f32 {
    let arch = Arch::new();
    let blocks = numbers.chunks(BLOCK);
    blocks
        .map(|block| f64::from(arch.dispatch(Squares(block))))
        .sum::<f64>() as f32
}

struct Squares<'a>(&'a [f32]);

impl WithSimd for Squares<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) -> f32 {
        let mut sums = [s.splat_f32s(0.0); 4];
        for four in self.0.chunks(4 * S::F32_LANES) {
            for (sum, x) in sums.iter_mut().zip(four.chunks(S::F32_LANES)) {
                let x = load(s, x);
                *sum = s.mul_add_e_f32s(x, x, *sum);
            }
        }
        let [a, b, c, d] = sums;
        s.reduce_sum_f32s(s.add_f32s(s.add_f32s(a, b), s.add_f32s(c, d)))
    }
}

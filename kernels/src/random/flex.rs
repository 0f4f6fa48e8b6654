//! The native CPU implementation.

use burn::backend::Flex;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::tensor::TensorData;
use burn_flex::FlexTensor;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::ops::{KeepPlan, RandomOps};
use super::threefry::{falls_below, threefry2x32};
use crate::flex::output;

/// Elements of a task.
const BLOCK: usize = 1 << 14;

impl RandomOps for Flex {
    fn keep_factors(key: IntTensor<Self>, plan: KeepPlan) -> FloatTensor<Self> {
        let key = key.to_contiguous();
        let words = key
            .layout()
            .contiguous_offsets()
            .map_or(0, |(start, _)| start);
        let words = &key.storage::<i32>()[words..words + 2];
        let key = [words[0] as u32, words[1] as u32];
        let mut factors = output(plan.len);
        let arch = Arch::new();
        factors
            .par_chunks_mut(BLOCK)
            .enumerate()
            .for_each(|(block, factors)| {
                let first = block * BLOCK;
                arch.dispatch(Block {
                    key,
                    plan,
                    first,
                    factors,
                });
            });
        FlexTensor::from_data(TensorData::new(factors, [plan.len]))
    }
}

/// Factors from number `first`. The loop has no branch and no call, so that the compiler makes vectors of it.
struct Block<'a> {
    key: [u32; 2],
    plan: KeepPlan,
    first: usize,
    factors: &'a mut [f32],
}

impl WithSimd for Block<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let first = self.first as u32;
        for (at, factor) in self.factors.iter_mut().enumerate() {
            let counter = [first.wrapping_add(at as u32), self.plan.draw];
            let word = threefry2x32(self.key, counter)[0];
            *factor = match falls_below(word, self.plan.rate) {
                true => 0.0,
                false => self.plan.keep,
            };
        }
    }
}

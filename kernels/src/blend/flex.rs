//! The native CPU implementation.

use burn::backend::{Flex, tensor::FloatTensor};
use rayon::prelude::*;

use super::ops::{BlendOps, BlendPlan};
use crate::flex::{dense, numbers};

const BLOCK: usize = 1 << 14;

impl BlendOps for Flex {
    fn blend(
        average: FloatTensor<Self>,
        current: FloatTensor<Self>,
        table: FloatTensor<Self>,
        plan: BlendPlan,
    ) -> FloatTensor<Self> {
        let table = numbers(&table);
        let (keep, add) = (table[plan.first], table[plan.first + 1]);
        let current = dense(current);
        let mut average = dense(average);
        let blocks = average.storage_mut::<f32>().par_chunks_mut(BLOCK);
        blocks
            .zip(current.storage::<f32>().par_chunks(BLOCK))
            .for_each(|(average, current)| {
                for (average, current) in average.iter_mut().zip(current) {
                    *average = *average * keep + if add == 0.0 { 0.0 } else { *current * add };
                }
            });
        average
    }
}

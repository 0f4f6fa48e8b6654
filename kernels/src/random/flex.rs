//! The native CPU implementation.

use burn::backend::Flex;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::tensor::TensorData;
use burn_flex::FlexTensor;

use super::ops::{KeepPlan, RandomOps};
use super::threefry::{falls_below, threefry2x32};

impl RandomOps for Flex {
    fn keep_factors(key: IntTensor<Self>, plan: KeepPlan) -> FloatTensor<Self> {
        let key = key.to_contiguous();
        let words = key
            .layout()
            .contiguous_offsets()
            .map_or(0, |(start, _)| start);
        let words = &key.storage::<i32>()[words..words + 2];
        let key = [words[0] as u32, words[1] as u32];
        let factors: Vec<f32> = (0..plan.len)
            .map(|element| {
                let word = threefry2x32(key, [element as u32, plan.draw])[0];
                if falls_below(word, plan.rate) {
                    0.0
                } else {
                    plan.keep
                }
            })
            .collect();
        FlexTensor::from_data(TensorData::new(factors, [plan.len]))
    }
}

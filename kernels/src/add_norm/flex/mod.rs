//! The native CPU implementation: SIMD lanes are channels, a task is a block of rows.

mod backward;
mod forward;
mod problem;
mod row;

use burn::backend::{Flex, tensor::FloatTensor};

use super::ops::{
    AddNormBackward, AddNormBackwardTensors, AddNormGrads, AddNormOps, AddNormPlan, AddNormTensors,
};

impl AddNormOps for Flex {
    fn add_norm_forward(
        input: AddNormTensors<Self>,
        plan: AddNormPlan,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        forward::run(input, plan)
    }
}

impl AddNormBackward for Flex {
    fn add_norm_backward(
        input: AddNormBackwardTensors<Self>,
        plan: AddNormPlan,
    ) -> AddNormGrads<Self> {
        backward::run(input, plan)
    }
}

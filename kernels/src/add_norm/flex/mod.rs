//! The native CPU implementation: threads over runs of rows, SIMD over channels.

mod backward;
mod forward;
mod row;

use burn::backend::{Flex, tensor::FloatTensor};

use super::AddNormOptions;
use super::ops::{
    AddNormBackward, AddNormOps, AddNormOutput, AddNormTensors, NormGrads, NormTensors,
};

/// Rows per task. It does not depend on the number of threads, so that sums over rows do not either.
const RUN: usize = 64;

impl AddNormOps for Flex {
    fn add_norm_forward(
        input: AddNormTensors<Self>,
        options: AddNormOptions,
    ) -> AddNormOutput<Self> {
        forward::run(input, options)
    }
}

impl AddNormBackward for Flex {
    fn add_norm_backward(
        input: NormTensors<Self>,
        options: AddNormOptions,
        grad: FloatTensor<Self>,
    ) -> NormGrads<Self> {
        backward::run(input, options, grad)
    }
}

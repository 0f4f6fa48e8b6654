//! The native CPU implementation: SIMD lanes are channels, a thread owns a block of channels of
//! one batch element, and time is sequential.

mod backward;
mod forward;
mod problem;

use burn::backend::{Flex, tensor::FloatTensor};

use super::ConvOptions;
use super::ops::{CausalConvBackward, CausalConvOps, ConvGrads, ConvTensors};
use problem::Operands;

impl CausalConvOps for Flex {
    fn causal_conv1d_forward(input: ConvTensors<Self>, options: ConvOptions) -> FloatTensor<Self> {
        let operands = Operands::new(input);
        forward::run(&operands.problem(options), operands.dtype)
    }
}

impl CausalConvBackward for Flex {
    fn causal_conv1d_backward(
        input: ConvTensors<Self>,
        options: ConvOptions,
        grad: FloatTensor<Self>,
    ) -> ConvGrads<Self> {
        let operands = Operands::new(input);
        backward::run(&operands.problem(options), grad, operands.dtype)
    }
}

//! The interface between the public function and native implementations.

use burn::backend::{Backend, ExtensionType, backend_extension, tensor::FloatTensor};

use super::ConvOptions;
use crate::native::Optional;

/// The operands as backend tensors; shapes as in [`ConvInput`](super::ConvInput).
#[derive(Clone, Debug, ExtensionType)]
pub(crate) struct ConvTensors<B: Backend> {
    /// Input.
    pub x: FloatTensor<B>,
    /// Filters, 32-bit.
    pub weight: FloatTensor<B>,
    /// Bias, 32-bit.
    #[extension_type]
    pub bias: Optional<B>,
    /// Inputs before the first processed token.
    #[extension_type]
    pub initial_columns: Optional<B>,
    /// One at the first token of every packed sequence, zero elsewhere, 32-bit.
    #[extension_type]
    pub reset: Optional<B>,
}

/// Gradients with respect to [`ConvTensors`]; absent where the operand is.
#[derive(Clone, Debug)]
pub(crate) struct ConvGrads<B: Backend> {
    /// `[B, L, D]`
    pub x: FloatTensor<B>,
    /// `[D, K]`
    pub weight: FloatTensor<B>,
    /// `[D]`
    pub bias: Option<FloatTensor<B>>,
    /// `[B, K − 1, D]`
    pub initial_columns: Option<FloatTensor<B>>,
}

/// Forward pass, reached through burn's dispatch.
#[backend_extension(Flex, Autodiff)]
pub(crate) trait CausalConvOps: Backend {
    /// The convolution, `[B, L, D]`.
    fn causal_conv1d_forward(
        #[extension_type] input: ConvTensors<Self>,
        options: ConvOptions,
    ) -> FloatTensor<Self>;
}

/// Backward pass, called by the autodiff registration on the backend below it.
pub(crate) trait CausalConvBackward: CausalConvOps {
    /// Gradients from the gradient of the output.
    fn causal_conv1d_backward(
        input: ConvTensors<Self>,
        options: ConvOptions,
        grad: FloatTensor<Self>,
    ) -> ConvGrads<Self>;
}

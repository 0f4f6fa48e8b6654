//! The interface between the public function and native implementations.

use burn::backend::{Backend, ExtensionType, backend_extension, tensor::FloatTensor};

use super::ConvOptions;
use crate::native::Optional;

/// The operands as backend tensors; shapes as in [`ConvInput`](super::ConvInput).
#[derive(Clone, Debug, ExtensionType)]
#[extension_type(fusion: cfg(feature = "gpu"))]
pub(crate) struct ConvTensors<B: Backend> {
    /// Input.
    pub x: FloatTensor<B>,
    /// Filters, 32-bit.
    pub weight: FloatTensor<B>,
    /// Bias, 32-bit.
    #[extension_type]
    pub bias: Optional<B>,
    /// Inputs before the first processed token, in the type of `x`.
    #[extension_type]
    pub initial_columns: Optional<B>,
    /// One at the first token of every packed sequence, zero elsewhere, 32-bit.
    #[extension_type]
    pub reset: Optional<B>,
}

/// Gradients with respect to [`ConvTensors`]; absent where the operand is.
#[derive(Clone, Debug, ExtensionType)]
#[extension_type(fusion: cfg(feature = "gpu"))]
pub(crate) struct ConvGrads<B: Backend> {
    /// `[B, L, D]`
    pub x: FloatTensor<B>,
    /// `[D, K]`
    pub weight: FloatTensor<B>,
    /// `[D]`
    #[extension_type]
    pub bias: Optional<B>,
    /// `[B, K − 1, D]`
    #[extension_type]
    pub initial_columns: Optional<B>,
}

/// Forward pass, reached through burn's dispatch.
#[backend_extension(
    Flex,
    Cube: cfg(feature = "gpu"),
    Fusion: cfg(feature = "gpu"),
    Autodiff
)]
pub(crate) trait CausalConvOps: Backend {
    /// The convolution, `[B, L, D]`.
    #[fusion(meta = super::fusion::forward)]
    fn causal_conv1d_forward(
        #[extension_type] input: ConvTensors<Self>,
        options: ConvOptions,
    ) -> FloatTensor<Self>;
}

/// Backward pass, called by the autodiff registration on the backend below it.
#[backend_extension(
    Flex,
    Cube: cfg(feature = "gpu"),
    Fusion: cfg(feature = "gpu")
)]
pub(crate) trait CausalConvBackward: CausalConvOps {
    /// Gradients from the gradient of the output.
    #[fusion(meta = super::fusion::backward)]
    fn causal_conv1d_backward(
        #[extension_type] input: ConvTensors<Self>,
        options: ConvOptions,
        grad: FloatTensor<Self>,
    ) -> ConvGrads<Self>;
}

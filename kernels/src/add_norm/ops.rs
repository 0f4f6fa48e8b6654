//! The interface between the public function and native implementations.

use burn::backend::{Backend, ExtensionType, backend_extension, tensor::FloatTensor};

use super::AddNormOptions;
use crate::native::Optional;

/// The operands as backend tensors; shapes as in [`AddNormInput`](super::AddNormInput).
#[derive(Clone, Debug, ExtensionType)]
#[extension_type(fusion: cfg(feature = "gpu"))]
pub(crate) struct AddNormTensors<B: Backend> {
    /// What is added.
    pub hidden: FloatTensor<B>,
    /// The residual stream.
    #[extension_type]
    pub residual: Optional<B>,
    /// Factor per sequence, 32-bit.
    #[extension_type]
    pub row_scale: Optional<B>,
    /// 32-bit.
    pub weight: FloatTensor<B>,
    /// 32-bit.
    #[extension_type]
    pub bias: Optional<B>,
}

/// Both results, `[B, L, D]`.
#[derive(Clone, Debug, ExtensionType)]
#[extension_type(fusion: cfg(feature = "gpu"))]
pub(crate) struct AddNormOutput<B: Backend> {
    /// Normalised sum, in the type of `hidden`.
    pub normal: FloatTensor<B>,
    /// Sum, in the type of the residual stream.
    pub residual: FloatTensor<B>,
}

/// What the backward pass of the norm reads.
#[derive(Clone, Debug, ExtensionType)]
#[extension_type(fusion: cfg(feature = "gpu"))]
pub(crate) struct NormTensors<B: Backend> {
    /// The sum.
    pub residual: FloatTensor<B>,
    /// 32-bit.
    pub weight: FloatTensor<B>,
    /// 32-bit.
    #[extension_type]
    pub bias: Optional<B>,
}

/// Gradients of [`NormTensors`], in their shapes and types.
#[derive(Clone, Debug, ExtensionType)]
#[extension_type(fusion: cfg(feature = "gpu"))]
pub(crate) struct NormGrads<B: Backend> {
    /// `[B, L, D]`
    pub residual: FloatTensor<B>,
    /// `[D]`
    pub weight: FloatTensor<B>,
    /// `[D]`
    #[extension_type]
    pub bias: Optional<B>,
}

/// Forward pass, reached through burn's dispatch.
#[backend_extension(
    Flex,
    Cube: cfg(feature = "gpu"),
    Fusion: cfg(feature = "gpu"),
    Autodiff
)]
pub(crate) trait AddNormOps: Backend {
    /// Normalised sum and sum.
    #[fusion(meta = super::fusion::forward)]
    fn add_norm_forward(
        #[extension_type] input: AddNormTensors<Self>,
        options: AddNormOptions,
    ) -> AddNormOutput<Self>;
}

/// Backward pass of the norm, called by the autodiff registration on the backend below it.
#[backend_extension(
    Flex,
    Cube: cfg(feature = "gpu"),
    Fusion: cfg(feature = "gpu")
)]
pub(crate) trait AddNormBackward: AddNormOps {
    /// Gradients from the gradient of the normalised sum.
    #[fusion(meta = super::fusion::backward)]
    fn add_norm_backward(
        #[extension_type] input: NormTensors<Self>,
        options: AddNormOptions,
        grad: FloatTensor<Self>,
    ) -> NormGrads<Self>;
}

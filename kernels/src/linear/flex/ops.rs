//! The interface between the public functions and the CPU implementation; all tensors are 32-bit.

use burn::backend::{Backend, ExtensionType, backend_extension, tensor::FloatTensor};

use crate::native::Optional;

/// Gradients of the output, or of its halves, those absent which were not used.
#[derive(Clone, Debug, ExtensionType)]
#[extension_type(fusion: cfg(feature = "gpu"))]
pub(crate) struct AffineGrads<B: Backend> {
    /// `[.., out]`, or `[.., out / 2]`
    #[extension_type]
    pub first: Optional<B>,
    /// `[.., out / 2]`
    #[extension_type]
    pub second: Optional<B>,
    /// The output was divided.
    pub halves: bool,
}

/// Forward pass, reached through burn's dispatch.
#[backend_extension(Flex, Autodiff)]
pub(crate) trait AffineOps: Backend {
    /// `x Wᵀ + b`, `[.., out]`, for x `[.., in]`, W `[out, in]` and b `[out]`.
    fn affine_forward(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        #[extension_type] bias: Optional<Self>,
    ) -> FloatTensor<Self>;

    /// The same in halves of the last axis.
    fn affine_halves(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        #[extension_type] bias: Optional<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
}

/// Backward pass, called by the autodiff registration on the backend below it.
#[backend_extension(Flex)]
pub(crate) trait AffineBackward: AffineOps {
    /// Gradient of x, `[.., in]`.
    fn affine_input(
        #[extension_type] grads: AffineGrads<Self>,
        weight: FloatTensor<Self>,
    ) -> FloatTensor<Self>;

    /// Gradient of the weight, `[out, in]`.
    fn affine_weight(
        #[extension_type] grads: AffineGrads<Self>,
        x: FloatTensor<Self>,
    ) -> FloatTensor<Self>;

    /// Gradient of the bias, `[out]`.
    fn affine_bias(#[extension_type] grads: AffineGrads<Self>) -> FloatTensor<Self>;
}

//! The interface between the public function and the GPU implementation.

use burn::backend::{Backend, ExtensionType, backend_extension, tensor::FloatTensor};

use crate::native::Optional;

/// The operands as backend tensors; shapes as in [`BatchNormInput`](super::BatchNormInput).
#[derive(Clone, Debug, ExtensionType)]
#[extension_type(fusion)]
pub(crate) struct BatchNormTensors<B: Backend> {
    /// `[R, D]`, not empty.
    pub x: FloatTensor<B>,
    /// Scale, 32-bit.
    pub weight: FloatTensor<B>,
    /// Shift, 32-bit.
    pub bias: FloatTensor<B>,
    /// 1 for a row that is real, 0 for padding, `[R, 1]`, 32-bit.
    #[extension_type]
    pub real: Optional<B>,
    /// How many rows are real, `[1]`, 32-bit; there if `real` is.
    #[extension_type]
    pub count: Optional<B>,
}

/// Results; statistics are `[D]`, 32-bit.
#[derive(Clone, Debug, ExtensionType)]
#[extension_type(fusion)]
pub(crate) struct BatchNormResults<B: Backend> {
    /// `[R, D]`, in the type of x.
    pub y: FloatTensor<B>,
    /// Mean.
    pub mean: FloatTensor<B>,
    /// Variance.
    pub variance: FloatTensor<B>,
    /// Variance with Bessel's correction.
    pub unbiased: FloatTensor<B>,
}

/// What the backward pass reads.
#[derive(Clone, Debug, ExtensionType)]
#[extension_type(fusion)]
pub(crate) struct BatchNormBackwardTensors<B: Backend> {
    /// `[R, D]`
    pub x: FloatTensor<B>,
    /// `[D]`, 32-bit.
    pub weight: FloatTensor<B>,
    /// `[D]`, 32-bit.
    pub mean: FloatTensor<B>,
    /// `[D]`, 32-bit.
    pub variance: FloatTensor<B>,
    /// As in [`BatchNormTensors`].
    #[extension_type]
    pub real: Optional<B>,
    /// As in [`BatchNormTensors`].
    #[extension_type]
    pub count: Optional<B>,
    /// Gradient of y, `[R, D]`.
    pub d_y: FloatTensor<B>,
}

/// Gradients with respect to [`BatchNormTensors`].
#[derive(Clone, Debug, ExtensionType)]
#[extension_type(fusion)]
pub(crate) struct BatchNormGrads<B: Backend> {
    /// `[R, D]`, in the type of x.
    pub x: FloatTensor<B>,
    /// `[D]`, 32-bit.
    pub weight: FloatTensor<B>,
    /// `[D]`, 32-bit.
    pub bias: FloatTensor<B>,
}

/// Forward pass, reached through burn's dispatch.
#[backend_extension(Cube, Fusion, Autodiff)]
pub(crate) trait BatchNormOps: Backend {
    /// The normalised rows and the statistics that they were normalised by, which have no gradient.
    #[fusion(meta = super::fusion::forward)]
    fn batch_norm_forward(
        #[extension_type] input: BatchNormTensors<Self>,
        epsilon: f64,
    ) -> BatchNormResults<Self>;
}

/// Backward pass, called by the autodiff registration on the backend below it.
#[backend_extension(Cube, Fusion)]
pub(crate) trait BatchNormBackward: BatchNormOps {
    /// Gradients of the operands from that of y.
    #[fusion(meta = super::fusion::backward)]
    fn batch_norm_backward(
        #[extension_type] input: BatchNormBackwardTensors<Self>,
        epsilon: f64,
    ) -> BatchNormGrads<Self>;
}

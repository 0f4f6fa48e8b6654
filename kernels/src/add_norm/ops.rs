//! The interface between the public function and native implementations.

use burn::backend::{Backend, ExtensionType, backend_extension, tensor::FloatTensor};
use burn::tensor::DType;

use super::AddNormOptions;
use crate::native::Optional;

/// The operands as backend tensors; shapes as in [`AddNormInput`](super::AddNormInput).
#[derive(Clone, Debug, ExtensionType)]
#[extension_type(fusion: cfg(feature = "gpu"))]
pub(crate) struct AddNormTensors<B: Backend> {
    /// Hidden state.
    pub hidden: FloatTensor<B>,
    /// Residual stream.
    #[extension_type]
    pub residual: Optional<B>,
    /// Factor of the hidden state, 32-bit.
    #[extension_type]
    pub row_scale: Optional<B>,
    /// Scale of the norm, 32-bit.
    pub weight: FloatTensor<B>,
    /// Shift of the norm, 32-bit.
    #[extension_type]
    pub bias: Optional<B>,
}

/// What the backward pass reads.
#[derive(Clone, Debug, ExtensionType)]
#[extension_type(fusion: cfg(feature = "gpu"))]
pub(crate) struct AddNormBackwardTensors<B: Backend> {
    /// The residual stream behind the addition, `[B, L, D]`.
    pub sum: FloatTensor<B>,
    /// Factor of the hidden state, `[B]`, 32-bit.
    #[extension_type]
    pub row_scale: Optional<B>,
    /// Scale of the norm, `[D]`, 32-bit.
    pub weight: FloatTensor<B>,
    /// Gradient of the normalised state, `[B, L, D]`.
    pub d_normal: FloatTensor<B>,
    /// Gradient of the sum from elsewhere, `[B, L, D]`.
    #[extension_type]
    pub d_sum: Optional<B>,
}

/// Gradients with respect to [`AddNormTensors`].
#[derive(Clone, Debug, ExtensionType)]
#[extension_type(fusion: cfg(feature = "gpu"))]
pub(crate) struct AddNormGrads<B: Backend> {
    /// `[B, L, D]`
    pub hidden: FloatTensor<B>,
    /// `[B, L, D]`; absent unless [`AddNormPlan::two_gradients`].
    #[extension_type]
    pub residual: Optional<B>,
    /// `[D]`
    pub weight: FloatTensor<B>,
    /// `[D]`; absent where the operand is.
    #[extension_type]
    pub bias: Optional<B>,
}

/// Everything about an addition and norm but its operands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct AddNormPlan {
    /// The caller's options.
    pub options: AddNormOptions,
    /// Type of the hidden state and of its normalised sum.
    pub hidden: DType,
    /// Type of the residual stream.
    pub stream: DType,
    /// A residual stream is there.
    pub residual: bool,
    /// Factors of the hidden state are there.
    pub scaled: bool,
    /// A shift is there.
    pub bias: bool,
}

impl AddNormPlan {
    /// Whether the sum is anything but the hidden state itself.
    pub(crate) fn adds(&self) -> bool {
        self.residual || self.scaled || self.hidden != self.stream
    }

    /// Whether the hidden state and the residual stream have gradients that differ, in value or type.
    pub(crate) fn two_gradients(&self) -> bool {
        self.residual && (self.scaled || self.hidden != self.stream)
    }
}

/// Forward pass, reached through burn's dispatch.
#[backend_extension(
    Flex,
    Cube: cfg(feature = "gpu"),
    Fusion: cfg(feature = "gpu"),
    Autodiff
)]
pub(crate) trait AddNormOps: Backend {
    /// The normalised state and the sum, both `[B, L, D]`.
    #[fusion(meta = super::fusion::forward)]
    fn add_norm_forward(
        #[extension_type] input: AddNormTensors<Self>,
        plan: AddNormPlan,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
}

/// Backward pass, called by the autodiff registration on the backend below it.
#[backend_extension(
    Flex,
    Cube: cfg(feature = "gpu"),
    Fusion: cfg(feature = "gpu")
)]
pub(crate) trait AddNormBackward: AddNormOps {
    /// Gradients of the operands from those of the results.
    #[fusion(meta = super::fusion::backward)]
    fn add_norm_backward(
        #[extension_type] input: AddNormBackwardTensors<Self>,
        plan: AddNormPlan,
    ) -> AddNormGrads<Self>;
}

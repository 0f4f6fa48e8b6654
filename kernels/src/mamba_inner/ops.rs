//! The interface between the public function and the GPU implementation.

#![allow(
    clippy::large_enum_variant,
    reason = "one value a block, and the derive crosses no box"
)]

use burn::backend::{Backend, ExtensionType, backend_extension, tensor::FloatTensor};

use crate::native::Optional;

/// Parameters of one direction, all 32-bit; shapes as in [`Branch`](super::Branch). Also their gradients.
#[derive(Clone, Debug, ExtensionType)]
#[extension_type(fusion)]
pub(crate) struct BranchTensors<B: Backend> {
    /// Filters.
    pub conv_weight: FloatTensor<B>,
    /// Bias of the convolution.
    #[extension_type]
    pub conv_bias: Optional<B>,
    /// Projection to step size, B and C.
    pub x_proj: FloatTensor<B>,
    /// Step-size projection.
    pub dt_proj: FloatTensor<B>,
    /// Step-size bias.
    #[extension_type]
    pub dt_bias: Optional<B>,
    /// Logarithm of the decay rates.
    pub a_log: FloatTensor<B>,
    /// Skip coefficient.
    pub skip: FloatTensor<B>,
}

/// A direction that may be absent.
#[derive(Clone, Debug, ExtensionType)]
#[extension_type(fusion)]
pub(crate) enum OptionalBranch<B: Backend> {
    /// There is one direction only.
    Absent,
    /// The second direction.
    Present(#[extension_type] BranchTensors<B>),
}

impl<B: Backend> OptionalBranch<B> {
    pub(crate) fn as_option(&self) -> Option<&BranchTensors<B>> {
        match self {
            Self::Absent => None,
            Self::Present(branch) => Some(branch),
        }
    }

    pub(crate) fn into_option(self) -> Option<BranchTensors<B>> {
        match self {
            Self::Absent => None,
            Self::Present(branch) => Some(branch),
        }
    }
}

/// The operands.
#[derive(Clone, Debug, ExtensionType)]
#[extension_type(fusion)]
pub(crate) struct InnerTensors<B: Backend> {
    /// `[B, L, 2D]`
    pub xz: FloatTensor<B>,
    /// First direction.
    #[extension_type]
    pub forward: BranchTensors<B>,
    /// Second direction.
    #[extension_type]
    pub backward: OptionalBranch<B>,
    /// One at the first token of every packed sequence, zero elsewhere, 32-bit.
    #[extension_type]
    pub reset: Optional<B>,
}

/// Output, and what the backward pass starts from. V directions.
#[derive(Clone, Debug, ExtensionType)]
#[extension_type(fusion)]
pub(crate) struct InnerOutput<B: Backend> {
    /// `[B, L, D]`
    pub y: FloatTensor<B>,
    /// Step size of rank R, B and C, `[V, BL, R + 2N]`.
    pub projected: FloatTensor<B>,
    /// Kept states of the scan.
    pub states: FloatTensor<B>,
}

/// Gradients of [`InnerTensors`].
#[derive(Clone, Debug, ExtensionType)]
#[extension_type(fusion)]
pub(crate) struct InnerGrads<B: Backend> {
    /// `[B, L, 2D]`
    pub xz: FloatTensor<B>,
    /// First direction.
    #[extension_type]
    pub forward: BranchTensors<B>,
    /// Second direction.
    #[extension_type]
    pub backward: OptionalBranch<B>,
}

/// How the operator runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InnerPlan {
    /// Keep the states that the backward pass restarts from.
    pub keep_states: bool,
    /// Tokens between two kept states.
    pub interval: usize,
}

/// Forward pass, reached through burn's dispatch.
#[backend_extension(Cube, Fusion, Autodiff)]
pub(crate) trait MambaInnerOps: Backend {
    /// Output and what the backward pass needs.
    #[fusion(meta = super::fusion::forward)]
    fn mamba_inner_forward(
        #[extension_type] input: InnerTensors<Self>,
        plan: InnerPlan,
    ) -> InnerOutput<Self>;
}

/// Backward pass, called by the autodiff registration on the backend below it.
#[backend_extension(Cube, Fusion)]
pub(crate) trait MambaInnerBackward: MambaInnerOps {
    /// Gradients from the gradient of the output.
    #[fusion(meta = super::fusion::backward)]
    fn mamba_inner_backward(
        #[extension_type] input: InnerTensors<Self>,
        plan: InnerPlan,
        projected: FloatTensor<Self>,
        states: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> InnerGrads<Self>;
}

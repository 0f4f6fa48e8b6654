//! The interface between the public function and native implementations.

use burn::backend::{Backend, ExtensionType, backend_extension, tensor::FloatTensor};

use super::ScanOptions;
use crate::native::Optional;

/// The operands as backend tensors; shapes as in [`ScanInput`](super::ScanInput).
#[derive(Clone, Debug, ExtensionType)]
#[extension_type(fusion: cfg(feature = "gpu"))]
pub(crate) struct ScanTensors<B: Backend> {
    /// Input.
    pub u: FloatTensor<B>,
    /// Step size before bias and softplus.
    pub delta: FloatTensor<B>,
    /// Decay, 32-bit.
    pub a: FloatTensor<B>,
    /// Input matrix.
    pub b: FloatTensor<B>,
    /// Output matrix.
    pub c: FloatTensor<B>,
    /// Skip coefficient, 32-bit.
    #[extension_type]
    pub skip: Optional<B>,
    /// Gate.
    #[extension_type]
    pub z: Optional<B>,
    /// Step-size bias, 32-bit.
    #[extension_type]
    pub delta_bias: Optional<B>,
    /// Initial state, 32-bit.
    #[extension_type]
    pub initial_state: Optional<B>,
    /// One at the first token of every packed sequence, zero elsewhere, 32-bit.
    #[extension_type]
    pub reset: Optional<B>,
}

/// Gradients with respect to [`ScanTensors`]; absent where the operand is.
#[derive(Clone, Debug, ExtensionType)]
#[extension_type(fusion: cfg(feature = "gpu"))]
pub(crate) struct ScanGrads<B: Backend> {
    /// `[B, L, D]`
    pub u: FloatTensor<B>,
    /// `[B, L, D]`
    pub delta: FloatTensor<B>,
    /// `[D, N]`
    pub a: FloatTensor<B>,
    /// `[B, L, G, N]`
    pub b: FloatTensor<B>,
    /// `[B, L, G, N]`
    pub c: FloatTensor<B>,
    /// `[D]`
    #[extension_type]
    pub skip: Optional<B>,
    /// `[B, L, D]`
    #[extension_type]
    pub z: Optional<B>,
    /// `[D]`
    #[extension_type]
    pub delta_bias: Optional<B>,
    /// `[B, D, N]`
    #[extension_type]
    pub initial_state: Optional<B>,
}

/// What a scan returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Emit {
    /// The output `[B, L, D]`, in the type of `u`.
    Output,
    /// Output and final state joined along the length, `[B, L + N, D]`, 32-bit: row `L + n` holds
    /// state n of every channel.
    OutputAndState,
    /// The operands' first half of sequences runs in the direction of the options, the second half in
    /// the other: the sum of both outputs, `[B / 2, L, D]`, in the type of `u`. `a`, `skip` and
    /// `delta_bias` hold the first direction's channels, then the second's; `z` and `reset` are shared.
    SumOfDirections,
}

/// Everything about a scan but its operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ScanPlan {
    /// The caller's options.
    pub options: ScanOptions,
    /// What to return.
    pub emit: Emit,
    /// Keep the states that the backward pass restarts from.
    pub keep_states: bool,
    /// Tokens between two kept states, on a GPU.
    pub interval: usize,
}

/// Forward pass, reached through burn's dispatch.
#[backend_extension(
    Flex,
    Cube: cfg(feature = "gpu"),
    Fusion: cfg(feature = "gpu"),
    Autodiff
)]
pub(crate) trait SelectiveScanOps: Backend {
    /// Returns the result that `plan.emit` names, and the states at the start of every chunk
    /// (one element unless `plan.keep_states`; their layout is the implementation's).
    #[fusion(meta = super::fusion::forward)]
    fn selective_scan_forward(
        #[extension_type] input: ScanTensors<Self>,
        plan: ScanPlan,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
}

/// Backward pass, called by the autodiff registration on the backend below it.
#[backend_extension(
    Flex,
    Cube: cfg(feature = "gpu"),
    Fusion: cfg(feature = "gpu")
)]
pub(crate) trait SelectiveScanBackward: SelectiveScanOps {
    /// Gradients from the kept `states` and the gradient of the emitted tensor.
    #[fusion(meta = super::fusion::backward)]
    fn selective_scan_backward(
        #[extension_type] input: ScanTensors<Self>,
        plan: ScanPlan,
        states: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> ScanGrads<Self>;
}

//! The interface between the public function and native implementations.

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, backend_extension};

/// Everything about a mask but its key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct KeepPlan {
    /// Number of the mask.
    pub draw: u32,
    /// Elements.
    pub len: usize,
    /// Probability of a zero.
    pub rate: f32,
    /// What the others are.
    pub keep: f32,
}

/// Reached through burn's dispatch.
#[backend_extension(
    Flex,
    Cube: cfg(feature = "gpu"),
    Fusion: cfg(feature = "gpu"),
    Autodiff
)]
pub(crate) trait RandomOps: Backend {
    /// `[len]`, 32-bit, from a key `[2]` of 32-bit words.
    #[fusion(meta = super::fusion::keep_factors)]
    fn keep_factors(key: IntTensor<Self>, plan: KeepPlan) -> FloatTensor<Self>;
}

impl<B: RandomOps, C: burn_autodiff::checkpoint::strategy::CheckpointStrategy> RandomOps
    for burn::backend::Autodiff<B, C>
{
    fn keep_factors(key: IntTensor<Self>, plan: KeepPlan) -> FloatTensor<Self> {
        use burn::backend::AutodiffBackend;
        Self::from_inner(B::keep_factors(key, plan))
    }
}

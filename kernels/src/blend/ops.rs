//! The interface between the public function and native implementations.

use burn::backend::{Backend, backend_extension, tensor::FloatTensor};

/// Everything about a blend but its operands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct BlendPlan {
    /// Element of the table that the average is multiplied by; the next one is for the other.
    pub first: usize,
    /// Write into the average's memory, whoever else may see it.
    pub in_place: bool,
}

/// Reached through burn's dispatch.
#[backend_extension(
    Flex,
    Cube: cfg(feature = "gpu"),
    Fusion: cfg(feature = "gpu")
)]
pub(crate) trait BlendOps: Backend {
    /// The new average; all operands are 32-bit.
    #[fusion(meta = super::fusion::blend)]
    fn blend(
        average: FloatTensor<Self>,
        current: FloatTensor<Self>,
        table: FloatTensor<Self>,
        plan: BlendPlan,
    ) -> FloatTensor<Self>;
}

//! The interface between the public type and native implementations.

use burn::backend::{Backend, backend_extension, tensor::FloatTensor};

/// Which sums are written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct SquarePlan {
    /// Number of the first.
    pub first: usize,
    /// How many.
    pub parts: usize,
}

/// Reached through burn's dispatch.
#[backend_extension(
    Flex,
    Cube: cfg(feature = "gpu"),
    Fusion: cfg(feature = "gpu")
)]
pub(crate) trait SquareOps: Backend {
    /// `sums`, 32-bit, with those of the plan written where they are: sums of squares of parts of `tensor`.
    #[fusion(meta = super::fusion::sums)]
    fn sum_squares(
        sums: FloatTensor<Self>,
        tensor: FloatTensor<Self>,
        plan: SquarePlan,
    ) -> FloatTensor<Self>;
}

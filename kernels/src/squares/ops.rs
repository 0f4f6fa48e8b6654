//! The interface between the public type and native implementations.

use burn::backend::{Backend, backend_extension, tensor::FloatTensor};

#[cfg(feature = "gpu")]
use crate::eight::{EIGHT, Eight};

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

/// Several tensors at a time.
#[cfg(feature = "gpu")]
#[backend_extension(Cube, Fusion)]
pub(crate) trait SquareGroupOps: Backend {
    /// As [`sum_squares`](SquareOps::sum_squares), for eight tensors, each with its plan.
    #[fusion(meta = super::fusion::sums_of_eight)]
    fn sum_squares_of_eight(
        sums: FloatTensor<Self>,
        #[extension_type] tensors: Eight<Self>,
        plans: [SquarePlan; EIGHT],
    ) -> FloatTensor<Self>;
}

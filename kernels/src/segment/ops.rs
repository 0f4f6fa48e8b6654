//! The interface between the public functions and native implementations.

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, backend_extension};

/// Everything about segments but what is on the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentPlan {
    /// Rows are found through an order; otherwise they lie segment by segment, and what is handed over as the order is not read.
    pub ordered: bool,
    /// Every segment has one row, that of its number in the order; pointers are not read.
    pub reorders: bool,
}

/// Reached through burn's dispatch. Integers are 32-bit: segments of rows `[R]`, pointers `[S + 1]`, order `[R]`; nothing is
/// empty.
#[backend_extension(
    Flex,
    Cube: cfg(feature = "gpu"),
    Fusion: cfg(feature = "gpu"),
    Autodiff
)]
pub(crate) trait SegmentOps: Backend {
    /// Sums `[S, D]` of rows `[R, D]`.
    #[fusion(meta = super::fusion::sum)]
    fn segment_sum(
        x: FloatTensor<Self>,
        of_row: IntTensor<Self>,
        pointers: IntTensor<Self>,
        order: IntTensor<Self>,
        plan: SegmentPlan,
    ) -> FloatTensor<Self>;

    /// Rows `[R, D]` of segments `[S, D]`.
    #[fusion(meta = super::fusion::spread)]
    fn segment_spread(
        x: FloatTensor<Self>,
        of_row: IntTensor<Self>,
        pointers: IntTensor<Self>,
        order: IntTensor<Self>,
        plan: SegmentPlan,
    ) -> FloatTensor<Self>;

    /// The first row that has the largest number of a segment, `[S, D]`, of rows `[R, D]`; −1 for a segment without rows. It has
    /// no gradient.
    #[fusion(meta = super::fusion::argmax)]
    fn segment_argmax(
        x: FloatTensor<Self>,
        of_row: IntTensor<Self>,
        pointers: IntTensor<Self>,
        order: IntTensor<Self>,
        plan: SegmentPlan,
    ) -> IntTensor<Self>;
}

//! What the GPU implementation returns, told to burn's lazy graph of operations before it runs.

use burn::backend::fusion::custom::TensorSpec;
use burn::tensor::DType;

use super::ops::SegmentPlan;

/// Sums.
pub(crate) fn sum(
    x: &TensorSpec,
    _of_row: &TensorSpec,
    pointers: &TensorSpec,
    _order: &TensorSpec,
    _plan: &SegmentPlan,
) -> TensorSpec {
    TensorSpec::new([pointers.shape[0] - 1, x.shape[1]].into(), x.dtype)
}

/// Rows.
pub(crate) fn spread(
    x: &TensorSpec,
    of_row: &TensorSpec,
    _pointers: &TensorSpec,
    _order: &TensorSpec,
    _plan: &SegmentPlan,
) -> TensorSpec {
    TensorSpec::new([of_row.shape[0], x.shape[1]].into(), x.dtype)
}

/// Numbers of rows.
pub(crate) fn argmax(
    x: &TensorSpec,
    _of_row: &TensorSpec,
    pointers: &TensorSpec,
    _order: &TensorSpec,
    _plan: &SegmentPlan,
) -> TensorSpec {
    TensorSpec::new([pointers.shape[0] - 1, x.shape[1]].into(), DType::I32)
}

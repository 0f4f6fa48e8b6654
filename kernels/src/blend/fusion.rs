//! What the GPU implementation returns, told to burn's lazy graph of operations before it runs.

use burn::backend::fusion::custom::TensorSpec;

use super::ops::BlendPlan;

pub(crate) fn blend(
    average: &TensorSpec,
    _current: &TensorSpec,
    _table: &TensorSpec,
    _plan: &BlendPlan,
) -> TensorSpec {
    average.clone()
}

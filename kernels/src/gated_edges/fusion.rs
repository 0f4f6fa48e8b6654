//! What the GPU implementation returns, told to burn's lazy graph of operations before it runs.

use burn::backend::fusion::custom::TensorSpec;
use burn::tensor::DType;

use crate::segment::ops::SegmentPlan;

/// States.
#[allow(clippy::too_many_arguments)] // the operator's
pub(crate) fn states(
    _target: &TensorSpec,
    _source: &TensorSpec,
    edge: &TensorSpec,
    _bias: &TensorSpec,
    _of_target: &TensorSpec,
    _target_pointers: &TensorSpec,
    _of_source: &TensorSpec,
    _source_pointers: &TensorSpec,
    _by_source: &TensorSpec,
    _plan: &SegmentPlan,
) -> TensorSpec {
    edge.clone()
}

/// Means and divisors.
#[allow(clippy::too_many_arguments)] // the operator's
pub(crate) fn mean(
    states: &TensorSpec,
    sent: &TensorSpec,
    _of_target: &TensorSpec,
    _target_pointers: &TensorSpec,
    _of_source: &TensorSpec,
    _source_pointers: &TensorSpec,
    _by_source: &TensorSpec,
    _plan: &SegmentPlan,
) -> (TensorSpec, TensorSpec) {
    let of_type = |dtype| TensorSpec::new(sent.shape.clone(), dtype);
    (of_type(states.dtype), of_type(DType::F32))
}

/// Gradient of the states.
pub(crate) fn state_gradient(
    states: &TensorSpec,
    _sent: &TensorSpec,
    _mean: &TensorSpec,
    _q: &TensorSpec,
    _of_target: &TensorSpec,
    _of_source: &TensorSpec,
) -> TensorSpec {
    states.clone()
}

/// Gradient of what is sent.
pub(crate) fn sent_gradient(
    states: &TensorSpec,
    q: &TensorSpec,
    _of_target: &TensorSpec,
    _of_source: &TensorSpec,
    _source_pointers: &TensorSpec,
    _by_source: &TensorSpec,
    _plan: &SegmentPlan,
) -> TensorSpec {
    TensorSpec::new(q.shape.clone(), states.dtype)
}

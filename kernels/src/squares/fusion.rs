//! What the GPU implementation returns, told to burn's lazy graph of operations before it runs.

use burn::backend::fusion::custom::TensorSpec;

use super::ops::SquarePlan;
use crate::eight::{EIGHT, EightMetadata};

pub(crate) fn sums(sums: &TensorSpec, _tensor: &TensorSpec, _plan: &SquarePlan) -> TensorSpec {
    sums.clone()
}

pub(crate) fn sums_of_eight(
    sums: &TensorSpec,
    _tensors: &EightMetadata,
    _plans: &[SquarePlan; EIGHT],
) -> TensorSpec {
    sums.clone()
}

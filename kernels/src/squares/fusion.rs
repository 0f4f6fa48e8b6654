//! What the GPU implementation returns, told to burn's lazy graph of operations before it runs.

use burn::backend::fusion::custom::TensorSpec;

use super::ops::SquarePlan;

pub(crate) fn sums(sums: &TensorSpec, _tensor: &TensorSpec, _plan: &SquarePlan) -> TensorSpec {
    sums.clone()
}

//! What the GPU implementation returns, told to burn's lazy graph of operations before it runs.

use burn::backend::fusion::custom::TensorSpec;

use super::ops::{AdamWPlan, AdamWTensorsMetadata};

pub(crate) fn step(
    input: &AdamWTensorsMetadata,
    _plan: &AdamWPlan,
) -> (TensorSpec, TensorSpec, TensorSpec) {
    (
        input.parameter.clone(),
        input.first.clone(),
        input.second.clone(),
    )
}

//! What the GPU implementation returns, told to burn's lazy graph of operations before it runs.

use burn::backend::fusion::custom::TensorSpec;

use super::ops::{AdamWOfEightMetadata, AdamWPlan, AdamWTensorsMetadata, SteppedEightMetadata};
use crate::eight::EIGHT;

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

pub(crate) fn step_of_eight(
    input: &AdamWOfEightMetadata,
    _plans: &[AdamWPlan; EIGHT],
) -> SteppedEightMetadata {
    SteppedEightMetadata {
        parameters: input.parameters.clone(),
        firsts: input.firsts.clone(),
        seconds: input.seconds.clone(),
    }
}

//! What the GPU implementation returns, told to burn's lazy graph of operations before it runs.

use burn::backend::fusion::custom::TensorSpec;

use super::ops::{
    AddNormBackwardTensorsMetadata, AddNormGradsMetadata, AddNormPlan, AddNormTensorsMetadata,
};
use crate::native::OptionalMetadata;

/// Results of the forward pass.
pub(crate) fn forward(
    input: &AddNormTensorsMetadata,
    plan: &AddNormPlan,
) -> (TensorSpec, TensorSpec) {
    let sum = TensorSpec::new(input.hidden.shape.clone(), plan.stream);
    (input.hidden.clone(), sum)
}

/// Gradients: every one has its operand's shape and type.
pub(crate) fn backward(
    input: &AddNormBackwardTensorsMetadata,
    plan: &AddNormPlan,
) -> AddNormGradsMetadata {
    let present = |is: bool, spec: &TensorSpec| match is {
        true => OptionalMetadata::Present(spec.clone()),
        false => OptionalMetadata::Absent,
    };
    AddNormGradsMetadata {
        hidden: TensorSpec::new(input.sum.shape.clone(), plan.hidden),
        residual: present(plan.two_gradients(), &input.sum),
        weight: input.weight.clone(),
        bias: present(plan.bias, &input.weight),
    }
}

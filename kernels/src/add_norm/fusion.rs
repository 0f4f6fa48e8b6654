//! What the GPU implementation returns, told to burn's lazy graph of operations before it runs.

use burn::backend::fusion::custom::TensorSpec;

use super::AddNormOptions;
use super::ops::{
    AddNormOutputMetadata, AddNormTensorsMetadata, NormGradsMetadata, NormTensorsMetadata,
};
use crate::native::OptionalMetadata;

/// Results of the forward pass.
pub(crate) fn forward(
    input: &AddNormTensorsMetadata,
    options: &AddNormOptions,
) -> AddNormOutputMetadata {
    let residual = match &input.residual {
        OptionalMetadata::Absent => None,
        OptionalMetadata::Present(residual) => Some(residual.dtype),
    };
    let stream = options.stream(input.hidden.dtype, residual);
    AddNormOutputMetadata {
        normal: input.hidden.clone(),
        residual: TensorSpec::new(input.hidden.shape.clone(), stream),
    }
}

/// Gradients: every one has its operand's shape and type.
pub(crate) fn backward(
    input: &NormTensorsMetadata,
    _options: &AddNormOptions,
    _grad: &TensorSpec,
) -> NormGradsMetadata {
    NormGradsMetadata {
        residual: input.residual.clone(),
        weight: input.weight.clone(),
        bias: input.bias.clone(),
    }
}

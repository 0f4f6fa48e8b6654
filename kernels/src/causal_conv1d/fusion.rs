//! What the GPU implementation returns, told to burn's lazy graph of operations before it runs.

use burn::backend::fusion::custom::TensorSpec;

use super::ConvOptions;
use super::ops::{ConvGradsMetadata, ConvTensorsMetadata};

/// Result of the forward pass.
pub(crate) fn forward(input: &ConvTensorsMetadata, _options: &ConvOptions) -> TensorSpec {
    input.x.clone()
}

/// Gradients: every one has its operand's shape and type.
pub(crate) fn backward(
    input: &ConvTensorsMetadata,
    _options: &ConvOptions,
    _grad: &TensorSpec,
) -> ConvGradsMetadata {
    ConvGradsMetadata {
        x: input.x.clone(),
        weight: input.weight.clone(),
        bias: input.bias.clone(),
        initial_columns: input.initial_columns.clone(),
    }
}

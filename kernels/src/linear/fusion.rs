//! What the GPU implementation returns, told to burn's lazy graph of operations before it runs.

use burn::backend::fusion::custom::TensorSpec;
use burn::tensor::{DType, Shape};

/// Output.
pub(crate) fn forward(x: &TensorSpec, weight: &TensorSpec) -> TensorSpec {
    TensorSpec::new(with_last(x, weight.shape[0]), x.dtype)
}

/// Gradient of the input.
pub(crate) fn input(grad: &TensorSpec, weight: &TensorSpec) -> TensorSpec {
    TensorSpec::new(with_last(grad, weight.shape[1]), grad.dtype)
}

/// Gradient of the weight.
pub(crate) fn weight(grad: &TensorSpec, x: &TensorSpec, dtype: &DType) -> TensorSpec {
    let last = |spec: &TensorSpec| spec.shape[spec.shape.num_dims() - 1];
    TensorSpec::new([last(grad), last(x)].into(), *dtype)
}

fn with_last(like: &TensorSpec, width: usize) -> Shape {
    let mut shape = like.shape.clone();
    let last = shape.num_dims() - 1;
    shape[last] = width;
    shape
}

//! What the GPU implementation returns, told to burn's lazy graph of operations before it runs.

use burn::backend::fusion::custom::TensorSpec;

pub(crate) fn first(tensor: &TensorSpec) -> TensorSpec {
    tensor.clone()
}

pub(crate) fn target(target: &TensorSpec, _value: &TensorSpec) -> TensorSpec {
    target.clone()
}

pub(crate) fn row(target: &TensorSpec, _value: &TensorSpec, _first: &usize) -> TensorSpec {
    target.clone()
}

//! What the GPU implementation returns, told to burn's lazy graph of operations before it runs.

use burn::backend::fusion::custom::TensorSpec;
use burn::tensor::DType;

use super::ops::{
    InnerGradsMetadata, InnerOutputMetadata, InnerPlan, InnerTensorsMetadata,
    OptionalBranchMetadata,
};

/// Results of the forward pass.
pub(crate) fn forward(input: &InnerTensorsMetadata, plan: &InnerPlan) -> InnerOutputMetadata {
    let [batch, length, width] = input.xz.shape.dims();
    let [_, states] = input.forward.a_log.shape.dims();
    let [columns, channels] = input.forward.x_proj.shape.dims();
    let directions = match input.backward {
        OptionalBranchMetadata::Absent => 1,
        OptionalBranchMetadata::Present(_) => 2,
    };
    let dtype = input.xz.dtype;
    let kept = if plan.keep_states {
        let marks = length.div_ceil(plan.interval);
        [directions * batch, marks, states, channels].into()
    } else {
        [crate::selective_scan::cube::NOTHING].into()
    };
    InnerOutputMetadata {
        y: TensorSpec::new([batch, length, width / 2].into(), dtype),
        projected: TensorSpec::new([directions, batch * length, columns].into(), dtype),
        states: TensorSpec::new(kept, DType::F32),
    }
}

/// Gradients: every one has its operand's shape and type.
pub(crate) fn backward(
    input: &InnerTensorsMetadata,
    _plan: &InnerPlan,
    _projected: &TensorSpec,
    _states: &TensorSpec,
    _grad: &TensorSpec,
) -> InnerGradsMetadata {
    InnerGradsMetadata {
        xz: input.xz.clone(),
        forward: input.forward.clone(),
        backward: input.backward.clone(),
    }
}

//! What the GPU implementation returns, told to burn's lazy graph of operations before it runs.

use burn::backend::fusion::custom::TensorSpec;
use burn::tensor::DType;

use super::ops::{Emit, ScanGradsMetadata, ScanPlan, ScanTensorsMetadata};

/// Result and kept states of the forward pass.
pub(crate) fn forward(input: &ScanTensorsMetadata, plan: &ScanPlan) -> (TensorSpec, TensorSpec) {
    let [batch, length, channels] = input.u.shape.dims();
    let [_, _, _, states] = input.b.shape.dims();
    let output = match plan.emit {
        Emit::Output => input.u.clone(),
        Emit::SumOfDirections => {
            TensorSpec::new([batch / 2, length, channels].into(), input.u.dtype)
        }
        Emit::OutputAndState => {
            TensorSpec::new([batch, length + states, channels].into(), DType::F32)
        }
    };
    let kept = if plan.keep_states {
        [batch, length.div_ceil(plan.interval), states, channels].into()
    } else {
        [super::cube::NOTHING].into()
    };
    (output, TensorSpec::new(kept, DType::F32))
}

/// Gradients: every one has its operand's shape, and its type except for parameters in 32 bits.
pub(crate) fn backward(
    input: &ScanTensorsMetadata,
    _plan: &ScanPlan,
    _states: &TensorSpec,
    _grad: &TensorSpec,
) -> ScanGradsMetadata {
    let like_u = |spec: &TensorSpec| TensorSpec::new(spec.shape.clone(), input.u.dtype);
    ScanGradsMetadata {
        u: input.u.clone(),
        delta: like_u(&input.delta),
        a: input.a.clone(),
        b: like_u(&input.b),
        c: like_u(&input.c),
        skip: input.skip.clone(),
        z: input.z.clone(),
        delta_bias: input.delta_bias.clone(),
        initial_state: input.initial_state.clone(),
    }
}

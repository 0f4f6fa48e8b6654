//! The GPU implementation: parts of other operators over shared memory, and what joins them.
//!
//! | file | holds |
//! |---|---|
//! | `pack.rs` | the parameters of both directions, side by side in the types that the parts read |
//! | `problem.rs` | operands, and the forward pass |
//! | `gradients.rs` | the backward pass |
//! | `join.rs` | gradients of slices, put together into that of the whole |

mod gradients;
mod join;
mod pack;
mod problem;

use burn::backend::tensor::FloatTensor;
use burn_cubecl::CubeBackend;

use super::ops::{
    InnerGrads, InnerOutput, InnerPlan, InnerTensors, MambaInnerBackward, MambaInnerOps,
};
use problem::Problem;

impl MambaInnerOps for CubeBackend {
    fn mamba_inner_forward(input: InnerTensors<Self>, plan: InnerPlan) -> InnerOutput<Self> {
        Problem::new(input, plan).forward()
    }
}

impl MambaInnerBackward for CubeBackend {
    fn mamba_inner_backward(
        input: InnerTensors<Self>,
        plan: InnerPlan,
        projected: FloatTensor<Self>,
        states: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> InnerGrads<Self> {
        Problem::new(input, plan).backward(projected, states, grad)
    }
}

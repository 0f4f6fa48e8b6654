//! The GPU implementation, for every CubeCL runtime.
//!
//! | file | holds |
//! |---|---|
//! | `form.rs` | what a kernel is specialised for, and its sizes at run time |
//! | `strategy.rs` | the choice of vectors, units per row and rows per cube, from shape and device |
//! | `row.rs` | a unit's part of a row: loads, statistics |
//! | `reduce.rs` | sums over the units of a row |
//! | `forward.rs`, `backward.rs` | the two kernels |
//! | `launch.rs` | operands, workspaces and launches |

mod backward;
mod form;
mod forward;
mod launch;
mod reduce;
mod row;
mod strategy;
#[cfg(test)]
mod tests;

use burn::backend::tensor::FloatTensor;
use burn_cubecl::CubeBackend;

use super::ops::{
    AddNormBackward, AddNormBackwardTensors, AddNormGrads, AddNormOps, AddNormPlan, AddNormTensors,
};

impl AddNormOps for CubeBackend {
    fn add_norm_forward(
        input: AddNormTensors<Self>,
        plan: AddNormPlan,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        launch::forward(input, plan, None)
    }
}

impl AddNormBackward for CubeBackend {
    fn add_norm_backward(
        input: AddNormBackwardTensors<Self>,
        plan: AddNormPlan,
    ) -> AddNormGrads<Self> {
        launch::backward(input, plan, None)
    }
}

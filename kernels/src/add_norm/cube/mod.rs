//! The GPU implementation, for every CubeCL runtime.
//!
//! | file | holds |
//! |---|---|
//! | `form.rs` | what a kernel is specialised for, and which rows a unit works on |
//! | `row.rs` | loads of a row, and sums over it |
//! | `forward.rs`, `backward.rs` | the two kernels |
//! | `launch.rs` | operands, workspaces and launches |

#![allow(
    clippy::collapsible_if,
    reason = "a branch at compile time and one in the kernel stay two"
)]

mod backward;
mod form;
mod forward;
mod launch;
mod row;

use burn::backend::tensor::FloatTensor;
use burn_cubecl::CubeBackend;

use super::AddNormOptions;
use super::ops::{
    AddNormBackward, AddNormOps, AddNormOutput, AddNormTensors, NormGrads, NormTensors,
};

impl AddNormOps for CubeBackend {
    fn add_norm_forward(
        input: AddNormTensors<Self>,
        options: AddNormOptions,
    ) -> AddNormOutput<Self> {
        launch::forward(input, options)
    }
}

impl AddNormBackward for CubeBackend {
    fn add_norm_backward(
        input: NormTensors<Self>,
        options: AddNormOptions,
        grad: FloatTensor<Self>,
    ) -> NormGrads<Self> {
        launch::backward(input, options, grad)
    }
}

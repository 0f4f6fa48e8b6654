//! The GPU implementation, for every CubeCL runtime: three launches a pass.
//!
//! | file | holds |
//! |---|---|
//! | `form.rs` | how cubes and units divide a matrix, and what a kernel is specialised for |
//! | `forward.rs` | moments of parts of the rows, their union, and the normalised rows |
//! | `backward.rs` | sums over parts of the rows, their totals, and the gradient of the rows |
//! | `launch.rs` | operands, workspaces and launches |

mod backward;
mod form;
mod forward;
mod launch;

use burn_cubecl::CubeBackend;

use super::ops::{
    BatchNormBackward, BatchNormBackwardTensors, BatchNormGrads, BatchNormOps, BatchNormResults,
    BatchNormTensors,
};

impl BatchNormOps for CubeBackend {
    fn batch_norm_forward(input: BatchNormTensors<Self>, epsilon: f64) -> BatchNormResults<Self> {
        launch::forward(input, epsilon)
    }
}

impl BatchNormBackward for CubeBackend {
    fn batch_norm_backward(
        input: BatchNormBackwardTensors<Self>,
        epsilon: f64,
    ) -> BatchNormGrads<Self> {
        launch::backward(input, epsilon)
    }
}

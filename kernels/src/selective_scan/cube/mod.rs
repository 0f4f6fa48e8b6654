//! The GPU implementation, for every CubeCL runtime.
//!
//! | file | holds |
//! |---|---|
//! | `form.rs` | what a kernel is specialised for, and which part of the problem a cube owns |
//! | `strategy.rs` | the choice of tile and chunks, from shape and device |
//! | `stage.rs` | operands on their way to the units |
//! | `states.rs` | a unit's states |
//! | `forward.rs`, `backward.rs` | the two kernels |
//! | `chunks.rs` | parallelism along the sequence |
//! | `launch.rs` | operands, workspaces and launches |

mod backward;
mod chunks;
mod form;
mod forward;
mod launch;
mod stage;
mod states;
mod strategy;

use burn::backend::tensor::FloatTensor;
use burn_cubecl::CubeBackend;

use super::ops::{ScanGrads, ScanPlan, ScanTensors, SelectiveScanBackward, SelectiveScanOps};
use launch::Problem;

/// Tokens between two kept states. Kept states then cost 64 / 64 = one byte per element at N = 16,
/// half of what one 16-bit activation does.
pub(super) const INTERVAL: usize = 64;

impl SelectiveScanOps for CubeBackend {
    fn selective_scan_forward(
        input: ScanTensors<Self>,
        plan: ScanPlan,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        Problem::new(input, plan).forward()
    }
}

impl SelectiveScanBackward for CubeBackend {
    fn selective_scan_backward(
        input: ScanTensors<Self>,
        plan: ScanPlan,
        states: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> ScanGrads<Self> {
        Problem::new(input, plan).backward(states, grad)
    }
}

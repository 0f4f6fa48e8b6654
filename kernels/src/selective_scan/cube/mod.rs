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
//! | `launch.rs` | operands, and the launches of the forward pass |
//! | `gradients.rs` | the launch of the backward pass, and what becomes of its results |

#![allow(
    clippy::collapsible_if,
    clippy::if_same_then_else,
    clippy::manual_is_multiple_of,
    reason = "a branch at compile time and one in the kernel stay two; kernels have no such method"
)]

mod backward;
mod chunks;
mod form;
mod forward;
mod gradients;
mod launch;
mod stage;
mod states;
mod strategy;
#[cfg(test)]
mod tests;

use burn::backend::tensor::FloatTensor;
use burn_cubecl::CubeBackend;

use super::ops::{ScanGrads, ScanPlan, ScanTensors, SelectiveScanBackward, SelectiveScanOps};
pub(crate) use gradients::Gradients;
pub(crate) use launch::{InnerScan, Problem};
pub(crate) use strategy::{Shape, interval};

/// Elements of a tensor that stands for kept states which nobody wants: what a kernel reads at once.
pub(crate) const NOTHING: usize = 4;

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

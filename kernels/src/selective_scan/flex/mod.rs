//! The native CPU implementation: SIMD lanes are channels, a thread owns a block of channels of
//! one batch element, and time is sequential. Nothing of size `[B, L, D, N]` is ever stored.

mod backward;
mod forward;
mod problem;

use burn::backend::{Flex, tensor::FloatTensor};

use super::ops::{ScanGrads, ScanPlan, ScanTensors, SelectiveScanBackward, SelectiveScanOps};
use problem::Operands;

/// Steps between two kept states. Within a chunk the backward pass recomputes them; 16 keeps its
/// working set (states, decays and two accumulators per step and state) in a 64 KiB corner of the
/// second-level cache at N = 16, and costs as much memory as one activation.
const CHUNK: usize = 16;

impl SelectiveScanOps for Flex {
    fn selective_scan_forward(
        input: ScanTensors<Self>,
        plan: ScanPlan,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let operands = Operands::new(input);
        forward::run(&operands.problem(plan.options), plan, operands.dtype)
    }
}

impl SelectiveScanBackward for Flex {
    fn selective_scan_backward(
        input: ScanTensors<Self>,
        plan: ScanPlan,
        states: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> ScanGrads<Self> {
        let operands = Operands::new(input);
        backward::run(
            &operands.problem(plan.options),
            plan,
            &states,
            grad,
            operands.dtype,
        )
    }
}

//! The selective scan of Mamba (S6), arXiv 2312.00752, algorithm 2.
//!
//! Per batch element, channel d and state n, with `Δ = softplus(delta + delta_bias)`:
//!
//! ```text
//! h_t = exp(Δ_t A_dn) h_{t-1} + Δ_t B_tn u_t
//! y_t = Σ_n C_tn h_t + D_d u_t          out_t = y_t · silu(z_t)
//! ```
//!
//! The operator surface is that of `selective_scan_fn` in state-spaces/mamba, channel-last, plus an
//! initial state, a differentiable final state, a direction, and resets between packed sequences.
//! Arithmetic is 32-bit whatever the operands' type; see `README.md` for the backward pass.

mod autodiff;
#[cfg(feature = "gpu")]
pub(crate) mod cube;
mod flex;
#[cfg(feature = "gpu")]
mod fusion;
mod input;
pub(crate) mod ops;
mod pair;
pub mod reference;
#[cfg(test)]
mod tests;

use burn::backend::Dispatch;
use burn::tensor::{DType, Device, Tensor, s};

pub use input::{ScanInput, ScanOptions, Tuning};
use ops::{Emit, ScanPlan, ScanTensors, SelectiveScanOps};
pub use pair::bidirectional_scan;

/// Runs the scan and returns the output, `[B, L, D]`, in the type of `u`.
///
/// # Panics
///
/// Panics if the operands' shapes disagree (see [`ScanInput`]).
pub fn selective_scan(input: ScanInput, options: ScanOptions) -> Tensor<3> {
    input.check();
    if !crate::native::is_native(&input.u.device(), input.u.dtype()) {
        return reference::selective_scan(input, options).0;
    }
    run(input, options, Emit::Output)
}

/// Runs the scan and returns the output, `[B, L, D]`, and the state after the last processed
/// token, `[B, D, N]` (32-bit). Gradients flow through both.
///
/// # Panics
///
/// Panics if the operands' shapes disagree (see [`ScanInput`]).
pub fn selective_scan_with_state(input: ScanInput, options: ScanOptions) -> (Tensor<3>, Tensor<3>) {
    input.check();
    let dtype = input.u.dtype();
    if !crate::native::is_native(&input.u.device(), dtype) {
        return reference::selective_scan(input, options);
    }
    let [_, length, _] = input.u.dims();
    // An autodiff step has one output, so both results travel in one tensor, [B, L + N, D].
    let joined = run(input, options, Emit::OutputAndState);
    let output = joined.clone().slice(s![.., ..length, ..]).cast(dtype);
    let state = joined.slice(s![.., length.., ..]).swap_dims(1, 2);
    (output, state)
}

fn run(input: ScanInput, options: ScanOptions, emit: Emit) -> Tensor<3> {
    let interval = interval(&input.u.device());
    let tensors = ScanTensors {
        u: input.u.into_dispatch(),
        delta: input.delta.into_dispatch(),
        a: input.a.cast(DType::F32).into_dispatch(),
        b: input.b.into_dispatch(),
        c: input.c.into_dispatch(),
        skip: input
            .skip
            .map(|t| t.cast(DType::F32).into_dispatch())
            .into(),
        z: input.z.map(Tensor::into_dispatch).into(),
        delta_bias: input
            .delta_bias
            .map(|t| t.cast(DType::F32).into_dispatch())
            .into(),
        initial_state: input
            .initial_state
            .map(|t| t.cast(DType::F32).into_dispatch())
            .into(),
        reset: input
            .reset
            .map(|t| t.float().cast(DType::F32).into_dispatch())
            .into(),
    };
    let plan = ScanPlan {
        options,
        emit,
        keep_states: false,
        interval,
    };
    Tensor::from_dispatch(Dispatch::selective_scan_forward(tensors, plan).0)
}

/// Tokens between two kept states, where the device decides.
pub(crate) fn interval(device: &Device) -> usize {
    match device.clone().inner().as_dispatch() {
        #[cfg(feature = "gpu")]
        burn::backend::DispatchDevice::Cube(device) => cube::interval(&device.client()),
        _ => 0,
    }
}

//! Depthwise causal convolution with optional SiLU, channel-last.
//!
//! ```text
//! p_t = bias_d + Σ_j weight_{d, K-1-j} x_{t-j}      y_t = p_t · σ(p_t)
//! ```
//!
//! The operator surface is that of `causal_conv1d_fn` in Dao-AILab/causal-conv1d, for any number
//! of taps and channels, plus a direction and resets between packed sequences. Arithmetic is 32-bit
//! whatever the operands' type.

mod autodiff;
#[cfg(feature = "gpu")]
pub(crate) mod cube;
mod flex;
#[cfg(feature = "gpu")]
mod fusion;
mod input;
pub(crate) mod ops;
pub mod reference;
mod state;
#[cfg(test)]
mod tests;

use burn::backend::Dispatch;
use burn::tensor::{DType, Tensor};

pub use input::{ConvInput, ConvOptions};
use ops::{CausalConvOps, ConvTensors};
pub use state::final_columns;

/// Runs the convolution and returns `[B, L, D]` in the type of `x`.
///
/// The state to continue from is [`final_columns`] of the same input.
///
/// # Panics
///
/// Panics if the operands' shapes disagree (see [`ConvInput`]).
pub fn causal_conv1d(input: ConvInput, options: ConvOptions) -> Tensor<3> {
    input.check();
    if !crate::native::is_native(&input.x.device(), input.x.dtype()) {
        return reference::causal_conv1d(input, options);
    }
    let dtype = input.x.dtype();
    // One tap has no columns to start from, and an empty tensor is nothing to pass on.
    let columns = input
        .initial_columns
        .filter(|columns| columns.dims()[1] > 0)
        .map(|columns| columns.cast(dtype));
    let tensors = ConvTensors {
        x: input.x.into_dispatch(),
        weight: input.weight.cast(DType::F32).into_dispatch(),
        bias: input
            .bias
            .map(|t| t.cast(DType::F32).into_dispatch())
            .into(),
        initial_columns: columns.map(Tensor::into_dispatch).into(),
        reset: input
            .reset
            .map(|t| t.float().cast(DType::F32).into_dispatch())
            .into(),
    };
    Tensor::from_dispatch(Dispatch::causal_conv1d_forward(tensors, options))
}

//! Residual addition and normalisation in one pass: the step between two blocks of a pre-norm
//! network.
//!
//! ```text
//! r' = r + s_b h
//! y  = r' / √(mean(r'²) + ε) · w + b                          (RMS norm)
//! y  = (r' − mean(r')) / √(var(r') + ε) · w + b               (layer norm)
//! ```
//!
//! The operator surface is that of `layer_norm_fn` with `prenorm=True` in state-spaces/mamba. What
//! is normalised is r' as it is stored, in the residual stream's type. Arithmetic is 32-bit whatever
//! the operands' types.

mod autodiff;
#[cfg(feature = "gpu")]
mod cube;
mod flex;
#[cfg(feature = "gpu")]
mod fusion;
mod input;
mod ops;
pub mod reference;
#[cfg(test)]
mod tests;

use burn::backend::Dispatch;
use burn::tensor::{DType, Tensor};

pub use input::{AddNormInput, AddNormOptions, NormKind};
use ops::{AddNormOps, AddNormPlan, AddNormTensors};

/// Channels of a row that a GPU's cube holds in its registers; wider rows are left to tensor operations.
const WIDEST: usize = 8192;

/// Adds and normalises. Returns the normalised state, `[B, L, D]` in the type of `hidden`, and the
/// residual stream behind the addition, `[B, L, D]` in the stream's type (see
/// [`AddNormOptions::residual_in_fp32`]). Gradients flow through both, but none to `row_scale`.
///
/// # Panics
///
/// Panics if an operand is empty or the operands' shapes disagree (see [`AddNormInput`]).
pub fn add_norm(input: AddNormInput, options: AddNormOptions) -> (Tensor<3>, Tensor<3>) {
    input.check();
    let (hidden, stream) = (input.hidden.dtype(), input.stream(options));
    let native = |dtype| crate::native::is_native(&input.hidden.device(), dtype);
    if !native(hidden) || !native(stream) || is_too_wide(&input) {
        return reference::add_norm(input, options);
    }
    let plan = AddNormPlan {
        options,
        hidden,
        stream,
        residual: input.residual.is_some(),
        scaled: input.row_scale.is_some(),
        bias: input.bias.is_some(),
    };
    let parameter = |t: Tensor<1>| t.cast(DType::F32).into_dispatch();
    let tensors = AddNormTensors {
        hidden: input.hidden.into_dispatch(),
        residual: input.residual.map(Tensor::into_dispatch).into(),
        row_scale: input.row_scale.map(parameter).into(),
        weight: parameter(input.weight),
        bias: input.bias.map(parameter).into(),
    };
    let (normal, sum) = Dispatch::add_norm_forward(tensors, plan);
    (Tensor::from_dispatch(normal), Tensor::from_dispatch(sum))
}

fn is_too_wide(input: &AddNormInput) -> bool {
    let hidden = &input.hidden;
    let [_, _, channels] = hidden.dims();
    channels > WIDEST && crate::native::has_cube_kernels(&hidden.device(), hidden.dtype())
}

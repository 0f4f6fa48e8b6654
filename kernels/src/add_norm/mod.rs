//! Residual sum and normalisation in one step, the pre-norm of every Mamba block.
//!
//! ```text
//! r = residual + s_b · hidden
//! RMS norm:    y = w ⊙ r / √(mean(r²) + ε)
//! layer norm:  y = w ⊙ (r − mean(r)) / √(var(r) + ε) + bias
//! ```
//!
//! The operator surface is that of `rms_norm_fn` and `layer_norm_fn` with `prenorm` in
//! `mamba_ssm/ops/triton/layer_norm.py` of state-spaces/mamba. Arithmetic and statistics are 32-bit whatever the
//! operands' types; y has the type of `hidden`, and r its own.

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
use ops::{AddNormOps, AddNormTensors};

/// Returns the normalised sum y and the sum r, both `[B, L, D]`. Gradients flow through both.
///
/// # Panics
///
/// Panics if the operands' shapes disagree (see [`AddNormInput`]).
pub fn add_norm(input: AddNormInput, options: AddNormOptions) -> (Tensor<3>, Tensor<3>) {
    input.check();
    if !crate::native::is_native(&input.hidden.device(), input.hidden.dtype()) {
        return reference::add_norm(input, options);
    }
    let parameter = |tensor: Tensor<1>| tensor.cast(DType::F32).into_dispatch();
    let tensors = AddNormTensors {
        hidden: input.hidden.into_dispatch(),
        residual: input.residual.map(Tensor::into_dispatch).into(),
        row_scale: input.row_scale.map(parameter).into(),
        weight: parameter(input.weight),
        bias: input.bias.map(parameter).into(),
    };
    let output = Dispatch::add_norm_forward(tensors, options);
    (
        Tensor::from_dispatch(output.normal),
        Tensor::from_dispatch(output.residual),
    )
}

//! The operator in plain tensor operations.
//!
//! It runs on every device, gives every gradient through burn's autodiff, and computes in 64 bits when
//! the operands are 64-bit.

use burn::tensor::{DType, Tensor};

use super::{AddNormInput, AddNormOptions, NormKind};

/// Normalised sum and sum, `[B, L, D]` each.
pub fn add_norm(input: AddNormInput, options: AddNormOptions) -> (Tensor<3>, Tensor<3>) {
    let [batch, _, _] = input.hidden.dims();
    let hidden = input.hidden.dtype();
    let dtype = if hidden == DType::F64 {
        DType::F64
    } else {
        DType::F32
    };
    let stream = options.stream(hidden, input.residual.as_ref().map(Tensor::dtype));
    let mut sum = input.hidden.cast(dtype);
    if let Some(scale) = input.row_scale {
        sum = sum * scale.cast(dtype).reshape([batch, 1, 1]);
    }
    if let Some(residual) = input.residual {
        sum = sum + residual.cast(dtype);
    }
    let sum = sum.cast(stream);
    // The norm is of the sum as it is stored.
    let x = sum.clone().cast(dtype);
    let centred = match options.kind {
        NormKind::Rms => x,
        NormKind::Layer => x.clone() - x.mean_dim(2),
    };
    let variance = centred.clone().square().mean_dim(2);
    let scaled = centred * (variance + options.epsilon).sqrt().recip();
    let mut normal = scaled * input.weight.cast(dtype).unsqueeze();
    if let Some(bias) = input.bias {
        normal = normal + bias.cast(dtype).unsqueeze();
    }
    (normal.cast(hidden), sum)
}

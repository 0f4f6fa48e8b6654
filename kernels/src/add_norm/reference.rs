//! Addition and norm in plain tensor operations.
//!
//! It runs on every device, gives every gradient through burn's autodiff, and computes in 64 bits
//! when an operand is 64-bit.

use burn::tensor::{DType, Tensor};

use super::{AddNormInput, AddNormOptions, NormKind};

/// The normalised state in the type of `hidden`, and the residual stream; both `[B, L, D]`.
pub fn add_norm(input: AddNormInput, options: AddNormOptions) -> (Tensor<3>, Tensor<3>) {
    let (out, stream) = (input.hidden.dtype(), input.stream(options));
    let [batch, _, channels] = input.hidden.dims();
    let dtype = if [out, stream].contains(&DType::F64) {
        DType::F64
    } else {
        DType::F32
    };
    let mut sum = input.hidden.cast(dtype);
    if let Some(scale) = input.row_scale {
        sum = sum * scale.cast(dtype).reshape([batch, 1, 1]);
    }
    if let Some(residual) = input.residual {
        sum = residual.cast(dtype) + sum;
    }
    let sum = sum.cast(stream);

    let x = sum.clone().cast(dtype);
    let centred = match options.kind {
        NormKind::Rms => x,
        NormKind::Layer => x.clone() - x.mean_dim(2),
    };
    let variance = centred.clone().square().mean_dim(2);
    let parameter = |t: Tensor<1>| t.cast(dtype).reshape([1, 1, channels]);
    let mut normal =
        centred * (variance + options.epsilon).sqrt().recip() * parameter(input.weight);
    if let Some(bias) = input.bias {
        normal = normal + parameter(bias);
    }
    (normal.cast(out), sum)
}

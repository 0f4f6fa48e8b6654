//! The convolution in plain tensor operations: one shifted product per tap.
//!
//! It runs on every device, gives every gradient through burn's autodiff, and computes in 64 bits
//! when the operands are 64-bit.

use burn::tensor::{DType, Tensor, activation, s};

use super::{ConvInput, ConvOptions};

/// `[B, L, D]` in the type of `x`.
pub fn causal_conv1d(input: ConvInput, options: ConvOptions) -> Tensor<3> {
    let [batch, length, channels] = input.x.dims();
    let [_, taps] = input.weight.dims();
    let out_dtype = input.x.dtype();
    let dtype = if out_dtype == DType::F64 {
        DType::F64
    } else {
        DType::F32
    };
    let device = input.x.device();
    let kept = taps - 1;

    let before = match &input.initial_columns {
        Some(columns) => columns.clone().cast(dtype),
        None => Tensor::zeros([batch, kept, channels], (&device, dtype)),
    };
    let x = input.x.clone().cast(dtype);
    let padded = match (kept, options.reverse) {
        (0, _) => x,
        (_, true) => Tensor::cat(vec![x, before], 1),
        (_, false) => Tensor::cat(vec![before, x], 1),
    };
    let mut y = match input.bias.clone() {
        Some(bias) => bias
            .cast(dtype)
            .unsqueeze::<3>()
            .expand([batch, length, channels]),
        None => Tensor::zeros([batch, length, channels], (&device, dtype)),
    };
    let weight = input.weight.clone().cast(dtype);
    for distance in 0..taps {
        let start = if options.reverse {
            distance
        } else {
            kept - distance
        };
        let tap = weight
            .clone()
            .slice(s![.., kept - distance])
            .reshape([1, 1, channels]);
        let product = padded.clone().slice(s![.., start..start + length, ..]) * tap;
        y = y + match within_sequence(&input, distance, options.reverse, dtype) {
            Some(mask) => product * mask,
            None => product,
        };
    }
    let y = if options.silu { activation::silu(y) } else { y };
    y.cast(out_dtype)
}

/// One where a token and the one `distance` before it (after it, in reverse) lie in the same
/// packed sequence, `[B, L, 1]`; `None` without resets.
fn within_sequence(
    input: &ConvInput,
    distance: usize,
    reverse: bool,
    dtype: DType,
) -> Option<Tensor<3>> {
    let reset = input.reset.as_ref()?;
    let [batch, length] = reset.dims();
    let starts: Vec<bool> = reset.to_data().iter::<bool>().collect();
    let crosses = |row: &[bool], t: usize| match reverse {
        true => (t + 1..=t + distance).any(|s| s < length && row[s]),
        false => (0..distance).any(|back| back <= t && row[t - back]),
    };
    let mask: Vec<f32> = starts
        .chunks_exact(length)
        .flat_map(|row| (0..length).map(move |t| if crosses(row, t) { 0.0 } else { 1.0 }))
        .collect();
    let data = burn::tensor::TensorData::new(mask, [batch, length, 1]);
    Some(Tensor::from_data(data, (&input.x.device(), dtype)))
}

//! The state that a convolution leaves behind.

use burn::tensor::{Bool, DType, Tensor, s};

use super::{ConvInput, ConvOptions};

/// The last K − 1 processed inputs, `[B, K − 1, D]` in sequence order, as the
/// `initial_columns` of the adjoining chunk. Columns from before the last reset are zero, so that
/// no sequence leaks into a chunk that continues another.
///
/// Built from differentiable tensor operations: gradients flow to `x` and `initial_columns`.
///
/// # Panics
///
/// Panics if the operands' shapes disagree (see [`ConvInput`]).
pub fn final_columns(input: &ConvInput, options: ConvOptions) -> Tensor<3> {
    input.check();
    let [batch, length, channels] = input.x.dims();
    let [_, taps] = input.weight.dims();
    let device = input.x.device();
    let kept = taps - 1;
    let before = input
        .initial_columns
        .clone()
        .unwrap_or_else(|| Tensor::zeros([batch, kept, channels], (&device, input.x.dtype())));
    let joined = match options.reverse {
        true => Tensor::cat(vec![input.x.clone(), before], 1),
        false => Tensor::cat(vec![before, input.x.clone()], 1),
    };
    let columns = match options.reverse {
        true => joined.slice(s![.., ..kept, ..]),
        false => joined.slice(s![.., length.., ..]),
    };
    match &input.reset {
        Some(reset) if kept > 0 => columns * survivors(reset, kept, options, input.x.dtype()),
        _ => columns,
    }
}

/// One for every kept column that no sequence border separates from what follows, zero for the
/// others, `[B, K − 1, 1]`.
fn survivors(
    reset: &Tensor<2, Bool>,
    kept: usize,
    options: ConvOptions,
    dtype: DType,
) -> Tensor<3> {
    let [batch, length] = reset.dims();
    let on = (&reset.device(), dtype);
    let starts = reset.clone().float().cast(dtype);
    let pad = Tensor::<2>::zeros([batch, kept], on);
    // A start at position s hides the columns before s (forward) or from s on (reverse).
    let marks = match options.reverse {
        true => Tensor::cat(vec![starts, pad], 1),
        false => Tensor::cat(vec![pad, starts], 1),
    };
    let survives = |column: usize| {
        let borders = match options.reverse {
            true => marks.clone().slice(s![.., 1..column + 1]),
            false => marks.clone().slice(s![.., length + column + 1..]),
        };
        match borders.dims()[1] {
            0 => Tensor::ones([batch, 1, 1], on),
            _ => borders
                .sum_dim(1)
                .equal_scalar(0.0)
                .float()
                .cast(dtype)
                .unsqueeze_dim(2),
        }
    };
    Tensor::cat((0..kept).map(survives).collect(), 1)
}

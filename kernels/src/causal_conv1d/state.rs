//! The state that a convolution leaves behind.

use burn::tensor::{Tensor, s};

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
        None => columns,
        Some(reset) => {
            // Starts seen between a column and the end of processing; a column survives with none.
            let starts = reset.clone().float().cast(input.x.dtype());
            let pad = Tensor::<2>::zeros([batch, kept], (&device, input.x.dtype()));
            // A start at position s hides the columns before s (forward) or from s on (reverse).
            let marks = match options.reverse {
                true => Tensor::cat(vec![starts, pad], 1),
                false => Tensor::cat(vec![pad, starts], 1),
            };
            let alive = |column: usize| {
                let hidden = match options.reverse {
                    true => marks.clone().slice(s![.., 1..column + 1]),
                    false => marks.clone().slice(s![.., length + column + 1..]),
                };
                match hidden.dims()[1] {
                    0 => Tensor::ones([batch, 1, 1], (&device, input.x.dtype())),
                    _ => hidden
                        .sum_dim(1)
                        .equal_scalar(0.0)
                        .float()
                        .cast(input.x.dtype())
                        .unsqueeze_dim(2),
                }
            };
            columns * Tensor::cat((0..kept).map(alive).collect(), 1)
        }
    }
}

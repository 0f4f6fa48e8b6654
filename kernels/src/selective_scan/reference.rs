//! The scan in plain tensor operations: one step of the recurrence after the other.
//!
//! Slow and obviously right. It runs on every device, gives every gradient through burn's autodiff,
//! and computes in 64 bits when the operands are 64-bit; it is what native implementations are
//! tested against.

use burn::tensor::{Bool, DType, Tensor, activation, s};

use super::{ScanInput, ScanOptions};

/// Output `[B, L, D]` in the type of `u`, and final state `[B, D, N]`.
pub fn selective_scan(input: ScanInput, options: ScanOptions) -> (Tensor<3>, Tensor<3>) {
    let [batch, length, channels] = input.u.dims();
    let [_, states] = input.a.dims();
    let out_dtype = input.u.dtype();
    let dtype = if out_dtype == DType::F64 {
        DType::F64
    } else {
        DType::F32
    };
    let device = input.u.device();

    let u = input.u.cast(dtype);
    let delta = step_sizes(
        input.delta.cast(dtype),
        input.delta_bias,
        options.delta_softplus,
    );
    let a = input.a.cast(dtype).unsqueeze::<3>();
    let (b, c) = (input.b.cast(dtype), input.c.cast(dtype));
    let mut state = match input.initial_state {
        Some(state) => state.cast(dtype),
        None => Tensor::zeros([batch, channels, states], (&device, dtype)),
    };

    let mut rows: Vec<Tensor<3>> = Vec::with_capacity(length);
    for step in 0..length {
        let t = if options.reverse {
            length - 1 - step
        } else {
            step
        };
        let at = |x: &Tensor<3>| x.clone().slice(s![.., t..t + 1, ..]).swap_dims(1, 2);
        if let Some(reset) = &input.reset {
            state = reset_before(state, reset, t, options.reverse);
        }
        let delta_t = at(&delta); // [B, D, 1]
        let b_t = per_channel(&b, t, channels); // [B, D, N]
        let c_t = per_channel(&c, t, channels);
        state = (delta_t.clone() * a.clone()).exp() * state + delta_t * at(&u) * b_t;
        rows.push((state.clone() * c_t).sum_dim(2).swap_dims(1, 2));
    }
    if options.reverse {
        rows.reverse();
    }

    let mut output = Tensor::cat(rows, 1);
    if let Some(skip) = input.skip {
        output = output + u * skip.cast(dtype).unsqueeze::<3>();
    }
    if let Some(z) = input.z {
        output = output * activation::silu(z.cast(dtype));
    }
    (output.cast(out_dtype), state)
}

/// `softplus(delta + bias)`, each part only if wanted.
fn step_sizes(delta: Tensor<3>, bias: Option<Tensor<1>>, softplus: bool) -> Tensor<3> {
    let dtype = delta.dtype();
    let delta = match bias {
        Some(bias) => delta + bias.cast(dtype).unsqueeze::<3>(),
        None => delta,
    };
    // softplus(x) = −ln σ(−x): burn's log-sigmoid is the stable form, in both passes.
    if softplus {
        -activation::log_sigmoid(-delta)
    } else {
        delta
    }
}

/// The state, zeroed where a sequence border lies in front of step `t` in processing order.
fn reset_before(state: Tensor<3>, reset: &Tensor<2, Bool>, t: usize, reverse: bool) -> Tensor<3> {
    let [batch, length] = reset.dims();
    let marked = if reverse { t + 1 } else { t };
    if marked == length {
        return state;
    }
    let mask = reset
        .clone()
        .slice(s![.., marked..marked + 1])
        .reshape([batch, 1, 1]);
    let shape = state.shape();
    state.mask_fill(mask.expand(shape), 0)
}

/// Row `t` of a `[B, L, G, N]` matrix, repeated for the channels of each group: `[B, D, N]`.
fn per_channel(matrix: &Tensor<4>, t: usize, channels: usize) -> Tensor<3> {
    let [batch, _, groups, states] = matrix.dims();
    matrix
        .clone()
        .slice(s![.., t..t + 1, .., ..])
        .reshape([batch, groups, 1, states])
        .expand([batch, groups, channels / groups, states])
        .reshape([batch, channels, states])
}

//! All gradients, one run of tokens per unit.
//!
//! A unit takes its run in processing order. The gradient of an input is complete K − 1 tokens
//! after the input, so a unit goes K − 1 tokens beyond its run, whose pre-activations it computes a
//! second time; parameter gradients count a token only in its own run.

use cubecl::prelude::*;

use super::form::{Extent, Form, Place, Strides, blocks, column_index, place, token_index};
use super::load::{load_bias, load_borders, load_taps, load_tile};
use super::window::{advance, convolve, enter, push};
use crate::cube::math::sigmoid;

/// Writes the gradients of x, `[B, L, D]`, and of the initial columns, `[B, K − 1, D]`, and one
/// partial sum of the parameters' gradients per group of runs, `[parts, K + 1, D]` (K without a
/// bias).
#[cube(launch_unchecked, address_type = "dynamic")]
pub(super) fn backward_kernel<F: Float, S: Size>(
    x: &[Vector<F, S>],
    weight: &[Vector<f32, S>],
    bias: &[Vector<f32, S>],
    columns: &[Vector<F, S>],
    reset: &[f32],
    grad: &[Vector<F, S>],
    d_x: &mut [Vector<F, S>],
    d_columns: &mut [Vector<F, S>],
    partials: &mut [Vector<f32, S>],
    x_strides: Strides,
    grad_strides: Strides,
    extent: Extent,
    parts: usize,
    #[comptime] group: usize,
    #[comptime] form: Form,
    #[define(F)] _dtype: ElemType,
) {
    let blocks = blocks(&extent, form);
    if CUBE_POS >= blocks * parts {
        terminate!();
    }
    let part = CUBE_POS / blocks;
    let first_vector = (CUBE_POS % blocks) * comptime!(form.lanes);
    let vector = first_vector + UNIT_POS_X as usize;

    let mut sums = Array::<Vector<f32, S>>::new(comptime!(form.sums()));
    #[unroll]
    for i in 0..comptime!(form.sums()) {
        sums[i] = Vector::new(0.0);
    }
    if vector < extent.vectors {
        let taps = load_taps::<S>(weight, vector, form);
        let bias = load_bias::<S>(bias, vector, form);
        let mut run = part * comptime!(form.rows) + UNIT_POS_Y as usize;
        while run < extent.total {
            let place = place(&extent, run, vector, form.kept());
            walk::<F, S>(
                x,
                columns,
                reset,
                grad,
                d_x,
                d_columns,
                &taps,
                bias,
                &mut sums,
                &x_strides,
                &grad_strides,
                &extent,
                &place,
                form,
            );
            run += parts * comptime!(form.rows);
        }
    }
    write_parameters(partials, &sums, &extent, part, first_vector, group, form);
}

/// Takes one run: writes the gradients of its inputs, and adds to those of the parameters.
#[cube]
#[allow(clippy::too_many_arguments)]
fn walk<F: Float, S: Size>(
    x: &[Vector<F, S>],
    columns: &[Vector<F, S>],
    reset: &[f32],
    grad: &[Vector<F, S>],
    d_x: &mut [Vector<F, S>],
    d_columns: &mut [Vector<F, S>],
    taps: &Array<Vector<f32, S>>,
    bias: Vector<f32, S>,
    sums: &mut Array<Vector<f32, S>>,
    x_strides: &Strides,
    grad_strides: &Strides,
    extent: &Extent,
    place: &Place,
    #[comptime] form: Form,
) {
    let kept = comptime!(form.kept());
    let steps = comptime!(form.steps);
    let mut next_x = Array::<Vector<F, S>>::new(steps);
    let mut next_grad = Array::<Vector<F, S>>::new(steps);
    let mut next_borders = Array::<f32>::new(steps);
    let mut held_x = Array::<Vector<F, S>>::new(steps);
    let mut held_grad = Array::<Vector<F, S>>::new(steps);
    let mut borders = Array::<f32>::new(steps);

    let mut first = place.from;
    load_tile::<F, S>(x, x_strides, &mut next_x, extent, place, first, form);
    load_tile::<F, S>(
        grad,
        grad_strides,
        &mut next_grad,
        extent,
        place,
        first,
        form,
    );
    load_borders(reset, &mut next_borders, extent, place, first, form);
    let mut window = Array::<Vector<f32, S>>::new(comptime!(form.taps));
    let mut reach = enter::<F, S>(
        x,
        columns,
        reset,
        &mut window,
        x_strides,
        extent,
        place,
        form,
    );
    // Element `j` is the gradient of the input `j` tokens ago, as far as it is known.
    let mut pending = Array::<Vector<f32, S>>::new(comptime!(form.taps));
    #[unroll]
    for i in 0..comptime!(form.taps) {
        pending[i] = Vector::new(0.0);
    }

    while first < place.to + kept {
        #[unroll]
        for i in 0..steps {
            held_x[i] = next_x[i];
            held_grad[i] = next_grad[i];
            borders[i] = next_borders[i];
        }
        // On its way while this tile is computed.
        let ahead = first + steps;
        load_tile::<F, S>(x, x_strides, &mut next_x, extent, place, ahead, form);
        load_tile::<F, S>(
            grad,
            grad_strides,
            &mut next_grad,
            extent,
            place,
            ahead,
            form,
        );
        load_borders(reset, &mut next_borders, extent, place, ahead, form);
        #[unroll]
        for i in 0..steps {
            let number = first + i;
            push(&mut window, Vector::cast_from(held_x[i]), borders[i], form);
            if comptime!(form.reset) {
                reach = advance(reach, borders[i], form);
            }
            let sum = convolve(&window, taps, bias, form);
            let d_sum = before_silu(Vector::cast_from(held_grad[i]), sum, form);
            // No token follows the last.
            let d_sum = select(number < extent.length, d_sum, Vector::new(0.0));
            let own = select(number < place.to, d_sum, Vector::new(0.0));
            add_parameters(sums, &window, own, form);
            spread(&mut pending, taps, d_sum, reach, form);
            write_input::<F, S>(d_x, d_columns, pending[kept], extent, place, number, form);
        }
        first += steps;
    }
}

/// The gradient of the convolution's sum, from that of the output.
#[cube]
fn before_silu<S: Size>(
    grad: Vector<f32, S>,
    sum: Vector<f32, S>,
    #[comptime] form: Form,
) -> Vector<f32, S> {
    if comptime!(form.silu) {
        let one = Vector::new(1.0);
        let open = sigmoid(sum, form.units);
        grad * open * fma(sum, one - open, one)
    } else {
        grad
    }
}

/// Adds one token to the gradients of the taps, in the order of `[K, D]`, and of the bias.
#[cube]
fn add_parameters<S: Size>(
    sums: &mut Array<Vector<f32, S>>,
    window: &Array<Vector<f32, S>>,
    d_sum: Vector<f32, S>,
    #[comptime] form: Form,
) {
    #[unroll]
    for distance in 0..comptime!(form.taps) {
        let tap = comptime!(form.taps - 1 - distance);
        sums[tap] = fma(d_sum, window[distance], sums[tap]);
    }
    if comptime!(form.bias) {
        sums[comptime!(form.taps)] += d_sum;
    }
}

/// Moves the pending gradients one token on, and adds what the current token's sum hands to the
/// inputs within its reach.
#[cube]
fn spread<S: Size>(
    pending: &mut Array<Vector<f32, S>>,
    taps: &Array<Vector<f32, S>>,
    d_sum: Vector<f32, S>,
    reach: usize,
    #[comptime] form: Form,
) {
    #[unroll]
    for i in 1..comptime!(form.taps) {
        let distance = comptime!(form.taps - i);
        let before = pending[comptime!(distance - 1)];
        let after = fma(taps[distance], d_sum, before);
        pending[distance] = if comptime!(form.reset) {
            select(distance <= reach, after, before)
        } else {
            after
        };
    }
    pending[0] = taps[0] * d_sum;
}

/// Writes the gradient of the input K − 1 tokens before number `number`, if it is this run's.
#[cube]
fn write_input<F: Float, S: Size>(
    d_x: &mut [Vector<F, S>],
    d_columns: &mut [Vector<F, S>],
    gradient: Vector<f32, S>,
    extent: &Extent,
    place: &Place,
    number: usize,
    #[comptime] form: Form,
) {
    let kept = comptime!(form.kept());
    if number >= place.from + kept && number < place.to + kept {
        d_x[token_index(extent, place, number - kept, form)] = Vector::cast_from(gradient);
    }
    if comptime!(form.columns) {
        // The first run also owns what lies in front of it.
        if number < kept && place.from == 0 {
            d_columns[column_index(extent, place, number, form)] = Vector::cast_from(gradient);
        }
    }
}

/// Adds up the parameter gradients of the units that share channels, in the order of their runs, and
/// writes them; `group` of them at a time pass through shared memory.
#[cube]
fn write_parameters<S: Size>(
    partials: &mut [Vector<f32, S>],
    sums: &Array<Vector<f32, S>>,
    extent: &Extent,
    part: usize,
    first_vector: usize,
    #[comptime] group: usize,
    #[comptime] form: Form,
) {
    let lanes = comptime!(form.lanes);
    let units = comptime!(form.cube());
    let count = comptime!(form.sums());
    let mut shared = Shared::<[Vector<f32, S>]>::new_slice(comptime!(group * units));
    #[unroll]
    for round in 0..comptime!(count.div_ceil(group)) {
        let done = comptime!(round * group);
        let present = comptime!(group.min(count - done));
        if comptime!(round > 0) {
            sync_cube();
        }
        #[unroll]
        for i in 0..present {
            shared[i * units + UNIT_POS as usize] = sums[comptime!(done + i)];
        }
        sync_cube();
        #[unroll]
        for i in 0..comptime!((present * lanes).div_ceil(units)) {
            let item = i * units + UNIT_POS as usize;
            let lane = item % lanes;
            let vector = first_vector + lane;
            if item < comptime!(present * lanes) && vector < extent.vectors {
                let start = item / lanes * units + lane;
                let mut total = shared[start];
                #[unroll]
                for row in 1..comptime!(form.rows) {
                    total += shared[start + comptime!(row * lanes)];
                }
                let row = part * count + done + item / lanes;
                partials[row * extent.vectors + vector] = total;
            }
        }
    }
}

//! The convolution over one run of tokens per unit.

use cubecl::prelude::*;

use super::form::{Extent, Form, Strides, blocks, place, token_index};
use super::load::{load_bias, load_borders, load_taps, load_tile};
use super::window::{convolve, enter, push};
use crate::cube::math::sigmoid;

/// Output `[B, L, D]`.
#[cube(launch_unchecked, address_type = "dynamic")]
pub(super) fn forward_kernel<F: Float, S: Size>(
    x: &[Vector<F, S>],
    weight: &[Vector<f32, S>],
    bias: &[Vector<f32, S>],
    columns: &[Vector<F, S>],
    reset: &[f32],
    out: &mut [Vector<F, S>],
    x_strides: Strides,
    extent: Extent,
    cubes: usize,
    #[comptime] form: Form,
    #[define(F)] _dtype: ElemType,
) {
    if CUBE_POS >= cubes {
        terminate!();
    }
    let blocks = blocks(&extent, form);
    let vector = (CUBE_POS % blocks) * comptime!(form.lanes) + UNIT_POS_X as usize;
    let run = (CUBE_POS / blocks) * comptime!(form.rows) + UNIT_POS_Y as usize;
    if vector >= extent.vectors || run >= extent.total {
        terminate!();
    }
    let place = place(&extent, run, vector, 0usize);

    let steps = comptime!(form.steps);
    let mut next = Array::<Vector<F, S>>::new(steps);
    let mut held = Array::<Vector<F, S>>::new(steps);
    let mut next_borders = Array::<f32>::new(steps);
    let mut borders = Array::<f32>::new(steps);
    load_tile::<F, S>(x, &x_strides, &mut next, &extent, &place, place.from, form);
    load_borders(reset, &mut next_borders, &extent, &place, place.from, form);
    let taps = load_taps::<S>(weight, vector, form);
    let bias = load_bias::<S>(bias, vector, form);
    let mut window = Array::<Vector<f32, S>>::new(comptime!(form.taps));
    enter::<F, S>(
        x,
        columns,
        reset,
        &mut window,
        &x_strides,
        &extent,
        &place,
        form,
    );

    let mut first = place.from;
    while first < place.to {
        #[unroll]
        for i in 0..steps {
            held[i] = next[i];
            borders[i] = next_borders[i];
        }
        // On its way while this tile is computed.
        let ahead = first + steps;
        load_tile::<F, S>(x, &x_strides, &mut next, &extent, &place, ahead, form);
        load_borders(reset, &mut next_borders, &extent, &place, ahead, form);
        #[unroll]
        for i in 0..steps {
            push(&mut window, Vector::cast_from(held[i]), borders[i], form);
            let mut y = convolve(&window, &taps, bias, form);
            if comptime!(form.silu) {
                y *= sigmoid(y, form.units);
            }
            if first + i < place.to {
                out[token_index(&extent, &place, first + i, form)] = Vector::cast_from(y);
            }
        }
        first += steps;
    }
}

//! Parallelism along the sequence: what every chunk does to a state that enters it, and the state
//! that enters every chunk.

use cubecl::prelude::*;

use super::form::{Extent, Form, Part, part};
use super::forward::write_states;
use super::stage::{
    biased, fetch, fetch_matrix, load_borders, load_rates, place, share_matrix, step_size,
};
use crate::cube::math::{exponential, sigmoid};

/// Which recurrence runs through the chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Recurrence {
    /// The state `h = a h + Δ u B`, in processing order.
    State,
    /// The adjoint `k = a (k + dy C)`, against it; `k` is what one step hands to the step before.
    Adjoint,
}

/// The operands of one tile: step sizes, B or C, and u or the output's gradient and gate.
#[cube]
#[allow(clippy::too_many_arguments)]
fn fetch_tile<F: Float, O: Float, S: Size>(
    input: &[F],
    delta: &[F],
    matrix: &[F],
    grad: &[O],
    next_delta: &mut Array<F>,
    next_input: &mut Array<F>,
    next_grad: &mut Array<O>,
    next_matrix: &mut Array<Vector<F, S>>,
    extent: &Extent,
    part: &Part,
    order: usize,
    rows: usize,
    #[comptime] recurrence: Recurrence,
    #[comptime] form: Form,
) {
    let adjoint = comptime!(recurrence == Recurrence::Adjoint);
    let reverse = comptime!(form.reverse != adjoint);
    fetch::<F>(
        delta,
        extent.length,
        next_delta,
        extent,
        part,
        order,
        reverse,
        form,
    );
    fetch_matrix::<F, S>(matrix, next_matrix, extent, part, order, reverse, form);
    if comptime!(!adjoint || form.gate) {
        fetch::<F>(
            input,
            extent.length,
            next_input,
            extent,
            part,
            order,
            reverse,
            form,
        );
    }
    if comptime!(adjoint) {
        fetch::<O>(grad, rows, next_grad, extent, part, order, reverse, form);
    }
}

/// Per chunk, the final value of the recurrence started from zero, and the factor by which a value
/// that enters is multiplied on its way through; both `[B, chunks, N, D]`. `input` is u for the state
/// and z for the adjoint.
///
/// The factor of a chunk is `exp(A ΣΔ)`: one exponential, whatever its length (7.1 of Blelloch's
/// pair operator, with the products of decays taken in the exponent).
#[cube(launch_unchecked, address_type = "dynamic")]
pub(super) fn ends_kernel<F: Float, O: Float, S: Size>(
    input: &[F],
    delta: &[F],
    a: &[f32],
    matrix: &[F],
    bias: &[f32],
    reset: &[f32],
    grad: &[O],
    ends: &mut [f32],
    factors: &mut [f32],
    extent: Extent,
    cubes: usize,
    #[comptime] recurrence: Recurrence,
    #[comptime] form: Form,
    #[define(F, O)] _dtypes: [ElemType; 2],
) {
    if CUBE_POS >= cubes {
        terminate!();
    }
    let adjoint = comptime!(recurrence == Recurrence::Adjoint);
    let tile = comptime!(form.tile);
    let width = comptime!(tile.width());
    let area = comptime!(tile.area());
    let mut part = part(&extent, CUBE_POS, tile);
    if comptime!(adjoint) {
        let from = extent.length - part.to;
        part.to = extent.length - part.from;
        part.from = from;
    }
    let rows = if comptime!(form.state) {
        extent.length + extent.states
    } else {
        extent.length
    };

    let mut sh_delta = Shared::<[f32]>::new_slice(area);
    let mut sh_input = Shared::<[f32]>::new_slice(area);
    let mut sh_matrix = Shared::<[Vector<f32, S>]>::new_slice(comptime!(tile.steps * tile.groups));
    let mut sh_border = Shared::<[f32]>::new_slice(comptime!(form.borders()));

    let rates = load_rates::<S>(a, &extent, &part, form);
    let mut state = Array::<Vector<f32, S>>::new(comptime!(tile.channels));
    let mut total = Array::<f32>::new(comptime!(tile.channels));
    let mut passes = f32::new(1.0);
    #[unroll]
    for i in 0..comptime!(tile.channels) {
        state[i] = Vector::new(0.0);
        total[i] = 0.0;
    }

    let mut next_delta = Array::<F>::new(comptime!(form.held()));
    let mut next_input = Array::<F>::new(comptime!(form.held()));
    let mut next_grad = Array::<O>::new(comptime!(form.held()));
    let mut next_matrix = Array::<Vector<F, S>>::new(comptime!(form.held_rows()));

    let mut order = part.from;
    fetch_tile::<F, O, S>(
        input,
        delta,
        matrix,
        grad,
        &mut next_delta,
        &mut next_input,
        &mut next_grad,
        &mut next_matrix,
        &extent,
        &part,
        order,
        rows,
        recurrence,
        form,
    );
    while order < part.to {
        #[unroll]
        for i in 0..comptime!(form.held()) {
            let place = place(&part, order, i, form);
            let raw = biased(f32::cast_from(next_delta[i]), bias, place.channel, form);
            let size = select(place.inside, step_size(raw, form), 0.0);
            let held = f32::cast_from(next_input[i]);
            let input = if comptime!(adjoint) {
                let out = select(place.inside, f32::cast_from(next_grad[i]), 0.0);
                if comptime!(form.gate) {
                    out * held * sigmoid(held, form.units)
                } else {
                    out
                }
            } else {
                size * held
            };
            if comptime!(!form.ragged()) {
                sh_delta[place.element] = size;
                sh_input[place.element] = input;
            } else if place.element < area {
                sh_delta[place.element] = size;
                sh_input[place.element] = input;
            }
        }
        share_matrix::<F, S>(&next_matrix, &mut sh_matrix, form);
        if comptime!(form.reset) {
            load_borders(reset, &mut sh_border, &extent, &part, order, adjoint, form);
        }
        sync_cube();

        // On its way while this tile is computed.
        fetch_tile::<F, O, S>(
            input,
            delta,
            matrix,
            grad,
            &mut next_delta,
            &mut next_input,
            &mut next_grad,
            &mut next_matrix,
            &extent,
            &part,
            order + comptime!(tile.steps),
            rows,
            recurrence,
            form,
        );
        #[unroll]
        for step in 0..comptime!(tile.steps) {
            let row = sh_matrix[step * comptime!(tile.groups) + UNIT_POS_Y as usize];
            if comptime!(form.reset) {
                passes *= sh_border[step];
            }
            #[unroll]
            for i in 0..comptime!(tile.channels) {
                let at = comptime!(step * width + i * tile.lanes) + UNIT_POS_X as usize;
                let size = sh_delta[at];
                total[i] += size;
                let mut decay = exponential(Vector::new(size) * rates[i], form.units);
                if comptime!(form.reset) {
                    decay = decay * Vector::new(sh_border[step]);
                }
                let input = Vector::new(sh_input[at]);
                state[i] = if comptime!(adjoint) {
                    decay * fma(input, row, state[i])
                } else {
                    fma(decay, state[i], input * row)
                };
            }
        }
        sync_cube();
        order += comptime!(tile.steps);
    }

    let row = (part.batch * extent.chunks + part.chunk) * extent.states;
    write_states::<f32, S>(ends, &state, row, &extent, &part, form);
    #[unroll]
    for i in 0..comptime!(tile.channels) {
        state[i] = exponential(Vector::new(total[i]) * rates[i], form.units) * Vector::new(passes);
    }
    write_states::<f32, S>(factors, &state, row, &extent, &part, form);
}

/// The value that the first chunk of a chain starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum First {
    /// Zero.
    Zero,
    /// The caller's initial state, `[B, D, N]`.
    State,
    /// The gradient of the final state, the last N rows of `[B, L + N, D]`.
    Grad,
}

/// Turns the ends of all chunks, in place, into the values that they start from.
#[cube(launch_unchecked, address_type = "dynamic")]
pub(super) fn chain_kernel(
    ends: &mut [f32],
    factors: &[f32],
    first: &[f32],
    extent: Extent,
    #[comptime] start: First,
    #[comptime] recurrence: Recurrence,
) {
    let plane = extent.states * extent.channels;
    if ABSOLUTE_POS >= extent.batch * plane {
        terminate!();
    }
    let batch = ABSOLUTE_POS / plane;
    let inner = ABSOLUTE_POS % plane;
    let state = inner / extent.channels;
    let channel = inner % extent.channels;

    let mut value = f32::new(0.0);
    if comptime!(start == First::State) {
        value = first[(batch * extent.channels + channel) * extent.states + state];
    }
    if comptime!(start == First::Grad) {
        let row = batch * (extent.length + extent.states) + extent.length + state;
        value = first[row * extent.channels + channel];
    }
    for i in 0..extent.chunks {
        let chunk = if comptime!(recurrence == Recurrence::Adjoint) {
            extent.chunks - 1 - i
        } else {
            i
        };
        let at = (batch * extent.chunks + chunk) * plane + inner;
        let end = ends[at];
        ends[at] = value;
        value = fma(factors[at], value, end);
    }
}

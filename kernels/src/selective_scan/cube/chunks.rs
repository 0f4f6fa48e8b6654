//! Parallelism along the sequence: what every chunk does to a state that enters it, and the state
//! that enters every chunk.

use cubecl::prelude::*;

use super::form::{Extent, Form, Layouts, Walk, part};
use super::stage::{
    biased, fetch, fetch_matrix, load_borders, matrix_registers, place, put, share_matrix,
    step_size,
};
use super::states::{load_rates, no_states, write_states};
use crate::cube::math::{exponential, sigmoid};

/// Which recurrence runs through the chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Recurrence {
    /// The state `h = a h + Δ u B`, in processing order.
    State,
    /// The adjoint `k = a (k + dy C)`, against it; `k` is what one step hands to the step before.
    Adjoint,
}

/// Per chunk, the final value of the recurrence started from zero, and the factor by which a value
/// that enters is multiplied on its way through; both `[B, chunks, N, D]`. `input` is u for the state
/// and z for the adjoint.
///
/// The factor of a chunk is `exp(A ΣΔ)`: one exponential, whatever its length.
#[cube(launch_unchecked, address_type = "dynamic")]
pub(super) fn ends_kernel<F: Float, O: Float, S: Size, C: Size, M: Size>(
    input: &[Vector<F, C>],
    delta: &[Vector<F, C>],
    a: &[f32],
    matrix: &[Vector<F, M>],
    bias: &[Vector<f32, C>],
    reset: &[f32],
    grad: &[Vector<O, C>],
    ends: &mut [Vector<f32, C>],
    factors: &mut [Vector<f32, C>],
    extent: Extent,
    layouts: Layouts,
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
    let area = comptime!(tile.area());
    let reverse = comptime!(form.reverse != adjoint);
    let mut part = part(&extent, CUBE_POS, form);
    if comptime!(adjoint) {
        let from = extent.length - part.to;
        part.to = extent.length - part.from;
        part.from = from;
    }
    let walk = Walk {
        extent,
        part,
        reverse,
        form,
    };
    let extent = &walk.extent;
    let part = &walk.part;

    let mut sh_delta = Shared::<[Vector<f32, C>]>::new_slice(area);
    let mut sh_input = Shared::<[Vector<f32, C>]>::new_slice(area);
    let mut sh_matrix = Shared::<[Vector<f32, S>]>::new_slice(comptime!(tile.matrix()));
    let mut sh_border = Shared::<[f32]>::new_slice(comptime!(form.borders()));

    let rates = load_rates::<S, C>(a, &walk);
    let mut state = no_states::<S, C>();
    let mut total = Vector::<f32, C>::new(0.0);
    let mut passes = f32::new(1.0);

    let mut next_delta = Array::<Vector<F, C>>::new(comptime!(tile.share()));
    let mut next_input = Array::<Vector<F, C>>::new(comptime!(tile.share()));
    let mut next_grad = Array::<Vector<O, C>>::new(comptime!(tile.share()));
    let mut next_matrix = matrix_registers::<F, M>(form);
    let mut order = part.from;
    fetch_tile::<F, O, S, C, M>(
        input,
        delta,
        matrix,
        grad,
        &mut next_delta,
        &mut next_input,
        &mut next_grad,
        &mut next_matrix,
        &walk,
        &layouts,
        order,
        recurrence,
    );
    while order < part.to {
        #[unroll]
        for f in 0..comptime!(tile.flushes()) {
            #[unroll]
            for s in 0..comptime!(tile.flush_share()) {
                let i = comptime!(f * tile.flush_share() + s);
                let at = comptime!(f * tile.flush_area());
                let place = place(&walk, order + comptime!(f * tile.flush), s);
                let raw = biased::<F, C>(next_delta[i], bias, part.parameters + place.column, form);
                let size = step_size::<C>(raw, place.inside, form);
                let held = Vector::<f32, C>::cast_from(next_input[i]);
                let source = if comptime!(adjoint) {
                    let out = Vector::<f32, C>::cast_from(next_grad[i]);
                    let out = select(place.inside, out, Vector::new(0.0));
                    if comptime!(form.gate) {
                        out * held * sigmoid(held, form.units)
                    } else {
                        out
                    }
                } else {
                    size * held
                };
                put::<C>(&mut sh_delta, at, size, &place, form);
                put::<C>(&mut sh_input, at, source, &place, form);
            }
        }
        share_matrix::<F, S, M>(&next_matrix, &mut sh_matrix, &walk);
        if comptime!(form.reset) {
            load_borders(reset, &mut sh_border, &walk, order, adjoint);
        }
        sync_cube();

        // On its way while this tile is computed.
        let ahead = order + comptime!(tile.steps);
        fetch_tile::<F, O, S, C, M>(
            input,
            delta,
            matrix,
            grad,
            &mut next_delta,
            &mut next_input,
            &mut next_grad,
            &mut next_matrix,
            &walk,
            &layouts,
            ahead,
            recurrence,
        );
        #[unroll]
        for step in 0..comptime!(tile.steps) {
            let row = sh_matrix[step * comptime!(tile.groups) + UNIT_POS_Y as usize];
            let size = sh_delta[comptime!(step * tile.lanes) + UNIT_POS_X as usize];
            let source = sh_input[comptime!(step * tile.lanes) + UNIT_POS_X as usize];
            total += size;
            if comptime!(form.reset) {
                passes *= sh_border[step];
            }
            #[unroll]
            for i in 0..C::value() {
                let mut decay = exponential(Vector::new(size.extract(i)) * rates[i], form.units);
                if comptime!(form.reset) {
                    decay *= Vector::new(sh_border[step]);
                }
                let source = Vector::new(source.extract(i));
                state[i] = if comptime!(adjoint) {
                    decay * fma(source, row, state[i])
                } else {
                    fma(decay, state[i], source * row)
                };
            }
        }
        sync_cube();
        order += comptime!(tile.steps);
    }

    let row = (part.batch * extent.chunks + part.chunk) * extent.states;
    write_states::<f32, S, C>(ends, 0, &state, row, &walk);
    #[unroll]
    for i in 0..C::value() {
        let factor = exponential(Vector::new(total.extract(i)) * rates[i], form.units);
        state[i] = factor * Vector::new(passes);
    }
    write_states::<f32, S, C>(factors, 0, &state, row, &walk);
}

/// The operands of one tile: step sizes, B or C, and u or the output's gradient and gate.
#[cube]
#[allow(clippy::too_many_arguments)]
fn fetch_tile<F: Float, O: Float, S: Size, C: Size, M: Size>(
    input: &[Vector<F, C>],
    delta: &[Vector<F, C>],
    matrix: &[Vector<F, M>],
    grad: &[Vector<O, C>],
    next_delta: &mut Array<Vector<F, C>>,
    next_input: &mut Array<Vector<F, C>>,
    next_grad: &mut Array<Vector<O, C>>,
    next_matrix: &mut Array<Vector<F, M>>,
    walk: &Walk,
    layouts: &Layouts,
    order: usize,
    #[comptime] recurrence: Recurrence,
) {
    let adjoint = comptime!(recurrence == Recurrence::Adjoint);
    let form = comptime!(walk.form);
    let length = walk.extent.length;
    fetch::<F, C>(
        delta,
        walk.part.batch,
        length,
        &layouts.delta,
        next_delta,
        walk,
        order,
    );
    if comptime!(adjoint) {
        fetch_matrix::<F, S, M>(matrix, &layouts.c, next_matrix, walk, order);
    } else {
        fetch_matrix::<F, S, M>(matrix, &layouts.b, next_matrix, walk, order);
    }
    let part = &walk.part;
    if comptime!(!adjoint) {
        fetch::<F, C>(
            input, part.batch, length, &layouts.u, next_input, walk, order,
        );
    }
    if comptime!(adjoint) {
        if comptime!(form.gate) {
            fetch::<F, C>(
                input,
                part.shared,
                length,
                &layouts.z,
                next_input,
                walk,
                order,
            );
        }
        let rows = if comptime!(form.state) {
            length + walk.extent.states
        } else {
            length
        };
        fetch::<O, C>(
            grad,
            walk.part.shared,
            rows,
            &layouts.grad,
            next_grad,
            walk,
            order,
        );
    }
}

/// The value that the first chunk of a chain starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum First {
    /// Zero.
    Zero,
    /// The caller's initial state, `[B, N, D]`.
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
    let plane = extent.states * extent.columns;
    if ABSOLUTE_POS >= extent.batch * plane {
        terminate!();
    }
    let batch = ABSOLUTE_POS / plane;
    let inner = ABSOLUTE_POS % plane;

    let mut value = f32::new(0.0);
    if comptime!(start == First::State) {
        value = first[batch * plane + inner];
    }
    if comptime!(start == First::Grad) {
        value = first[batch * (extent.length * extent.columns + plane)
            + extent.length * extent.columns
            + inner];
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

//! The recurrence over one chunk of a block of channels.

use cubecl::prelude::*;

use super::form::{Extent, Form, Layouts, Walk, part, position};
use super::stage::{
    biased, fetch, fetch_matrix, load_borders, matrix_registers, place, put, share_matrix,
    step_size,
};
use super::states::{dot, load_rates, no_states, read_states, write_states};
use crate::cube::math::{exponential, sigmoid};

/// Output `[B, L, D]` (with the final state: `[B, L + N, D]`), and the states in front of every
/// `form.interval`-th token, `[B, L / interval, N, D]`. `start` is `[B, chunks, N, D]`.
#[cube(launch_unchecked, address_type = "dynamic")]
pub(super) fn forward_kernel<F: Float, O: Float, S: Size, C: Size, M: Size>(
    u: &[Vector<F, C>],
    delta: &[Vector<F, C>],
    a: &[f32],
    b_matrix: &[Vector<F, M>],
    c_matrix: &[Vector<F, M>],
    skip: &[Vector<f32, C>],
    z: &[Vector<F, C>],
    bias: &[Vector<f32, C>],
    start: &[Vector<f32, C>],
    reset: &[f32],
    out: &mut [Vector<O, C>],
    kept: &mut [Vector<f32, C>],
    extent: Extent,
    layouts: Layouts,
    cubes: usize,
    #[comptime] form: Form,
    #[define(F, O)] _dtypes: [ElemType; 2],
) {
    if CUBE_POS >= cubes {
        terminate!();
    }
    let tile = comptime!(form.tile);
    let reverse = comptime!(form.reverse);
    let area = comptime!(tile.area());
    let part = part(&extent, CUBE_POS, form);
    let walk = Walk {
        extent,
        part,
        reverse,
        form,
    };
    let extent = &walk.extent;
    let part = &walk.part;
    let own = UNIT_POS_X as usize;

    let mut sh_delta = Shared::<[Vector<f32, C>]>::new_slice(area);
    let mut sh_input = Shared::<[Vector<f32, C>]>::new_slice(area);
    let mut sh_b = Shared::<[Vector<f32, S>]>::new_slice(comptime!(tile.matrix()));
    let mut sh_c = Shared::<[Vector<f32, S>]>::new_slice(comptime!(tile.matrix()));
    let mut sh_y = Shared::<[Vector<f32, C>]>::new_slice(comptime!(area * tile.groups));
    let mut sh_border = Shared::<[f32]>::new_slice(comptime!(form.borders()));

    let rates = load_rates::<S, C>(a, &walk);
    let mut state = no_states::<S, C>();
    if comptime!(form.start) {
        let row = (part.batch * extent.chunks + part.chunk) * extent.states;
        read_states::<f32, S, C>(start, &mut state, row, &walk);
    }

    let rows = if comptime!(form.state) {
        extent.length + extent.states
    } else {
        extent.length
    };
    let marks = extent.length.div_ceil(comptime!(form.interval));

    let mut next_delta = Array::<Vector<F, C>>::new(comptime!(tile.share()));
    let mut next_u = Array::<Vector<F, C>>::new(comptime!(tile.share()));
    let mut held_u = Array::<Vector<F, C>>::new(comptime!(tile.share()));
    let mut held_z = Array::<Vector<F, C>>::new(comptime!(tile.share()));
    let mut next_b = matrix_registers::<F, M>(form);
    let mut next_c = matrix_registers::<F, M>(form);
    let length = extent.length;
    fetch::<F, C>(
        delta,
        part.batch,
        length,
        &layouts.delta,
        &mut next_delta,
        &walk,
        part.from,
    );
    fetch::<F, C>(
        u,
        part.batch,
        length,
        &layouts.u,
        &mut next_u,
        &walk,
        part.from,
    );
    fetch_matrix::<F, S, M>(b_matrix, &layouts.b, &mut next_b, &walk, part.from);
    fetch_matrix::<F, S, M>(c_matrix, &layouts.c, &mut next_c, &walk, part.from);

    let mut order = part.from;
    while order < part.to {
        if comptime!(form.keep) {
            if order % comptime!(form.interval) == 0 {
                let mark = part.batch * marks + order / comptime!(form.interval);
                write_states::<f32, S, C>(kept, 0, &state, mark * extent.states, &walk);
            }
        }

        #[unroll]
        for i in 0..comptime!(tile.share()) {
            let place = place(&walk, order, i);
            let raw = biased::<F, C>(next_delta[i], bias, part.parameters + place.column, form);
            let size = step_size::<C>(raw, place.inside, form);
            put::<C>(&mut sh_delta, 0, size, &place, form);
            put::<C>(
                &mut sh_input,
                0,
                size * Vector::cast_from(next_u[i]),
                &place,
                form,
            );
            held_u[i] = next_u[i];
        }
        share_matrix::<F, S, M>(&next_b, &mut sh_b, &walk);
        share_matrix::<F, S, M>(&next_c, &mut sh_c, &walk);
        if comptime!(form.reset) {
            load_borders(reset, &mut sh_border, &walk, order, false);
        }
        sync_cube();

        // On their way while the tile is computed: its gate, and the next tile.
        if comptime!(form.gate) {
            fetch::<F, C>(
                z,
                part.shared,
                length,
                &layouts.z,
                &mut held_z,
                &walk,
                order,
            );
        }
        let ahead = order + comptime!(tile.steps);
        fetch::<F, C>(
            delta,
            part.batch,
            length,
            &layouts.delta,
            &mut next_delta,
            &walk,
            ahead,
        );
        fetch::<F, C>(u, part.batch, length, &layouts.u, &mut next_u, &walk, ahead);
        fetch_matrix::<F, S, M>(b_matrix, &layouts.b, &mut next_b, &walk, ahead);
        fetch_matrix::<F, S, M>(c_matrix, &layouts.c, &mut next_c, &walk, ahead);

        #[unroll]
        for step in 0..comptime!(tile.steps) {
            let b_step = sh_b[step * comptime!(tile.groups) + UNIT_POS_Y as usize];
            let c_step = sh_c[step * comptime!(tile.groups) + UNIT_POS_Y as usize];
            let size = sh_delta[comptime!(step * tile.lanes) + own];
            let input = sh_input[comptime!(step * tile.lanes) + own];
            let mut y = Vector::<f32, C>::new(0.0);
            #[unroll]
            for i in 0..C::value() {
                let mut decay = exponential(Vector::new(size.extract(i)) * rates[i], form.units);
                if comptime!(form.reset) {
                    decay *= Vector::new(sh_border[step]);
                }
                let next = fma(decay, state[i], Vector::new(input.extract(i)) * b_step);
                state[i] = next;
                y.insert(i, dot(c_step, next));
            }
            sh_y[UNIT_POS_Y as usize * area + comptime!(step * tile.lanes) + own] = y;
        }
        sync_cube();

        #[unroll]
        for i in 0..comptime!(tile.share()) {
            let place = place(&walk, order, i);
            let mut y = sh_y[place.element];
            #[unroll]
            for group in 1..comptime!(tile.groups) {
                y += sh_y[place.element + comptime!(group * area)];
            }
            if comptime!(form.skip) {
                y = fma(
                    skip[part.parameters + place.column],
                    Vector::cast_from(held_u[i]),
                    y,
                );
            }
            if comptime!(form.gate) {
                let gate = Vector::<f32, C>::cast_from(held_z[i]);
                y *= gate * sigmoid(gate, form.units);
            }
            if place.inside {
                let row = part.batch * rows + position(&walk, place.number);
                out[row * extent.columns + place.column] = Vector::cast_from(y);
            }
        }
        order += comptime!(tile.steps);
    }

    if comptime!(form.state) {
        if part.to == extent.length {
            let row = part.batch * rows + extent.length;
            write_states::<O, S, C>(out, 0, &state, row, &walk);
        }
    }
}

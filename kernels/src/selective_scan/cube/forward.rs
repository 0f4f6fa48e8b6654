//! The recurrence over one chunk of a block of channels.

use cubecl::prelude::*;

use super::form::{Extent, Form, Part, Start, part, position};
use super::stage::{
    biased, dot, fetch, fetch_matrix, load_borders, load_rates, place, share_matrix, step_size,
};
use crate::cube::math::{exponential, sigmoid};

/// Output `[B, L, D]` (with the final state: `[B, L + N, D]`), and the states in front of every
/// `form.interval`-th token, `[B, L / interval, N, D]`.
#[cube(launch_unchecked, address_type = "dynamic")]
pub(super) fn forward_kernel<F: Float, O: Float, S: Size>(
    u: &[F],
    delta: &[F],
    a: &[f32],
    b: &[F],
    c: &[F],
    skip: &[f32],
    z: &[F],
    bias: &[f32],
    start: &[f32],
    reset: &[f32],
    out: &mut [O],
    kept: &mut [f32],
    extent: Extent,
    cubes: usize,
    #[comptime] form: Form,
    #[define(F, O)] _dtypes: [ElemType; 2],
) {
    if CUBE_POS >= cubes {
        terminate!();
    }
    let tile = comptime!(form.tile);
    let width = comptime!(tile.width());
    let area = comptime!(tile.area());
    let part = part(&extent, CUBE_POS, tile);

    let mut sh_delta = Shared::<[f32]>::new_slice(area);
    let mut sh_input = Shared::<[f32]>::new_slice(area);
    let mut sh_b = Shared::<[Vector<f32, S>]>::new_slice(comptime!(tile.steps * tile.groups));
    let mut sh_c = Shared::<[Vector<f32, S>]>::new_slice(comptime!(tile.steps * tile.groups));
    let mut sh_y = Shared::<[f32]>::new_slice(comptime!(area * tile.groups));
    let mut sh_border = Shared::<[f32]>::new_slice(comptime!(form.borders()));

    let rates = load_rates::<S>(a, &extent, &part, form);
    let mut state = Array::<Vector<f32, S>>::new(comptime!(tile.channels));
    #[unroll]
    for i in 0..comptime!(tile.channels) {
        let channel = part.channel + UNIT_POS_X as usize + comptime!(i * tile.lanes);
        let mut vector = Vector::<f32, S>::new(0.0);
        if comptime!(form.start != Start::Zero) {
            #[unroll]
            for j in 0..S::value() {
                let n = UNIT_POS_Y as usize * comptime!(tile.states) + j;
                if channel < part.channel_end && n < extent.states {
                    let index = if comptime!(form.start == Start::Given) {
                        (part.batch * extent.channels + channel) * extent.states + n
                    } else {
                        ((part.batch * extent.chunks + part.chunk) * extent.states + n)
                            * extent.channels
                            + channel
                    };
                    vector.insert(j, start[index]);
                }
            }
        }
        state[i] = vector;
    }

    let rows = if comptime!(form.state) {
        extent.length + extent.states
    } else {
        extent.length
    };
    let marks = extent.length.div_ceil(comptime!(form.interval));

    let mut next_delta = Array::<F>::new(comptime!(form.held()));
    let mut next_u = Array::<F>::new(comptime!(form.held()));
    let mut next_b = Array::<Vector<F, S>>::new(comptime!(form.held_rows()));
    let mut next_c = Array::<Vector<F, S>>::new(comptime!(form.held_rows()));
    let mut held_u = Array::<F>::new(comptime!(form.held()));
    let mut held_z = Array::<F>::new(comptime!(form.held()));
    let reverse = comptime!(form.reverse);
    fetch::<F>(
        delta,
        extent.length,
        &mut next_delta,
        &extent,
        &part,
        part.from,
        reverse,
        form,
    );
    fetch::<F>(
        u,
        extent.length,
        &mut next_u,
        &extent,
        &part,
        part.from,
        reverse,
        form,
    );
    fetch_matrix::<F, S>(b, &mut next_b, &extent, &part, part.from, reverse, form);
    fetch_matrix::<F, S>(c, &mut next_c, &extent, &part, part.from, reverse, form);

    let mut order = part.from;
    while order < part.to {
        if comptime!(form.keep) {
            if order % comptime!(form.interval) == 0 {
                let mark = part.batch * marks + order / comptime!(form.interval);
                write_states::<f32, S>(kept, &state, mark * extent.states, &extent, &part, form);
            }
        }

        // Outside of the problem, step sizes and inputs are zero, which leaves a state as it is.
        #[unroll]
        for i in 0..comptime!(form.held()) {
            let place = place(&part, order, i, form);
            let raw = biased(f32::cast_from(next_delta[i]), bias, place.channel, form);
            let size = select(place.inside, step_size(raw, form), 0.0);
            if comptime!(!form.ragged()) {
                sh_delta[place.element] = size;
                sh_input[place.element] = size * f32::cast_from(next_u[i]);
            } else if place.element < area {
                sh_delta[place.element] = size;
                sh_input[place.element] = size * f32::cast_from(next_u[i]);
            }
            held_u[i] = next_u[i];
        }
        share_matrix::<F, S>(&next_b, &mut sh_b, form);
        share_matrix::<F, S>(&next_c, &mut sh_c, form);
        if comptime!(form.reset) {
            load_borders(reset, &mut sh_border, &extent, &part, order, false, form);
        }
        sync_cube();

        // On their way while the tile is computed: its gate, and the next tile.
        if comptime!(form.gate) {
            fetch::<F>(
                z,
                extent.length,
                &mut held_z,
                &extent,
                &part,
                order,
                reverse,
                form,
            );
        }
        let ahead = order + comptime!(tile.steps);
        fetch::<F>(
            delta,
            extent.length,
            &mut next_delta,
            &extent,
            &part,
            ahead,
            reverse,
            form,
        );
        fetch::<F>(
            u,
            extent.length,
            &mut next_u,
            &extent,
            &part,
            ahead,
            reverse,
            form,
        );
        fetch_matrix::<F, S>(b, &mut next_b, &extent, &part, ahead, reverse, form);
        fetch_matrix::<F, S>(c, &mut next_c, &extent, &part, ahead, reverse, form);

        #[unroll]
        for step in 0..comptime!(tile.steps) {
            let b_step = sh_b[step * comptime!(tile.groups) + UNIT_POS_Y as usize];
            let c_step = sh_c[step * comptime!(tile.groups) + UNIT_POS_Y as usize];
            #[unroll]
            for i in 0..comptime!(tile.channels) {
                let at = comptime!(step * width + i * tile.lanes) + UNIT_POS_X as usize;
                let mut decay = exponential(Vector::new(sh_delta[at]) * rates[i], form.units);
                if comptime!(form.reset) {
                    decay = decay * Vector::new(sh_border[step]);
                }
                let next = fma(decay, state[i], Vector::new(sh_input[at]) * b_step);
                state[i] = next;
                sh_y[UNIT_POS_Y as usize * area + at] = dot(c_step, next);
            }
        }
        sync_cube();

        #[unroll]
        for i in 0..comptime!(form.held()) {
            let place = place(&part, order, i, form);
            let mut element = place.element;
            if comptime!(form.ragged()) {
                element = min(element, area - 1);
            }
            let mut y = sh_y[element];
            #[unroll]
            for group in 1..comptime!(tile.groups) {
                y += sh_y[element + comptime!(group * area)];
            }
            if comptime!(form.skip) {
                y = fma(skip[place.channel], f32::cast_from(held_u[i]), y);
            }
            if comptime!(form.gate) {
                let gate = f32::cast_from(held_z[i]);
                y *= gate * sigmoid(gate, form.units);
            }
            if place.inside {
                let row = part.batch * rows + position(&extent, place.number, reverse);
                out[row * extent.channels + place.channel] = O::cast_from(y);
            }
        }
        order += comptime!(tile.steps);
    }

    if comptime!(form.state) {
        if part.to == extent.length {
            let row = part.batch * rows + extent.length;
            write_states::<O, S>(out, &state, row, &extent, &part, form);
        }
    }
}

/// Writes this unit's states to the rows `row + n` of an `[.., D]` matrix.
#[cube]
pub(super) fn write_states<O: Float, S: Size>(
    target: &mut [O],
    state: &Array<Vector<f32, S>>,
    row: usize,
    extent: &Extent,
    part: &Part,
    #[comptime] form: Form,
) {
    #[unroll]
    for i in 0..comptime!(form.tile.channels) {
        let channel = part.channel + UNIT_POS_X as usize + comptime!(i * form.tile.lanes);
        #[unroll]
        for j in 0..S::value() {
            let n = UNIT_POS_Y as usize * comptime!(form.tile.states) + j;
            if channel < part.channel_end && n < extent.states {
                target[(row + n) * extent.channels + channel] = O::cast_from(state[i].extract(j));
            }
        }
    }
}

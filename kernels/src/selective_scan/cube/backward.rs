//! All gradients of one chunk of a block of channels.
//!
//! From the states that the forward pass kept, states are recomputed: first in front of every tile
//! of an interval (they go to shared memory), then inside one tile (registers), which is then
//! walked backwards. Sums over states and over channels meet in shared memory, in a fixed order.

use cubecl::prelude::*;

use super::form::{Extent, Form, Layouts, Walk, part, position};
use super::stage::{
    biased, fetch, fetch_matrix, load_borders, matrix_registers, place, put, share_matrix,
    step_size,
};
use super::states::{dot, load_rates, no_states, read_states, write_states};
use crate::cube::math::{exponential, sigmoid};

/// Writes the gradients of u, delta and z, `[3, B, L, D]`; partial sums of those of B and C,
/// `[blocks, 2, B, L, G, N]`, and of those of A, skip and bias, `[B · chunks, N + 2, D]`; and behind the
/// latter, from column `at_state`, the gradient of the initial state, `[B, N, D]`.
#[cube(launch_unchecked, address_type = "dynamic")]
pub(super) fn backward_kernel<F: Float, O: Float, S: Size, C: Size, M: Size>(
    u: &[Vector<F, C>],
    delta: &[Vector<F, C>],
    a: &[f32],
    b_matrix: &[Vector<F, M>],
    c_matrix: &[Vector<F, M>],
    skip: &[Vector<f32, C>],
    z: &[Vector<F, C>],
    bias: &[Vector<f32, C>],
    reset: &[f32],
    kept: &[Vector<f32, C>],
    carries: &[Vector<f32, C>],
    grad: &[Vector<O, C>],
    grads: &mut [Vector<F, C>],
    matrices: &mut [F],
    sums: &mut [Vector<f32, C>],
    extent: Extent,
    layouts: Layouts,
    at_state: usize,
    cubes: usize,
    #[comptime] form: Form,
    #[define(F, O)] _dtypes: [ElemType; 2],
) {
    if CUBE_POS >= cubes {
        terminate!();
    }
    let tile = comptime!(form.tile);
    let reverse = comptime!(form.reverse);
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
    let length = extent.length;
    let rows = if comptime!(form.state) {
        length + extent.states
    } else {
        length
    };
    let marks = length.div_ceil(comptime!(form.interval));
    let elements = extent.batch * length * extent.columns;

    let mut sh_delta = Shared::<[Vector<f32, C>]>::new_slice(comptime!(tile.area()));
    let mut sh_u = Shared::<[Vector<f32, C>]>::new_slice(comptime!(tile.area()));
    let mut sh_dy = Shared::<[Vector<f32, C>]>::new_slice(comptime!(tile.area()));
    let mut sh_b = Shared::<[Vector<f32, S>]>::new_slice(comptime!(tile.matrix()));
    let mut sh_c = Shared::<[Vector<f32, S>]>::new_slice(comptime!(tile.matrix()));
    let mut sh_border = Shared::<[f32]>::new_slice(comptime!(form.borders()));
    // Sums over the states, one part per row of units: C h, g B, and g A q.
    let flush_area = comptime!(tile.flush_area());
    let mut sh_y = Shared::<[Vector<f32, C>]>::new_slice(comptime!(flush_area * tile.groups));
    let mut sh_gb = Shared::<[Vector<f32, C>]>::new_slice(comptime!(flush_area * tile.groups));
    let mut sh_gq = Shared::<[Vector<f32, C>]>::new_slice(comptime!(flush_area * tile.groups));
    // Sums over the channels, one part per lane: the gradients of B, then those of C. A row is one
    // longer than its lanes, so that units that read different rows read different memory banks.
    let pitch = comptime!(tile.lanes + 1);
    let matrix = comptime!(tile.flush * tile.padded_states());
    let mut sh_bc = Shared::<[f32]>::new_slice(comptime!(2 * matrix * pitch));
    let units = comptime!(tile.units());
    let mut sh_state = Shared::<[Vector<f32, S>]>::new_slice(comptime!(
        (form.interval / tile.steps) * tile.channels * units
    ));

    let rates = load_rates::<S, C>(a, &walk);
    let mut state = no_states::<S, C>();
    let mut carry = no_states::<S, C>();
    let mut d_rates = no_states::<S, C>();
    let own_row = part.batch * extent.chunks + part.chunk;
    if comptime!(form.start) {
        read_states::<f32, S, C>(carries, &mut carry, own_row * extent.states, &walk);
    } else if comptime!(form.state) {
        read_states::<O, S, C>(grad, &mut carry, part.batch * rows + length, &walk);
    }
    let mut d_skip = Vector::<f32, C>::new(0.0);
    let mut d_bias = Vector::<f32, C>::new(0.0);

    let mut before = Array::<Vector<f32, S>>::new(comptime!(tile.steps * tile.channels));
    let mut next_delta = Array::<Vector<F, C>>::new(comptime!(tile.share()));
    let mut next_u = Array::<Vector<F, C>>::new(comptime!(tile.share()));
    let mut next_z = Array::<Vector<F, C>>::new(comptime!(tile.share()));
    let mut next_grad = Array::<Vector<O, C>>::new(comptime!(tile.share()));
    let mut next_b = matrix_registers::<F, M>(form);
    let mut next_c = matrix_registers::<F, M>(form);
    let mut held_delta = Array::<Vector<F, C>>::new(comptime!(tile.share()));
    let mut held_z = Array::<Vector<F, C>>::new(comptime!(tile.share()));
    let mut held_grad = Array::<Vector<O, C>>::new(comptime!(tile.share()));

    let intervals = (part.to - part.from).div_ceil(comptime!(form.interval));
    for count in 0..intervals {
        let first = part.from + (intervals - 1 - count) * comptime!(form.interval);
        let last = min(first + comptime!(form.interval), part.to);
        let tiles = (last - first).div_ceil(comptime!(tile.steps));
        let last_tile = first + (tiles - 1) * comptime!(tile.steps);
        let mark = part.batch * marks + first / comptime!(form.interval);

        // What the last tile needs beyond the recurrence, then the recurrence's first tile.
        fetch::<O, C>(
            grad,
            part.shared,
            rows,
            &layouts.grad,
            &mut next_grad,
            &walk,
            last_tile,
        );
        if comptime!(form.gate) {
            fetch::<F, C>(
                z,
                part.shared,
                length,
                &layouts.z,
                &mut next_z,
                &walk,
                last_tile,
            );
        }
        fetch_matrix::<F, S, M>(c_matrix, &layouts.c, &mut next_c, &walk, last_tile);
        fetch::<F, C>(
            delta,
            part.batch,
            length,
            &layouts.delta,
            &mut next_delta,
            &walk,
            first,
        );
        fetch::<F, C>(u, part.batch, length, &layouts.u, &mut next_u, &walk, first);
        fetch_matrix::<F, S, M>(b_matrix, &layouts.b, &mut next_b, &walk, first);
        read_states::<f32, S, C>(kept, &mut state, mark * extent.states, &walk);

        for index in 0..tiles {
            let order = first + index * comptime!(tile.steps);
            #[unroll]
            for i in 0..C::value() {
                sh_state[(index * C::value() + i) * units + UNIT_POS as usize] = state[i];
            }
            if order < last_tile {
                #[unroll]
                for f in 0..comptime!(tile.flushes()) {
                    #[unroll]
                    for s in 0..comptime!(tile.flush_share()) {
                        let i = comptime!(f * tile.flush_share() + s);
                        let place = place(&walk, order + comptime!(f * tile.flush), s);
                        let raw = biased::<F, C>(
                            next_delta[i],
                            bias,
                            part.parameters + place.column,
                            form,
                        );
                        let size = step_size::<C>(raw, place.inside, form);
                        let input = size * Vector::cast_from(next_u[i]);
                        put::<C>(&mut sh_delta, comptime!(f * flush_area), size, &place, form);
                        put::<C>(&mut sh_u, comptime!(f * flush_area), input, &place, form);
                    }
                }
                share_matrix::<F, S, M>(&next_b, &mut sh_b, &walk);
                if comptime!(form.reset) {
                    load_borders(reset, &mut sh_border, &walk, order, false);
                }
                sync_cube();
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
                #[unroll]
                for step in 0..comptime!(tile.steps) {
                    let b_step = sh_b[step * comptime!(tile.groups) + UNIT_POS_Y as usize];
                    let size = sh_delta[comptime!(step * tile.lanes) + own];
                    let input = sh_u[comptime!(step * tile.lanes) + own];
                    #[unroll]
                    for i in 0..C::value() {
                        let decay =
                            decay_of::<S>(size.extract(i), rates[i], &sh_border, step, form);
                        state[i] = fma(decay, state[i], Vector::new(input.extract(i)) * b_step);
                    }
                }
                sync_cube();
            }
        }

        for index in 0..tiles {
            let slot = tiles - 1 - index;
            let order = first + slot * comptime!(tile.steps);
            #[unroll]
            for f in 0..comptime!(tile.flushes()) {
                #[unroll]
                for s in 0..comptime!(tile.flush_share()) {
                    let i = comptime!(f * tile.flush_share() + s);
                    let place = place(&walk, order + comptime!(f * tile.flush), s);
                    let raw =
                        biased::<F, C>(next_delta[i], bias, part.parameters + place.column, form);
                    let size = step_size::<C>(raw, place.inside, form);
                    let out = Vector::<f32, C>::cast_from(next_grad[i]);
                    let mut dy = select(place.inside, out, Vector::new(0.0));
                    if comptime!(form.gate) {
                        let gate = Vector::<f32, C>::cast_from(next_z[i]);
                        dy *= gate * sigmoid(gate, form.units);
                    }
                    let input = Vector::<f32, C>::cast_from(next_u[i]);
                    put::<C>(&mut sh_delta, comptime!(f * flush_area), size, &place, form);
                    put::<C>(&mut sh_u, comptime!(f * flush_area), input, &place, form);
                    put::<C>(&mut sh_dy, comptime!(f * flush_area), dy, &place, form);
                    held_delta[i] = next_delta[i];
                    held_z[i] = next_z[i];
                    held_grad[i] = next_grad[i];
                }
            }
            share_matrix::<F, S, M>(&next_b, &mut sh_b, &walk);
            share_matrix::<F, S, M>(&next_c, &mut sh_c, &walk);
            if comptime!(form.reset) {
                load_borders(reset, &mut sh_border, &walk, order, false);
            }
            sync_cube();

            #[unroll]
            for i in 0..C::value() {
                state[i] = sh_state[(slot * C::value() + i) * units + UNIT_POS as usize];
            }
            #[unroll]
            for step in 0..comptime!(tile.steps) {
                let b_step = sh_b[step * comptime!(tile.groups) + UNIT_POS_Y as usize];
                let size = sh_delta[comptime!(step * tile.lanes) + own];
                let input = size * sh_u[comptime!(step * tile.lanes) + own];
                #[unroll]
                for i in 0..C::value() {
                    before[comptime!(step * tile.channels + i)] = state[i];
                    let decay = decay_of::<S>(size.extract(i), rates[i], &sh_border, step, form);
                    state[i] = fma(decay, state[i], Vector::new(input.extract(i)) * b_step);
                }
            }

            #[unroll]
            for g in 0..comptime!(tile.flushes()) {
                let f = comptime!(tile.flushes() - 1 - g);
                #[unroll]
                for back in 0..comptime!(tile.flush) {
                    let row = comptime!(tile.flush - 1 - back);
                    let step = comptime!(f * tile.flush + row);
                    let b_step = sh_b[step * comptime!(tile.groups) + UNIT_POS_Y as usize];
                    let c_step = sh_c[step * comptime!(tile.groups) + UNIT_POS_Y as usize];
                    let size = sh_delta[comptime!(step * tile.lanes) + own];
                    let input = size * sh_u[comptime!(step * tile.lanes) + own];
                    let dy = sh_dy[comptime!(step * tile.lanes) + own];
                    let mut db = Vector::<f32, S>::new(0.0);
                    let mut dc = Vector::<f32, S>::new(0.0);
                    let mut y = Vector::<f32, C>::new(0.0);
                    let mut gb = Vector::<f32, C>::new(0.0);
                    let mut gq = Vector::<f32, C>::new(0.0);
                    #[unroll]
                    for i in 0..C::value() {
                        let size = size.extract(i);
                        let input = Vector::new(input.extract(i));
                        let dy = Vector::new(dy.extract(i));
                        let decay = decay_of::<S>(size, rates[i], &sh_border, step, form);
                        let passed = decay * before[comptime!(step * tile.channels + i)];
                        let after = fma(input, b_step, passed);
                        let adjoint = fma(dy, c_step, carry[i]);
                        carry[i] = decay * adjoint;
                        let through = adjoint * passed;
                        d_rates[i] = fma(Vector::new(size), through, d_rates[i]);
                        db = fma(adjoint, input, db);
                        dc = fma(dy, after, dc);
                        y.insert(i, dot(c_step, after));
                        gb.insert(i, dot(adjoint, b_step));
                        gq.insert(i, dot(through, rates[i]));
                    }
                    let to = UNIT_POS_Y as usize * flush_area + comptime!(row * tile.lanes) + own;
                    sh_y[to] = y;
                    sh_gb[to] = gb;
                    sh_gq[to] = gq;
                    #[unroll]
                    for j in 0..S::value() {
                        let n = UNIT_POS_Y as usize * comptime!(tile.states) + j;
                        let to = (comptime!(row * tile.padded_states()) + n) * pitch + own;
                        sh_bc[to] = db.extract(j);
                        sh_bc[comptime!(matrix * pitch) + to] = dc.extract(j);
                    }
                }
                sync_cube();

                if comptime!(f == 0) {
                    // On their way while the sums are formed: the operands of the tile in front.
                    if slot > 0 {
                        let ahead = order - comptime!(tile.steps);
                        fetch::<O, C>(
                            grad,
                            part.shared,
                            rows,
                            &layouts.grad,
                            &mut next_grad,
                            &walk,
                            ahead,
                        );
                        if comptime!(form.gate) {
                            fetch::<F, C>(
                                z,
                                part.shared,
                                length,
                                &layouts.z,
                                &mut next_z,
                                &walk,
                                ahead,
                            );
                        }
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
                    }
                }
                #[unroll]
                for s in 0..comptime!(tile.flush_share()) {
                    let i = comptime!(f * tile.flush_share() + s);
                    let place = place(&walk, order + comptime!(f * tile.flush), s);
                    let mut y = sh_y[place.element];
                    let mut gb = sh_gb[place.element];
                    let mut gq = sh_gq[place.element];
                    #[unroll]
                    for group in 1..comptime!(tile.groups) {
                        y += sh_y[place.element + comptime!(group * flush_area)];
                        gb += sh_gb[place.element + comptime!(group * flush_area)];
                        gq += sh_gq[place.element + comptime!(group * flush_area)];
                    }
                    let at = comptime!(f * flush_area) + place.element;
                    let input = sh_u[at];
                    let dy = sh_dy[at];
                    let mut d_input = sh_delta[at] * gb;
                    let unscaled = gq * Vector::new(comptime!(1.0 / form.units.exponent_scale()));
                    let mut d_size = fma(input, gb, unscaled);
                    if comptime!(form.softplus) {
                        let raw = biased::<F, C>(
                            held_delta[i],
                            bias,
                            part.parameters + place.column,
                            form,
                        );
                        d_size *= sigmoid(raw, form.units);
                    }
                    let zero = Vector::<f32, C>::new(0.0);
                    if comptime!(form.skip) {
                        let coefficient = skip[part.parameters + place.column];
                        d_input = fma(coefficient, dy, d_input);
                        y = fma(coefficient, input, y);
                        d_skip += select(place.inside, dy * input, zero);
                    }
                    if comptime!(form.bias) {
                        d_bias += select(place.inside, d_size, zero);
                    }
                    if place.inside {
                        let row = part.batch * length + position(&walk, place.number);
                        let target = row * extent.columns + place.column;
                        grads[target] = Vector::cast_from(d_input);
                        grads[elements + target] = Vector::cast_from(d_size);
                        if comptime!(form.gate) {
                            let gate = Vector::<f32, C>::cast_from(held_z[i]);
                            let s = sigmoid(gate, form.units);
                            let one = Vector::<f32, C>::new(1.0);
                            let slope = s * fma(gate, one - s, one);
                            let dz = Vector::<f32, C>::cast_from(held_grad[i]) * y * slope;
                            grads[2 * elements + target] = Vector::cast_from(dz);
                        }
                    }
                }
                let from = order + comptime!(f * tile.flush);
                sum_lanes::<F>(&sh_bc, matrices, from, &walk);
                sync_cube();
            }
        }
    }

    let sums_row = own_row * (extent.states + 2);
    write_states::<f32, S, C>(sums, 0, &d_rates, sums_row, &walk);
    if part.chunk == 0 {
        let row = part.batch * extent.states;
        write_states::<f32, S, C>(sums, at_state, &carry, row, &walk);
    }
    // A unit's elements all lie in one column; as many units as there are rows share it.
    sh_y[UNIT_POS as usize] = d_skip;
    sh_gb[UNIT_POS as usize] = d_bias;
    sync_cube();
    let column = part.column + own;
    if UNIT_POS_Y == 0 && column < part.column_end {
        let mut skip_sum = sh_y[own];
        let mut bias_sum = sh_gb[own];
        #[unroll]
        for row in 1..comptime!(tile.groups) {
            skip_sum += sh_y[comptime!(row * tile.lanes) + own];
            bias_sum += sh_gb[comptime!(row * tile.lanes) + own];
        }
        let row = sums_row + extent.states;
        sums[row * extent.columns + column] = skip_sum;
        sums[(row + 1) * extent.columns + column] = bias_sum;
    }
}

/// The decay of one step; zero where a sequence starts.
#[cube]
fn decay_of<S: Size>(
    size: f32,
    rates: Vector<f32, S>,
    borders: &Shared<[f32]>,
    #[comptime] step: usize,
    #[comptime] form: Form,
) -> Vector<f32, S> {
    let decay = exponential(Vector::new(size) * rates, form.units);
    if comptime!(form.reset) {
        decay * Vector::new(borders[step])
    } else {
        decay
    }
}

/// Sums the lanes' parts of the gradients of B and C over the tokens from processing order `order`. The
/// sum over a cube's channels is kept in the operands' type: its rounding is that of the final result.
#[cube]
fn sum_lanes<F: Float>(shared: &Shared<[f32]>, matrices: &mut [F], order: usize, walk: &Walk) {
    let form = comptime!(walk.form);
    let extent = &walk.extent;
    let part = &walk.part;
    let tile = comptime!(form.tile);
    let states = comptime!(tile.padded_states());
    let half = comptime!(tile.flush * states);
    let units = comptime!(tile.units());
    let pitch = comptime!(tile.lanes + 1);
    // Four interleaved chains, so that additions overlap.
    let chains = comptime!(if tile.lanes % 4 == 0 { 4usize } else { 1usize });
    #[unroll]
    for i in 0..comptime!((2 * half).div_ceil(units)) {
        let index = i * units + UNIT_POS as usize;
        if index < comptime!(2 * half) {
            let which = index / half;
            let number = order + index % half / states;
            let n = index % states;
            if number < part.to && n < extent.states {
                let mut totals = Array::<f32>::new(chains);
                #[unroll]
                for chain in 0..chains {
                    totals[chain] = shared[index * pitch + chain];
                }
                #[unroll]
                for lane in 1..comptime!(tile.lanes / chains) {
                    #[unroll]
                    for chain in 0..chains {
                        totals[chain] += shared[index * pitch + comptime!(lane * chains + chain)];
                    }
                }
                let mut total = totals[0];
                #[unroll]
                for chain in 1..chains {
                    total += totals[chain];
                }
                let row = (part.block * 2 + which) * extent.batch + part.batch;
                let token = row * extent.length + position(walk, number);
                matrices[(token * extent.groups + part.group) * extent.states + n] =
                    F::cast_from(total);
            }
        }
    }
}

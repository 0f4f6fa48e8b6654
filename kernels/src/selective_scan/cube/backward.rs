//! All gradients of one chunk of a block of channels.
//!
//! From the states that the forward pass kept, states are recomputed: first in front of every tile
//! of an interval (they go to shared memory), then inside one tile (registers), which is then
//! walked backwards. Sums over states and over channels meet in shared memory, in a fixed order.

use cubecl::prelude::*;

use super::form::{Extent, Form, Part, Start, part, position};
use super::stage::{
    biased, dot, fetch, fetch_matrix, load_borders, load_rates, place, share_matrix, step_size,
};
use crate::cube::math::{exponential, sigmoid};

/// Writes the gradients of u, delta and z, `[3, B, L, D]`, and, as partial sums at the offsets of
/// [`Partials`], all others.
#[cube(launch_unchecked, address_type = "dynamic")]
pub(super) fn backward_kernel<F: Float, O: Float, S: Size>(
    u: &[F],
    delta: &[F],
    a: &[f32],
    b: &[F],
    c: &[F],
    skip: &[f32],
    z: &[F],
    bias: &[f32],
    reset: &[f32],
    kept: &[f32],
    carries: &[f32],
    grad: &[O],
    grads: &mut [F],
    partials: &mut [f32],
    extent: Extent,
    offsets: Partials,
    cubes: usize,
    #[comptime] form: Form,
    #[define(F, O)] _dtypes: [ElemType; 2],
) {
    if CUBE_POS >= cubes {
        terminate!();
    }
    let tile = comptime!(form.tile);
    let width = comptime!(tile.width());
    let units = comptime!(tile.units());
    let area = comptime!(tile.area());
    let held = comptime!(form.held());
    let part = part(&extent, CUBE_POS, tile);
    let rows = if comptime!(form.state) {
        extent.length + extent.states
    } else {
        extent.length
    };
    let marks = extent.length.div_ceil(comptime!(form.interval));
    let elements = extent.batch * extent.length * extent.channels;

    let mut sh_delta = Shared::<[f32]>::new_slice(area);
    let mut sh_u = Shared::<[f32]>::new_slice(area);
    let mut sh_dy = Shared::<[f32]>::new_slice(area);
    let mut sh_b = Shared::<[Vector<f32, S>]>::new_slice(comptime!(tile.steps * tile.groups));
    let mut sh_c = Shared::<[Vector<f32, S>]>::new_slice(comptime!(tile.steps * tile.groups));
    let mut sh_border = Shared::<[f32]>::new_slice(comptime!(form.borders()));
    // Sums over the states, one part per row of units: C h, g B, and g A q.
    let mut sh_y = Shared::<[f32]>::new_slice(comptime!(area * tile.groups));
    let mut sh_gb = Shared::<[f32]>::new_slice(comptime!(area * tile.groups));
    let mut sh_gq = Shared::<[f32]>::new_slice(comptime!(area * tile.groups));
    // Sums over the channels, one part per lane. A row is one longer than its lanes, so that units
    // that read different rows read different memory banks.
    let pitch = comptime!(tile.lanes + 1);
    let matrix = comptime!(tile.steps * tile.padded_states());
    let mut sh_db = Shared::<[f32]>::new_slice(comptime!(matrix * pitch));
    let mut sh_dc = Shared::<[f32]>::new_slice(comptime!(matrix * pitch));
    let mut sh_state = Shared::<[Vector<f32, S>]>::new_slice(comptime!(
        (form.interval / tile.steps) * tile.channels * units
    ));

    let rates = load_rates::<S>(a, &extent, &part, form);
    let mut state = Array::<Vector<f32, S>>::new(comptime!(tile.channels));
    let mut carry = Array::<Vector<f32, S>>::new(comptime!(tile.channels));
    let mut d_rates = Array::<Vector<f32, S>>::new(comptime!(tile.channels));
    #[unroll]
    for i in 0..comptime!(tile.channels) {
        state[i] = Vector::new(0.0);
        d_rates[i] = Vector::new(0.0);
        let mut vector = Vector::<f32, S>::new(0.0);
        let channel = part.channel + UNIT_POS_X as usize + comptime!(i * tile.lanes);
        #[unroll]
        for j in 0..S::value() {
            let n = UNIT_POS_Y as usize * comptime!(tile.states) + j;
            if channel < part.channel_end && n < extent.states {
                if comptime!(form.start == Start::Chained) {
                    let row = (part.batch * extent.chunks + part.chunk) * extent.states + n;
                    vector.insert(j, carries[row * extent.channels + channel]);
                } else if comptime!(form.state) {
                    let row = part.batch * rows + extent.length + n;
                    vector.insert(j, f32::cast_from(grad[row * extent.channels + channel]));
                }
            }
        }
        carry[i] = vector;
    }
    // A unit's elements of a tile lie in these many different channels.
    let columns = comptime!(if width > units { width / units } else { 1 });
    let mut d_skip = Array::<f32>::new(columns);
    let mut d_bias = Array::<f32>::new(columns);
    #[unroll]
    for i in 0..columns {
        d_skip[i] = 0.0;
        d_bias[i] = 0.0;
    }
    let mut before = Array::<Vector<f32, S>>::new(comptime!(tile.steps * tile.channels));
    let mut held_delta = Array::<F>::new(held);
    let mut held_u = Array::<F>::new(held);
    let mut held_z = Array::<F>::new(held);
    let mut held_grad = Array::<O>::new(held);
    let mut held_b = Array::<Vector<F, S>>::new(comptime!(form.held_rows()));
    let mut held_c = Array::<Vector<F, S>>::new(comptime!(form.held_rows()));
    let reverse = comptime!(form.reverse);

    let intervals = (part.to - part.from).div_ceil(comptime!(form.interval));
    for count in 0..intervals {
        let first = part.from + (intervals - 1 - count) * comptime!(form.interval);
        let last = min(first + comptime!(form.interval), part.to);
        let tiles = (last - first).div_ceil(comptime!(tile.steps));

        let mark = part.batch * marks + first / comptime!(form.interval);
        read_states::<S>(kept, &mut state, mark * extent.states, &extent, &part, form);
        for index in 0..tiles {
            let order = first + index * comptime!(tile.steps);
            #[unroll]
            for i in 0..comptime!(tile.channels) {
                sh_state[(index * comptime!(tile.channels) + i) * units + UNIT_POS as usize] =
                    state[i];
            }
            if index + 1 < tiles {
                fetch::<F>(
                    delta,
                    extent.length,
                    &mut held_delta,
                    &extent,
                    &part,
                    order,
                    reverse,
                    form,
                );
                fetch::<F>(
                    u,
                    extent.length,
                    &mut held_u,
                    &extent,
                    &part,
                    order,
                    reverse,
                    form,
                );
                fetch_matrix::<F, S>(b, &mut held_b, &extent, &part, order, reverse, form);
                #[unroll]
                for i in 0..held {
                    let place = place(&part, order, i, form);
                    let raw = biased(f32::cast_from(held_delta[i]), bias, place.channel, form);
                    let size = select(place.inside, step_size(raw, form), 0.0);
                    if place.element < area {
                        sh_delta[place.element] = size;
                        sh_u[place.element] = f32::cast_from(held_u[i]);
                    }
                }
                share_matrix::<F, S>(&held_b, &mut sh_b, form);
                if comptime!(form.reset) {
                    load_borders(reset, &mut sh_border, &extent, &part, order, false, form);
                }
                sync_cube();
                #[unroll]
                for step in 0..comptime!(tile.steps) {
                    let b_step = sh_b[step * comptime!(tile.groups) + UNIT_POS_Y as usize];
                    #[unroll]
                    for i in 0..comptime!(tile.channels) {
                        let at = comptime!(step * width + i * tile.lanes) + UNIT_POS_X as usize;
                        let size = sh_delta[at];
                        let mut decay = exponential(Vector::new(size) * rates[i], form.units);
                        if comptime!(form.reset) {
                            decay = decay * Vector::new(sh_border[step]);
                        }
                        state[i] = fma(decay, state[i], Vector::new(size * sh_u[at]) * b_step);
                    }
                }
                sync_cube();
            }
        }

        for count in 0..tiles {
            let index = tiles - 1 - count;
            let order = first + index * comptime!(tile.steps);
            fetch::<F>(
                delta,
                extent.length,
                &mut held_delta,
                &extent,
                &part,
                order,
                reverse,
                form,
            );
            fetch::<F>(
                u,
                extent.length,
                &mut held_u,
                &extent,
                &part,
                order,
                reverse,
                form,
            );
            fetch::<O>(
                grad,
                rows,
                &mut held_grad,
                &extent,
                &part,
                order,
                reverse,
                form,
            );
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
            fetch_matrix::<F, S>(b, &mut held_b, &extent, &part, order, reverse, form);
            fetch_matrix::<F, S>(c, &mut held_c, &extent, &part, order, reverse, form);
            #[unroll]
            for i in 0..held {
                let place = place(&part, order, i, form);
                let raw = biased(f32::cast_from(held_delta[i]), bias, place.channel, form);
                let size = select(place.inside, step_size(raw, form), 0.0);
                let mut dy = select(place.inside, f32::cast_from(held_grad[i]), 0.0);
                if comptime!(form.gate) {
                    let gate = f32::cast_from(held_z[i]);
                    dy *= gate * sigmoid(gate, form.units);
                }
                if place.element < area {
                    sh_delta[place.element] = size;
                    sh_u[place.element] = f32::cast_from(held_u[i]);
                    sh_dy[place.element] = dy;
                }
            }
            share_matrix::<F, S>(&held_b, &mut sh_b, form);
            share_matrix::<F, S>(&held_c, &mut sh_c, form);
            if comptime!(form.reset) {
                load_borders(reset, &mut sh_border, &extent, &part, order, false, form);
            }
            sync_cube();

            #[unroll]
            for i in 0..comptime!(tile.channels) {
                state[i] =
                    sh_state[(index * comptime!(tile.channels) + i) * units + UNIT_POS as usize];
            }
            #[unroll]
            for step in 0..comptime!(tile.steps) {
                let b_step = sh_b[step * comptime!(tile.groups) + UNIT_POS_Y as usize];
                #[unroll]
                for i in 0..comptime!(tile.channels) {
                    let at = comptime!(step * width + i * tile.lanes) + UNIT_POS_X as usize;
                    let size = sh_delta[at];
                    before[comptime!(step * tile.channels + i)] = state[i];
                    let mut decay = exponential(Vector::new(size) * rates[i], form.units);
                    if comptime!(form.reset) {
                        decay = decay * Vector::new(sh_border[step]);
                    }
                    state[i] = fma(decay, state[i], Vector::new(size * sh_u[at]) * b_step);
                }
            }

            #[unroll]
            for back in 0..comptime!(tile.steps) {
                let step = comptime!(tile.steps - 1 - back);
                let b_step = sh_b[step * comptime!(tile.groups) + UNIT_POS_Y as usize];
                let c_step = sh_c[step * comptime!(tile.groups) + UNIT_POS_Y as usize];
                let mut db = Vector::<f32, S>::new(0.0);
                let mut dc = Vector::<f32, S>::new(0.0);
                #[unroll]
                for i in 0..comptime!(tile.channels) {
                    let at = comptime!(step * width + i * tile.lanes) + UNIT_POS_X as usize;
                    let size = sh_delta[at];
                    let input = Vector::new(size * sh_u[at]);
                    let dy = Vector::new(sh_dy[at]);
                    let mut decay = exponential(Vector::new(size) * rates[i], form.units);
                    if comptime!(form.reset) {
                        decay = decay * Vector::new(sh_border[step]);
                    }
                    let passed = decay * before[comptime!(step * tile.channels + i)];
                    let after = fma(input, b_step, passed);
                    let adjoint = fma(dy, c_step, carry[i]);
                    carry[i] = decay * adjoint;
                    let through = adjoint * passed;
                    d_rates[i] = fma(Vector::new(size), through, d_rates[i]);
                    db = fma(adjoint, input, db);
                    dc = fma(dy, after, dc);
                    let to = UNIT_POS_Y as usize * area + at;
                    sh_y[to] = dot(c_step, after);
                    sh_gb[to] = dot(adjoint, b_step);
                    sh_gq[to] = dot(through, rates[i]);
                }
                #[unroll]
                for j in 0..S::value() {
                    let n = UNIT_POS_Y as usize * comptime!(tile.states) + j;
                    let to =
                        (step * comptime!(tile.padded_states()) + n) * pitch + UNIT_POS_X as usize;
                    sh_db[to] = db.extract(j);
                    sh_dc[to] = dc.extract(j);
                }
            }
            sync_cube();

            #[unroll]
            for i in 0..held {
                let place = place(&part, order, i, form);
                let element = min(place.element, area - 1);
                let mut y = sh_y[element];
                let mut gb = sh_gb[element];
                let mut gq = sh_gq[element];
                #[unroll]
                for group in 1..comptime!(tile.groups) {
                    y += sh_y[element + comptime!(group * area)];
                    gb += sh_gb[element + comptime!(group * area)];
                    gq += sh_gq[element + comptime!(group * area)];
                }
                let input = sh_u[element];
                let dy = sh_dy[element];
                let mut d_input = sh_delta[element] * gb;
                let mut d_size = fma(input, gb, gq * comptime!(1.0 / form.units.exponent_scale()));
                if comptime!(form.softplus) {
                    let raw = biased(f32::cast_from(held_delta[i]), bias, place.channel, form);
                    d_size *= sigmoid(raw, form.units);
                }
                if comptime!(form.skip) {
                    let coefficient = skip[place.channel];
                    d_input = fma(coefficient, dy, d_input);
                    y = fma(coefficient, input, y);
                    d_skip[comptime!(i % columns)] += select(place.inside, dy * input, 0.0);
                }
                if comptime!(form.bias) {
                    d_bias[comptime!(i % columns)] += select(place.inside, d_size, 0.0);
                }
                if place.inside {
                    let row = part.batch * extent.length + position(&extent, place.number, reverse);
                    let target = row * extent.channels + place.channel;
                    grads[target] = F::cast_from(d_input);
                    grads[elements + target] = F::cast_from(d_size);
                    if comptime!(form.gate) {
                        let gate = f32::cast_from(held_z[i]);
                        let s = sigmoid(gate, form.units);
                        let dz = f32::cast_from(held_grad[i]) * y * s * fma(gate, 1.0 - s, 1.0);
                        grads[2 * elements + target] = F::cast_from(dz);
                    }
                }
            }
            reduce_lanes::<F>(&sh_db, partials, offsets.b, order, &extent, &part, form);
            reduce_lanes::<F>(&sh_dc, partials, offsets.c, order, &extent, &part, form);
            sync_cube();
        }
    }

    let row = part.batch * extent.chunks + part.chunk;
    write_partial::<S>(partials, &d_rates, offsets.a, row, &extent, &part, form);
    if part.chunk == 0 {
        write_partial::<S>(
            partials,
            &carry,
            offsets.state,
            part.batch,
            &extent,
            &part,
            form,
        );
    }

    // Units whose elements lie in the same channels.
    #[unroll]
    for i in 0..columns {
        sync_cube();
        sh_y[UNIT_POS as usize] = d_skip[i];
        sh_gb[UNIT_POS as usize] = d_bias[i];
        sync_cube();
        let channel = part.channel + comptime!(i * units) + UNIT_POS as usize;
        let inside = UNIT_POS < comptime!(if width < units { width } else { units }) as u32;
        if inside && channel < part.channel_end {
            let mut skip_sum = f32::new(0.0);
            let mut bias_sum = f32::new(0.0);
            #[unroll]
            for other in 0..comptime!(if width < units { units / width } else { 1 }) {
                skip_sum += sh_y[UNIT_POS as usize + comptime!(other * width)];
                bias_sum += sh_gb[UNIT_POS as usize + comptime!(other * width)];
            }
            let to = row * extent.channels + channel;
            partials[offsets.skip + to] = skip_sum;
            partials[offsets.bias + to] = bias_sum;
        }
    }
}

/// Where the partial sums of each gradient start, in elements.
#[derive(CubeType, CubeLaunch, Clone, Copy, Debug)]
pub(super) struct Partials {
    /// `[blocks, B, L, G, N]`, over the blocks of a group.
    pub b: usize,
    /// Like `b`.
    pub c: usize,
    /// `[B · chunks, N, D]`
    pub a: usize,
    /// `[B · chunks, D]`
    pub skip: usize,
    /// `[B · chunks, D]`
    pub bias: usize,
    /// `[B, N, D]`; nothing to sum.
    pub state: usize,
}

/// Reads this unit's states from the rows `row + n` of an `[.., D]` matrix.
#[cube]
fn read_states<S: Size>(
    source: &[f32],
    state: &mut Array<Vector<f32, S>>,
    row: usize,
    extent: &Extent,
    part: &Part,
    #[comptime] form: Form,
) {
    #[unroll]
    for i in 0..comptime!(form.tile.channels) {
        let channel = part.channel + UNIT_POS_X as usize + comptime!(i * form.tile.lanes);
        let mut vector = Vector::<f32, S>::new(0.0);
        #[unroll]
        for j in 0..S::value() {
            let n = UNIT_POS_Y as usize * comptime!(form.tile.states) + j;
            if channel < part.channel_end && n < extent.states {
                vector.insert(j, source[(row + n) * extent.channels + channel]);
            }
        }
        state[i] = vector;
    }
}

/// Writes one value per state and channel of this unit to row `row` of a `[rows, N, D]` block.
#[cube]
fn write_partial<S: Size>(
    partials: &mut [f32],
    values: &Array<Vector<f32, S>>,
    offset: usize,
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
                let at = (row * extent.states + n) * extent.channels + channel;
                partials[offset + at] = values[i].extract(j);
            }
        }
    }
}

/// Sums the lanes' parts of a gradient of B or C over one tile.
#[cube]
fn reduce_lanes<F: Float>(
    shared: &Shared<[f32]>,
    partials: &mut [f32],
    offset: usize,
    order: usize,
    extent: &Extent,
    part: &Part,
    #[comptime] form: Form,
) {
    let tile = comptime!(form.tile);
    let states = comptime!(tile.padded_states());
    let sums = comptime!(tile.steps * states);
    let units = comptime!(tile.units());
    let pitch = comptime!(tile.lanes + 1);
    let per_group = (extent.channels / extent.groups).div_ceil(comptime!(tile.width()));
    #[unroll]
    for i in 0..comptime!(sums.div_ceil(units)) {
        let index = i * units + UNIT_POS as usize;
        if index < sums {
            let number = order + index / states;
            let n = index % states;
            if number < part.to && n < extent.states {
                let mut total = f32::new(0.0);
                #[unroll]
                for lane in 0..comptime!(tile.lanes) {
                    total += shared[index * pitch + lane];
                }
                let block = part.block % per_group;
                let token = (block * extent.batch + part.batch) * extent.length
                    + position(extent, number, form.reverse);
                let at = (token * extent.groups + part.group) * extent.states + n;
                partials[offset + at] = total;
            }
        }
    }
}

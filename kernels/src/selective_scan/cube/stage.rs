//! Loading a tile of steps into shared memory, and a unit's constants into registers.

use cubecl::prelude::*;

use super::form::{Extent, Form, Part, position};
use crate::cube::math::softplus;

/// `delta + bias`, if there is a bias.
#[cube]
pub(super) fn biased(delta: f32, bias: &[f32], channel: usize, #[comptime] form: Form) -> f32 {
    if comptime!(form.bias) {
        delta + bias[channel]
    } else {
        delta
    }
}

/// The step size: the softplus of its raw value, if wanted.
#[cube]
pub(super) fn step_size(raw: f32, #[comptime] form: Form) -> f32 {
    if comptime!(form.softplus) {
        softplus(raw, form.units)
    } else {
        raw
    }
}

/// This unit's decay rates, scaled for [`exponential`](crate::cube::math::exponential): one vector
/// of states per channel. Zero, which is neutral, outside of the problem.
#[cube]
pub(super) fn load_rates<S: Size>(
    a: &[f32],
    extent: &Extent,
    part: &Part,
    #[comptime] form: Form,
) -> Array<Vector<f32, S>> {
    let scale = comptime!(form.units.exponent_scale());
    let mut rates = Array::<Vector<f32, S>>::new(comptime!(form.tile.channels));
    #[unroll]
    for i in 0..comptime!(form.tile.channels) {
        let channel = part.channel + UNIT_POS_X as usize + comptime!(i * form.tile.lanes);
        let mut vector = Vector::<f32, S>::new(0.0);
        #[unroll]
        for j in 0..S::value() {
            let state = UNIT_POS_Y as usize * comptime!(form.tile.states) + j;
            if channel < part.channel_end && state < extent.states {
                vector.insert(j, a[channel * extent.states + state] * scale);
            }
        }
        rates[i] = vector;
    }
    rates
}

/// Where a unit's elements of a channel tile lie. The loads of a tile are all issued before the first
/// is used, so they stand outside of branches: beyond the problem, they read its last element.
#[derive(CubeType, Clone, Copy)]
pub(super) struct Place {
    /// Index in the tile.
    pub element: usize,
    /// Processing order, at most the part's last.
    pub number: usize,
    /// Channel, at most the part's last.
    pub channel: usize,
    /// True inside of the problem.
    pub inside: bool,
}

/// The place of this unit's element number `i` of the tile that starts at processing order `order`.
#[cube]
pub(super) fn place(part: &Part, order: usize, i: usize, #[comptime] form: Form) -> Place {
    let width = comptime!(form.tile.width());
    let element = i * comptime!(form.tile.units()) + UNIT_POS as usize;
    let number = order + element / width;
    let channel = part.channel + element % width;
    Place {
        element,
        number: min(number, part.to - 1),
        channel: min(channel, part.channel_end - 1),
        inside: number < part.to && channel < part.channel_end,
    }
}

/// A unit's elements of one tile of `source`, `[B, rows, D]`.
#[cube]
pub(super) fn fetch<F: Float>(
    source: &[F],
    rows: usize,
    values: &mut Array<F>,
    extent: &Extent,
    part: &Part,
    order: usize,
    #[comptime] reverse: bool,
    #[comptime] form: Form,
) {
    #[unroll]
    for i in 0..comptime!(form.held()) {
        let place = place(part, order, i, form);
        let row = part.batch * rows + position(extent, place.number, reverse);
        values[i] = source[row * extent.channels + place.channel];
    }
}

/// A unit's part of one tile of B or C, zero beyond the states.
#[cube]
pub(super) fn fetch_matrix<F: Float, S: Size>(
    matrix: &[F],
    values: &mut Array<Vector<F, S>>,
    extent: &Extent,
    part: &Part,
    order: usize,
    #[comptime] reverse: bool,
    #[comptime] form: Form,
) {
    let groups = comptime!(form.tile.groups);
    #[unroll]
    for i in 0..comptime!(form.held_rows()) {
        let index = i * comptime!(form.tile.units()) + UNIT_POS as usize;
        let number = min(order + index / groups, part.to - 1);
        let first = (index % groups) * comptime!(form.tile.states);
        let token = part.batch * extent.length + position(extent, number, reverse);
        let row = (token * extent.groups + part.group) * extent.states;
        let mut vector = Vector::<F, S>::new(F::new(0.0));
        #[unroll]
        for j in 0..S::value() {
            if comptime!(form.whole_states) {
                vector.insert(j, matrix[row + first + j]);
            } else {
                let value = matrix[row + min(first + j, extent.states - 1)];
                vector.insert(j, select(first + j < extent.states, value, F::new(0.0)));
            }
        }
        values[i] = vector;
    }
}

/// Hands fetched rows of B or C to the cube. Rows beyond the part repeat its last one; the inputs
/// there are zero.
#[cube]
pub(super) fn share_matrix<F: Float, S: Size>(
    values: &Array<Vector<F, S>>,
    shared: &mut Shared<[Vector<f32, S>]>,
    #[comptime] form: Form,
) {
    let vectors = comptime!(form.tile.steps * form.tile.groups);
    #[unroll]
    for i in 0..comptime!(form.held_rows()) {
        let index = i * comptime!(form.tile.units()) + UNIT_POS as usize;
        if comptime!(vectors % form.tile.units() == 0) {
            shared[index] = Vector::cast_from(values[i]);
        } else if index < vectors {
            shared[index] = Vector::cast_from(values[i]);
        }
    }
}

/// Loads the border marks of a tile: zero where no state may pass from the step before, else one.
/// With `descending`, `order` counts from the last processed token backwards.
#[cube]
pub(super) fn load_borders(
    reset: &[f32],
    shared: &mut Shared<[f32]>,
    extent: &Extent,
    part: &Part,
    order: usize,
    #[comptime] descending: bool,
    #[comptime] form: Form,
) {
    let units = comptime!(form.tile.units());
    #[unroll]
    for i in 0..comptime!(form.tile.steps.div_ceil(units)) {
        let step = i * units + UNIT_POS as usize;
        if step < comptime!(form.tile.steps) {
            let mut passes = f32::new(1.0);
            if order + step < part.to {
                let number = position(extent, order + step, descending);
                // A mark stands at the first token of a sequence. Forward, the border lies in front
                // of the marked token; in reverse, in front of the one processed after it.
                if comptime!(form.reverse) {
                    if number > 0 {
                        let marked = part.batch * extent.length + extent.length - number;
                        passes = 1.0 - reset[marked];
                    }
                } else {
                    passes = 1.0 - reset[part.batch * extent.length + number];
                }
            }
            shared[step] = passes;
        }
    }
}

/// The sum of the products of two vectors' elements.
#[cube]
pub(super) fn dot<S: Size>(x: Vector<f32, S>, y: Vector<f32, S>) -> f32 {
    let mut sum = x.extract(0usize) * y.extract(0usize);
    #[unroll]
    for j in 1..S::value() {
        sum = fma(x.extract(j), y.extract(j), sum);
    }
    sum
}

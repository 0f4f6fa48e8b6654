//! A unit's states: one vector per channel of its column.

use cubecl::prelude::*;

use super::form::{Walk, own_column};

/// Decay rates, scaled for [`exponential`](crate::cube::math::exponential). Zero, which is neutral,
/// outside of the problem.
#[cube]
pub(super) fn load_rates<S: Size, C: Size>(a: &[f32], walk: &Walk) -> Array<Vector<f32, S>> {
    let form = comptime!(walk.form);
    let extent = &walk.extent;
    let part = &walk.part;
    let scale = comptime!(form.units.exponent_scale());
    let mut rates = Array::<Vector<f32, S>>::new(C::value());
    let column = own_column(part);
    #[unroll]
    for i in 0..C::value() {
        let mut vector = Vector::<f32, S>::new(0.0);
        #[unroll]
        for j in 0..S::value() {
            let state = UNIT_POS_Y as usize * comptime!(form.tile.states) + j;
            if column < part.column_end && state < extent.states {
                vector.insert(
                    j,
                    a[((part.parameters + column) * C::value() + i) * extent.states + state]
                        * scale,
                );
            }
        }
        rates[i] = vector;
    }
    rates
}

/// Zeros.
#[cube]
pub(super) fn no_states<S: Size, C: Size>() -> Array<Vector<f32, S>> {
    let mut states = Array::<Vector<f32, S>>::new(C::value());
    #[unroll]
    for i in 0..C::value() {
        states[i] = Vector::new(0.0);
    }
    states
}

/// Reads states from the rows `row + n` of an `[.., D]` matrix.
#[cube]
pub(super) fn read_states<F: Float, S: Size, C: Size>(
    source: &[Vector<F, C>],
    states: &mut Array<Vector<f32, S>>,
    row: usize,
    walk: &Walk,
) {
    let form = comptime!(walk.form);
    let extent = &walk.extent;
    let part = &walk.part;
    let column = own_column(part);
    #[unroll]
    for j in 0..S::value() {
        let n = UNIT_POS_Y as usize * comptime!(form.tile.states) + j;
        let mut values = Vector::<f32, C>::new(0.0);
        if column < part.column_end && n < extent.states {
            values = Vector::cast_from(source[(row + n) * extent.columns + column]);
        }
        #[unroll]
        for i in 0..C::value() {
            let mut vector = states[i];
            vector.insert(j, values.extract(i));
            states[i] = vector;
        }
    }
}

/// Writes states to the rows `row + n` of an `[.., D]` matrix that starts at column `offset`.
#[cube]
pub(super) fn write_states<F: Float, S: Size, C: Size>(
    target: &mut [Vector<F, C>],
    offset: usize,
    states: &Array<Vector<f32, S>>,
    row: usize,
    walk: &Walk,
) {
    let form = comptime!(walk.form);
    let extent = &walk.extent;
    let part = &walk.part;
    let column = own_column(part);
    #[unroll]
    for j in 0..S::value() {
        let n = UNIT_POS_Y as usize * comptime!(form.tile.states) + j;
        let mut values = Vector::<f32, C>::new(0.0);
        #[unroll]
        for i in 0..C::value() {
            values.insert(i, states[i].extract(j));
        }
        if column < part.column_end && n < extent.states {
            target[offset + (row + n) * extent.columns + column] = Vector::cast_from(values);
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

//! Loads of a row, and sums over it.

use cubecl::prelude::*;

use super::form::{Extent, Form, Layout};

/// This unit's vectors of a row, zero in places beyond the row.
#[cube]
pub(super) fn load<F: Float, C: Size>(
    source: &[Vector<F, C>],
    layout: &Layout,
    row: usize,
    extent: &Extent,
    #[comptime] form: Form,
) -> Array<Vector<f32, C>> {
    let mut values = Array::<Vector<f32, C>>::new(comptime!(form.held));
    let at = layout.first + row * layout.pitch;
    #[unroll]
    for i in 0..comptime!(form.held) {
        let vector = place(extent, i, form);
        let value = Vector::<f32, C>::cast_from(source[at + vector]);
        if comptime!(form.even) {
            values[i] = value;
        } else {
            values[i] = select(inside(extent, i, form), value, Vector::new(0.0));
        }
    }
    values
}

/// The vector of the row in this unit's place `i`, at most the last.
#[cube]
pub(super) fn place(extent: &Extent, #[comptime] i: usize, #[comptime] form: Form) -> usize {
    let vector = comptime!(i * form.lanes) + UNIT_POS_X as usize;
    if comptime!(form.even) {
        vector
    } else {
        min(vector, extent.vectors - 1)
    }
}

/// True if the place is within the row.
#[cube]
pub(super) fn inside(extent: &Extent, #[comptime] i: usize, #[comptime] form: Form) -> bool {
    comptime!(i * form.lanes) + (UNIT_POS_X as usize) < extent.vectors
}

/// The sum of a vector's elements.
#[cube]
fn across<C: Size>(vector: Vector<f32, C>) -> f32 {
    let mut sum = vector.extract(0usize);
    #[unroll]
    for i in 1..C::value() {
        sum += vector.extract(i);
    }
    sum
}

/// The sum of `value` over the units of this unit's row, the same in each.
#[cube]
pub(super) fn over_row<C: Size>(
    value: Vector<f32, C>,
    shared: &mut Shared<[f32]>,
    #[comptime] form: Form,
) -> f32 {
    let row = UNIT_POS_Y as usize * comptime!(form.lanes);
    // Nobody overwrites what others still read.
    sync_cube();
    shared[row + UNIT_POS_X as usize] = across::<C>(value);
    sync_cube();
    let mut sum = f32::new(0.0);
    #[unroll]
    for lane in 0..comptime!(form.lanes) {
        sum += shared[row + lane];
    }
    sum
}

/// The row less its mean, for layer norm; and one over the root of its mean square plus ε.
#[cube]
pub(super) fn normalise<C: Size>(
    values: &mut Array<Vector<f32, C>>,
    shared: &mut Shared<[f32]>,
    extent: &Extent,
    #[comptime] form: Form,
) -> f32 {
    if comptime!(form.layer) {
        let mut total = Vector::<f32, C>::new(0.0);
        #[unroll]
        for i in 0..comptime!(form.held) {
            total += values[i];
        }
        let mean = over_row::<C>(total, shared, form) / extent.width;
        #[unroll]
        for i in 0..comptime!(form.held) {
            let centred = values[i] - Vector::new(mean);
            if comptime!(form.even) {
                values[i] = centred;
            } else {
                values[i] = select(inside(extent, i, form), centred, Vector::new(0.0));
            }
        }
    }
    let mut squares = Vector::<f32, C>::new(0.0);
    #[unroll]
    for i in 0..comptime!(form.held) {
        squares = fma(values[i], values[i], squares);
    }
    let mean_square = over_row::<C>(squares, shared, form) / extent.width;
    f32::new(1.0) / (mean_square + extent.epsilon).sqrt()
}

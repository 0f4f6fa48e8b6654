//! A unit's part of a row. Its loads stand outside of branches, so that they are under way together: beyond
//! the row they read its last vector again.

use cubecl::prelude::*;

use super::form::{Extent, Form, Place, vector};

/// Reads a unit's vectors of the row that starts at vector `start`.
#[cube]
pub(super) fn load<F: Float, S: Size>(
    source: &[Vector<F, S>],
    values: &mut Array<Vector<F, S>>,
    start: usize,
    extent: &Extent,
    #[comptime] form: Form,
) {
    #[unroll(form.unroll())]
    for i in 0..comptime!(form.share) {
        values[i] = source[start + min(vector(i, form), extent.vectors - 1)];
    }
}

/// Writes a vector of a unit's row to a row-major tensor, if there is such a row and vector.
#[cube]
pub(super) fn store<F: Float, S: Size>(
    target: &mut [Vector<F, S>],
    value: Vector<F, S>,
    extent: &Extent,
    place: &Place,
    vector: usize,
) {
    if place.inside && vector < extent.vectors {
        target[place.row * extent.vectors + vector] = value;
    }
}

/// The vector as numbers of 32 bits, zero beyond the row.
#[cube]
pub(super) fn inside<F: Float, S: Size>(
    value: Vector<F, S>,
    vector: usize,
    extent: &Extent,
) -> Vector<f32, S> {
    select(
        vector < extent.vectors,
        Vector::cast_from(value),
        Vector::new(0.0),
    )
}

/// Subtracts `mean` from a unit's vectors, but beyond the row.
#[cube]
pub(super) fn centre<S: Size>(
    x: &mut Array<Vector<f32, S>>,
    mean: f32,
    extent: &Extent,
    #[comptime] form: Form,
) {
    #[unroll(form.unroll())]
    for i in 0..comptime!(form.share) {
        x[i] = inside(x[i] - Vector::new(mean), vector(i, form), extent);
    }
}

/// The sum of a unit's vectors.
#[cube]
pub(super) fn sum<S: Size>(x: &Array<Vector<f32, S>>, #[comptime] form: Form) -> Vector<f32, S> {
    let mut sum = Vector::<f32, S>::new(0.0);
    #[unroll(form.unroll())]
    for i in 0..comptime!(form.share) {
        sum += x[i];
    }
    sum
}

/// The sum of the products of a unit's vectors.
#[cube]
pub(super) fn dot<S: Size>(
    x: &Array<Vector<f32, S>>,
    y: &Array<Vector<f32, S>>,
    #[comptime] form: Form,
) -> Vector<f32, S> {
    let mut sum = Vector::<f32, S>::new(0.0);
    #[unroll(form.unroll())]
    for i in 0..comptime!(form.share) {
        sum = fma(x[i], y[i], sum);
    }
    sum
}

//! Sum and norm of every row.

use cubecl::prelude::*;

use super::form::{Extent, Form, Layout};
use super::row::{inside, load, normalise, place};

/// Writes the normalised sum and the sum, both row-major. Rows are stored before they are normalised, so
/// that the norm is of what the backward pass reads.
#[cube(launch_unchecked, address_type = "dynamic")]
pub(super) fn forward_kernel<F: Float, R: Float, C: Size>(
    hidden: &[Vector<F, C>],
    residual: &[Vector<R, C>],
    scale: &[f32],
    weight: &[Vector<f32, C>],
    bias: &[Vector<f32, C>],
    normal: &mut [Vector<F, C>],
    sum: &mut [Vector<R, C>],
    extent: Extent,
    hidden_layout: Layout,
    residual_layout: Layout,
    #[comptime] form: Form,
    #[define(F, R)] _dtypes: [ElemType; 2],
) {
    let number = CUBE_POS * comptime!(form.rows) + UNIT_POS_Y as usize;
    // A surplus row repeats the last one, and is not written.
    let row = min(number, extent.rows - 1);
    let mut shared = Shared::<[f32]>::new_slice(comptime!(form.lanes * form.rows));

    let mut values = load::<F, C>(hidden, &hidden_layout, row, &extent, form);
    if comptime!(form.scale) {
        let factor = scale[row / extent.length];
        #[unroll]
        for i in 0..comptime!(form.held) {
            values[i] *= Vector::new(factor);
        }
    }
    if comptime!(form.residual) {
        let stream = load::<R, C>(residual, &residual_layout, row, &extent, form);
        #[unroll]
        for i in 0..comptime!(form.held) {
            values[i] += stream[i];
        }
    }
    #[unroll]
    for i in 0..comptime!(form.held) {
        let stored = Vector::<R, C>::cast_from(values[i]);
        values[i] = Vector::cast_from(stored);
        if number < extent.rows && inside(&extent, i, form) {
            sum[row * extent.vectors + place(&extent, i, form)] = stored;
        }
    }
    let factor = normalise::<C>(&mut values, &mut shared, &extent, form);
    #[unroll]
    for i in 0..comptime!(form.held) {
        let vector = place(&extent, i, form);
        let mut result = values[i] * Vector::new(factor) * weight[vector];
        if comptime!(form.bias) {
            result += bias[vector];
        }
        if number < extent.rows && inside(&extent, i, form) {
            normal[row * extent.vectors + vector] = Vector::cast_from(result);
        }
    }
}

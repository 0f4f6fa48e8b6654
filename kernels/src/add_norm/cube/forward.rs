//! Sum and norm, each row read once.

use cubecl::prelude::*;

use super::form::{Extent, Form, place, row_factor, vector};
use super::reduce::{sum_elements, sum_lanes};
use super::row::{centre, dot, inside, load, store, sum};

/// Writes the normalised state and, if `form.sum`, the sum; both `[B, L, D]`.
#[cube(launch_unchecked, address_type = "dynamic")]
pub(super) fn forward_kernel<F: Float, R: Float, S: Size>(
    hidden: &[Vector<F, S>],
    residual: &[Vector<R, S>],
    row_scale: &[f32],
    weight: &[Vector<f32, S>],
    bias: &[Vector<f32, S>],
    out: &mut [Vector<F, S>],
    stream: &mut [Vector<R, S>],
    hidden_pitch: usize,
    residual_pitch: usize,
    extent: Extent,
    cubes: usize,
    #[comptime] form: Form,
    #[define(F, R)] _dtypes: [ElemType; 2],
) {
    if CUBE_POS >= cubes {
        terminate!();
    }
    let place = place(&extent, CUBE_POS, form);
    let share = comptime!(form.share);

    let mut hiddens = Array::<Vector<F, S>>::new(share);
    let mut residuals = Array::<Vector<R, S>>::new(share);
    let mut weights = Array::<Vector<f32, S>>::new(share);
    let mut biases = Array::<Vector<f32, S>>::new(share);
    load(
        hidden,
        &mut hiddens,
        place.row * hidden_pitch,
        &extent,
        form,
    );
    if comptime!(form.residual) {
        let start = place.row * residual_pitch;
        load(residual, &mut residuals, start, &extent, form);
    }
    load(weight, &mut weights, 0usize, &extent, form);
    if comptime!(form.bias) {
        load(bias, &mut biases, 0usize, &extent, form);
    }
    let factor = row_factor(row_scale, &extent, place.row, form);

    let mut x = Array::<Vector<f32, S>>::new(share);
    #[unroll(form.unroll())]
    for i in 0..share {
        let mut total = Vector::<f32, S>::cast_from(hiddens[i]);
        if comptime!(form.scaled) {
            total *= Vector::new(factor);
        }
        if comptime!(form.residual) {
            total += Vector::cast_from(residuals[i]);
        }
        // The norm is that of the sum as it is stored.
        let stored = Vector::<R, S>::cast_from(total);
        let vector = vector(i, form);
        x[i] = inside(stored, vector, &extent);
        if comptime!(form.sum) {
            store(stream, stored, &extent, &place, vector);
        }
    }

    let mut shared = Shared::<[Vector<f32, Const<1>>]>::new_slice(comptime!(form.exchange()));
    if comptime!(form.layer) {
        let own = Vector::new(sum_elements(sum(&x, form)));
        let total = sum_lanes(&mut shared, own, 0usize, form);
        centre(
            &mut x,
            total.extract(0usize) * extent.inverse,
            &extent,
            form,
        );
    }
    let own = Vector::new(sum_elements(dot(&x, &x, form)));
    let squares = sum_lanes(&mut shared, own, 1usize, form);
    let variance = squares.extract(0usize) * extent.inverse;
    let scale = f32::new(1.0) / (variance + extent.epsilon).sqrt();

    #[unroll(form.unroll())]
    for i in 0..share {
        let mut y = x[i] * Vector::new(scale) * weights[i];
        if comptime!(form.bias) {
            y += biases[i];
        }
        store(
            out,
            Vector::<F, S>::cast_from(y),
            &extent,
            &place,
            vector(i, form),
        );
    }
}

//! Gradients of the norm. With x̂ the normalised row, ρ = 1 / √(mean square + ε) and g = dy ⊙ w:
//!
//! ```text
//! dr = ρ (g − x̂ mean(g x̂))        for layer norm less mean(g)
//! dw = Σ dy ⊙ x̂                   dbias = Σ dy
//! ```

use cubecl::prelude::*;

use super::form::{Extent, Form, Layout};
use super::row::{inside, load, normalise, over_row, place};

/// Writes the gradient of the sum, row-major; and, for every row of units, its part of the gradients of
/// weight and bias, `[parts, 1 or 2, D]`.
#[cube(launch_unchecked, address_type = "dynamic")]
pub(super) fn backward_kernel<F: Float, R: Float, C: Size>(
    sum: &[Vector<R, C>],
    weight: &[Vector<f32, C>],
    grad: &[Vector<F, C>],
    d_sum: &mut [Vector<R, C>],
    partials: &mut [Vector<f32, C>],
    extent: Extent,
    sum_layout: Layout,
    grad_layout: Layout,
    parts: usize,
    #[comptime] form: Form,
    #[define(F, R)] _dtypes: [ElemType; 2],
) {
    let part = CUBE_POS * comptime!(form.rows) + UNIT_POS_Y as usize;
    let mut shared = Shared::<[f32]>::new_slice(comptime!(form.lanes * form.rows));
    let mut weights = Array::<Vector<f32, C>>::new(comptime!(form.held));
    let mut d_weight = Array::<Vector<f32, C>>::new(comptime!(form.held));
    let mut d_bias = Array::<Vector<f32, C>>::new(comptime!(form.held));
    #[unroll]
    for i in 0..comptime!(form.held) {
        weights[i] = weight[place(&extent, i, form)];
        d_weight[i] = Vector::new(0.0);
        d_bias[i] = Vector::new(0.0);
    }

    // All units of a cube take as many rounds, because they meet in sums over their rows.
    let rounds = extent.rows.div_ceil(parts);
    for round in 0..rounds {
        let number = round * parts + part;
        let row = min(number, extent.rows - 1);
        let counts = number < extent.rows && part < parts;
        let mut values = load::<R, C>(sum, &sum_layout, row, &extent, form);
        let dy = load::<F, C>(grad, &grad_layout, row, &extent, form);
        let factor = normalise::<C>(&mut values, &mut shared, &extent, form);

        let mut along = Vector::<f32, C>::new(0.0);
        let mut total = Vector::<f32, C>::new(0.0);
        #[unroll]
        for i in 0..comptime!(form.held) {
            values[i] *= Vector::new(factor);
            let g = dy[i] * weights[i];
            along = fma(g, values[i], along);
            total += g;
            let weighted = dy[i] * values[i];
            d_weight[i] += select(counts, weighted, Vector::new(0.0));
            if comptime!(form.bias) {
                d_bias[i] += select(counts, dy[i], Vector::new(0.0));
            }
        }
        let along = over_row::<C>(along, &mut shared, form) / extent.width;
        let mut mean = f32::new(0.0);
        if comptime!(form.layer) {
            mean = over_row::<C>(total, &mut shared, form) / extent.width;
        }
        #[unroll]
        for i in 0..comptime!(form.held) {
            let g = dy[i] * weights[i];
            let through = g - values[i] * Vector::new(along) - Vector::new(mean);
            if counts && inside(&extent, i, form) {
                d_sum[row * extent.vectors + place(&extent, i, form)] =
                    Vector::cast_from(through * Vector::new(factor));
            }
        }
    }

    let sums = comptime!(if form.bias { 2usize } else { 1usize });
    #[unroll]
    for i in 0..comptime!(form.held) {
        if part < parts && inside(&extent, i, form) {
            let at = part * sums * extent.vectors + place(&extent, i, form);
            partials[at] = d_weight[i];
            if comptime!(form.bias) {
                partials[at + extent.vectors] = d_bias[i];
            }
        }
    }
}

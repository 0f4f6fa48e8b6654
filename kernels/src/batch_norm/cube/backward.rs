//! Sums over parts of the rows, their totals, and the gradient of the rows.

use cubecl::prelude::*;

use super::form::{Extent, Form, TOGETHER, UNITS, inverse, is_real, place};

/// Distances from one row to the next, in vectors.
#[derive(CubeType, CubeLaunch, Clone, Copy, Debug)]
pub(super) struct Pitches {
    pub x: usize,
    pub d_y: usize,
}

/// Two sums of a column.
#[derive(CubeType)]
struct Sums<N: Size> {
    /// `Σ dy x̂`
    weight: Vector<f32, N>,
    /// `Σ dy`
    bias: Vector<f32, N>,
}

/// Sums of all units of a column, by halves; those of unit `(x, 0)` are right.
#[cube]
fn of_cube<N: Size>(own: Sums<N>, #[comptime] form: Form) -> Sums<N> {
    let mut weights = Shared::<[Vector<f32, N>]>::new_slice(UNITS);
    let mut biases = Shared::<[Vector<f32, N>]>::new_slice(UNITS);
    let unit = UNIT_POS as usize;
    let mut weight = own.weight;
    let mut bias = own.bias;
    weights[unit] = weight;
    biases[unit] = bias;
    sync_cube();
    #[unroll]
    for round in 0..comptime!(form.side.ilog2() as usize) {
        let others = comptime!(form.side >> (round + 1));
        if (UNIT_POS_Y as usize) < others {
            let other = unit + comptime!(others * form.lanes);
            weight += weights[other];
            bias += biases[other];
            weights[unit] = weight;
            biases[unit] = bias;
        }
        sync_cube();
    }
    Sums::<N> { weight, bias }
}

/// Writes `Σ dy x̂` and `Σ dy` of every part, `[parts, 2, D]`.
#[cube(launch_unchecked, address_type = "dynamic")]
pub(super) fn sums_kernel<F: Float, N: Size>(
    x: &[Vector<F, N>],
    d_y: &[Vector<F, N>],
    mean: &[Vector<f32, N>],
    variance: &[Vector<f32, N>],
    real: &[f32],
    sums: &mut [Vector<f32, N>],
    pitches: Pitches,
    epsilon: f32,
    extent: Extent,
    #[comptime] form: Form,
    #[define(F)] _dtype: ElemType,
) {
    let place = place(&extent, form);
    let centre = mean[place.column];
    let scale = inverse(variance[place.column], epsilon);
    let mut weight = Vector::<f32, N>::new(0.0);
    let mut bias = Vector::<f32, N>::new(0.0);
    let mut row = place.row;
    while row < place.end {
        #[unroll]
        for i in 0..comptime!(TOGETHER) {
            let wanted = row + comptime!(i * form.side);
            let at = min(wanted, place.end - 1);
            let value = Vector::<f32, N>::cast_from(x[at * pitches.x + place.column]);
            let grad = Vector::<f32, N>::cast_from(d_y[at * pitches.d_y + place.column]);
            let counts = is_real(real, wanted, place.end, form);
            let normal = select(counts, (value - centre) * scale, Vector::new(0.0));
            let grad = select(counts, grad, Vector::new(0.0));
            weight = fma(grad, normal, weight);
            bias += grad;
        }
        row += comptime!(TOGETHER * form.side);
    }
    let all = of_cube::<N>(Sums::<N> { weight, bias }, form);
    if UNIT_POS_Y == 0 && place.inside {
        let at = 2 * CUBE_POS_Y as usize * extent.columns + place.column;
        sums[at] = all.weight;
        sums[at + extent.columns] = all.bias;
    }
}

/// Gradients of weight and bias, `[D]`, from the sums of the parts, which are the rows of `extent`; and what the gradient of a row takes:
/// with `s = 1 / √(variance + ε)`, `s w`, `db / n` and `s² w dw / n`, `[3, D]`.
#[cube(launch_unchecked, address_type = "dynamic")]
pub(super) fn totals_kernel<N: Size>(
    sums: &[Vector<f32, N>],
    variance: &[Vector<f32, N>],
    weight: &[Vector<f32, N>],
    count: &[f32],
    d_weight: &mut [Vector<f32, N>],
    d_bias: &mut [Vector<f32, N>],
    slopes: &mut [Vector<f32, N>],
    rows: f32,
    epsilon: f32,
    extent: Extent,
    #[comptime] form: Form,
) {
    let place = place(&extent, form);
    let mut own_weight = Vector::<f32, N>::new(0.0);
    let mut own_bias = Vector::<f32, N>::new(0.0);
    let mut part = place.row;
    while part < place.end {
        let at = 2 * part * extent.columns + place.column;
        own_weight += sums[at];
        own_bias += sums[at + extent.columns];
        part += comptime!(form.side);
    }
    let own = Sums::<N> {
        weight: own_weight,
        bias: own_bias,
    };
    let all = of_cube::<N>(own, form);
    if UNIT_POS_Y == 0 && place.inside {
        d_weight[place.column] = all.weight;
        d_bias[place.column] = all.bias;
        let n = if comptime!(form.masked) {
            count[0]
        } else {
            rows
        };
        let scale = inverse(variance[place.column], epsilon);
        let slope = scale * weight[place.column];
        let share = slope / Vector::new(n);
        slopes[place.column] = slope;
        slopes[place.column + extent.columns] = all.bias / Vector::new(n);
        slopes[place.column + 2 * extent.columns] = share * scale * all.weight;
    }
}

/// Writes the gradient of the rows, `[R, D]`, zeros for padding: with [`totals_kernel`]'s slopes a, b, c, `a (dy − b) − c (x − mean)`.
#[cube(launch_unchecked, address_type = "dynamic")]
pub(super) fn rows_kernel<F: Float, N: Size>(
    x: &[Vector<F, N>],
    d_y: &[Vector<F, N>],
    mean: &[Vector<f32, N>],
    slopes: &[Vector<f32, N>],
    real: &[f32],
    d_x: &mut [Vector<F, N>],
    pitches: Pitches,
    extent: Extent,
    #[comptime] form: Form,
    #[define(F)] _dtype: ElemType,
) {
    let place = place(&extent, form);
    let centre = mean[place.column];
    let slope = slopes[place.column];
    let shift = slopes[place.column + extent.columns];
    let drift = slopes[place.column + 2 * extent.columns];
    let mut row = place.row;
    while row < place.end {
        let mut values = Array::<Vector<F, N>>::new(TOGETHER);
        let mut grads = Array::<Vector<F, N>>::new(TOGETHER);
        #[unroll]
        for i in 0..comptime!(TOGETHER) {
            let at = min(row + comptime!(i * form.side), place.end - 1);
            values[i] = x[at * pitches.x + place.column];
            grads[i] = d_y[at * pitches.d_y + place.column];
        }
        #[unroll]
        for i in 0..comptime!(TOGETHER) {
            let at = row + comptime!(i * form.side);
            let centred = Vector::<f32, N>::cast_from(values[i]) - centre;
            let grad = Vector::<f32, N>::cast_from(grads[i]);
            // Equal numbers cancel exactly, as in a batch of one row.
            let grad = fma(grad - shift, slope, -drift * centred);
            let grad = select(is_real(real, at, place.end, form), grad, Vector::new(0.0));
            if place.inside && at < place.end {
                d_x[at * extent.columns + place.column] = Vector::cast_from(grad);
            }
        }
        row += comptime!(TOGETHER * form.side);
    }
}

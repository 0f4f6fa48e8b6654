//! Moments of parts of the rows, their union, and the normalised rows.

use cubecl::prelude::*;

use super::form::{Extent, Form, Place, TOGETHER, UNITS, inverse, is_real, place};

/// Count, mean and squared deviations from the mean, added up, of some rows.
#[derive(CubeType)]
struct Moments<N: Size> {
    count: f32,
    mean: Vector<f32, N>,
    squares: Vector<f32, N>,
}

/// Moments of the rows of both (Chan, Golub and LeVeque). Either may be of no rows.
#[cube]
fn union<N: Size>(a: Moments<N>, b: Moments<N>) -> Moments<N> {
    let count = a.count + b.count;
    let share = b.count / max(count, f32::new(1.0));
    let step = b.mean - a.mean;
    Moments::<N> {
        count,
        mean: fma(step, Vector::new(share), a.mean),
        squares: a.squares + b.squares + step * step * Vector::new(a.count * share),
    }
}

/// Moments of a few rows of a unit, in two passes over its registers.
#[cube]
fn of_rows<F: Float, N: Size>(
    x: &[Vector<F, N>],
    real: &[f32],
    pitch: usize,
    row: usize,
    place: &Place,
    #[comptime] form: Form,
) -> Moments<N> {
    let mut values = Array::<Vector<f32, N>>::new(TOGETHER);
    let mut weights = Array::<f32>::new(TOGETHER);
    #[unroll]
    for i in 0..comptime!(TOGETHER) {
        let at = row + comptime!(i * form.side);
        let value = Vector::<f32, N>::cast_from(x[min(at, place.end - 1) * pitch + place.column]);
        let counts = is_real(real, at, place.end, form);
        values[i] = select(counts, value, Vector::new(0.0));
        weights[i] = select(counts, f32::new(1.0), f32::new(0.0));
    }
    let mut count = f32::new(0.0);
    let mut sum = Vector::<f32, N>::new(0.0);
    #[unroll]
    for i in 0..comptime!(TOGETHER) {
        count += weights[i];
        sum += values[i];
    }
    let mean = sum / Vector::new(max(count, f32::new(1.0)));
    let mut squares = Vector::<f32, N>::new(0.0);
    #[unroll]
    for i in 0..comptime!(TOGETHER) {
        let centred = (values[i] - mean) * Vector::new(weights[i]);
        squares = fma(centred, centred, squares);
    }
    Moments::<N> {
        count,
        mean,
        squares,
    }
}

/// Moments of all units of a column, by halves; those of unit `(x, 0)` are right.
#[cube]
fn of_cube<N: Size>(own: Moments<N>, #[comptime] form: Form) -> Moments<N> {
    let mut counts = Shared::<[f32]>::new_slice(UNITS);
    let mut means = Shared::<[Vector<f32, N>]>::new_slice(UNITS);
    let mut deviations = Shared::<[Vector<f32, N>]>::new_slice(UNITS);
    let unit = UNIT_POS as usize;
    let mut count = own.count;
    let mut mean = own.mean;
    let mut squares = own.squares;
    counts[unit] = count;
    means[unit] = mean;
    deviations[unit] = squares;
    sync_cube();
    #[unroll]
    for round in 0..comptime!(form.side.ilog2() as usize) {
        let others = comptime!(form.side >> (round + 1));
        if (UNIT_POS_Y as usize) < others {
            let other = unit + comptime!(others * form.lanes);
            let both = union::<N>(
                Moments::<N> {
                    count,
                    mean,
                    squares,
                },
                Moments::<N> {
                    count: counts[other],
                    mean: means[other],
                    squares: deviations[other],
                },
            );
            count = both.count;
            mean = both.mean;
            squares = both.squares;
            counts[unit] = count;
            means[unit] = mean;
            deviations[unit] = squares;
        }
        sync_cube();
    }
    Moments::<N> {
        count,
        mean,
        squares,
    }
}

/// Writes count, mean and squared deviations of every part, `[parts, 3, D]`.
#[cube(launch_unchecked, address_type = "dynamic")]
pub(super) fn moments_kernel<F: Float, N: Size>(
    x: &[Vector<F, N>],
    real: &[f32],
    moments: &mut [Vector<f32, N>],
    pitch: usize,
    extent: Extent,
    #[comptime] form: Form,
    #[define(F)] _dtype: ElemType,
) {
    let place = place(&extent, form);
    let mut count = f32::new(0.0);
    let mut mean = Vector::<f32, N>::new(0.0);
    let mut squares = Vector::<f32, N>::new(0.0);
    let mut row = place.row;
    while row < place.end {
        let both = union::<N>(
            Moments::<N> {
                count,
                mean,
                squares,
            },
            of_rows::<F, N>(x, real, pitch, row, &place, form),
        );
        count = both.count;
        mean = both.mean;
        squares = both.squares;
        row += comptime!(TOGETHER * form.side);
    }
    let own = Moments::<N> {
        count,
        mean,
        squares,
    };
    let all = of_cube::<N>(own, form);
    if UNIT_POS_Y == 0 && place.inside {
        let at = 3 * CUBE_POS_Y as usize * extent.columns + place.column;
        moments[at] = Vector::new(all.count);
        moments[at + extent.columns] = all.mean;
        moments[at + 2 * extent.columns] = all.squares;
    }
}

/// Mean and variance of all rows, `[D]`, from the moments of their parts, which are the rows of `extent`.
#[cube(launch_unchecked, address_type = "dynamic")]
pub(super) fn statistics_kernel<N: Size>(
    moments: &[Vector<f32, N>],
    means: &mut [Vector<f32, N>],
    variances: &mut [Vector<f32, N>],
    unbiased: &mut [Vector<f32, N>],
    extent: Extent,
    #[comptime] form: Form,
) {
    let place = place(&extent, form);
    let mut count = f32::new(0.0);
    let mut mean = Vector::<f32, N>::new(0.0);
    let mut squares = Vector::<f32, N>::new(0.0);
    let mut part = place.row;
    while part < place.end {
        let at = 3 * part * extent.columns + place.column;
        let both = union::<N>(
            Moments::<N> {
                count,
                mean,
                squares,
            },
            Moments::<N> {
                count: moments[at].extract(0usize),
                mean: moments[at + extent.columns],
                squares: moments[at + 2 * extent.columns],
            },
        );
        count = both.count;
        mean = both.mean;
        squares = both.squares;
        part += comptime!(form.side);
    }
    let own = Moments::<N> {
        count,
        mean,
        squares,
    };
    let all = of_cube::<N>(own, form);
    if UNIT_POS_Y == 0 && place.inside {
        let one = f32::new(1.0);
        means[place.column] = all.mean;
        variances[place.column] = all.squares / Vector::new(max(all.count, one));
        unbiased[place.column] = all.squares / Vector::new(max(all.count - one, one));
    }
}

/// Writes `(x − mean) · w / √(variance + ε) + b`, `[R, D]`, and zeros in rows that are padding.
#[cube(launch_unchecked, address_type = "dynamic")]
pub(super) fn normalise_kernel<F: Float, N: Size>(
    x: &[Vector<F, N>],
    mean: &[Vector<f32, N>],
    variance: &[Vector<f32, N>],
    weight: &[Vector<f32, N>],
    bias: &[Vector<f32, N>],
    real: &[f32],
    y: &mut [Vector<F, N>],
    pitch: usize,
    epsilon: f32,
    extent: Extent,
    #[comptime] form: Form,
    #[define(F)] _dtype: ElemType,
) {
    let place = place(&extent, form);
    let centre = mean[place.column];
    let scale = inverse(variance[place.column], epsilon) * weight[place.column];
    let shift = bias[place.column];
    let mut row = place.row;
    while row < place.end {
        let mut values = Array::<Vector<F, N>>::new(TOGETHER);
        #[unroll]
        for i in 0..comptime!(TOGETHER) {
            let at = min(row + comptime!(i * form.side), place.end - 1);
            values[i] = x[at * pitch + place.column];
        }
        #[unroll]
        for i in 0..comptime!(TOGETHER) {
            let at = row + comptime!(i * form.side);
            let centred = Vector::<f32, N>::cast_from(values[i]) - centre;
            let value = fma(centred, scale, shift);
            let value = select(is_real(real, at, place.end, form), value, Vector::new(0.0));
            if place.inside && at < place.end {
                y[at * extent.columns + place.column] = Vector::cast_from(value);
            }
        }
        row += comptime!(TOGETHER * form.side);
    }
}

//! All gradients. With x̂ the row before weight and bias, recomputed from the sum, and g = dy · w:
//!
//! ```text
//! dr' = (g − mean(g) − x̂ mean(g x̂)) / √(var + ε) + dr'_elsewhere      (RMS norm: without mean(g))
//! dw  = Σ dy x̂        db = Σ dy        dr = dr'        dh = s_b dr'
//! ```

use cubecl::prelude::*;

use super::form::{Extent, Form, place, row_factor, vector};
use super::reduce::{sum_elements, sum_lanes};
use super::row::{centre, dot, inside, load, store, sum};

/// Where the rows of an operand lie, in vectors.
#[derive(CubeType, CubeLaunch, Clone, Copy, Debug)]
pub(super) struct Pitches {
    /// From one row of the sum to the next.
    pub stream: usize,
    /// From one row of the normalised state's gradient to the next.
    pub d_out: usize,
    /// From one row of the sum's gradient to the next.
    pub d_stream: usize,
}

/// What a unit has of a row, as it lies in memory.
#[derive(CubeType)]
struct Loaded<F: Float, R: Float, S: Size> {
    stream: Array<Vector<R, S>>,
    d_out: Array<Vector<F, S>>,
    d_stream: Array<Vector<R, S>>,
}

#[cube]
impl<F: Float, R: Float, S: Size> Loaded<F, R, S> {
    fn new(#[comptime] form: Form) -> Self {
        Loaded::<F, R, S> {
            stream: Array::new(comptime!(form.share)),
            d_out: Array::new(comptime!(form.share)),
            d_stream: Array::new(comptime!(form.share)),
        }
    }

    fn take(&mut self, from: &Self, #[comptime] form: Form) {
        #[unroll(form.unroll())]
        for i in 0..comptime!(form.share) {
            self.stream[i] = from.stream[i];
            self.d_out[i] = from.d_out[i];
            if comptime!(form.sum) {
                self.d_stream[i] = from.d_stream[i];
            }
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn fetch(
        &mut self,
        stream: &[Vector<R, S>],
        d_out: &[Vector<F, S>],
        d_stream: &[Vector<R, S>],
        pitches: &Pitches,
        extent: &Extent,
        row: usize,
        #[comptime] form: Form,
    ) {
        load(stream, &mut self.stream, row * pitches.stream, extent, form);
        load(d_out, &mut self.d_out, row * pitches.d_out, extent, form);
        if comptime!(form.sum) {
            let start = row * pitches.d_stream;
            load(d_stream, &mut self.d_stream, start, extent, form);
        }
    }
}

/// Writes the gradients of the hidden state and of the residual stream, `[B, L, D]`, and one partial sum of
/// the parameters' gradients per cube, `[parts, 2, D]` (`[parts, 1, D]` without a bias). Without a
/// second gradient, only that of the hidden state is written.
#[cube(launch_unchecked, address_type = "dynamic")]
pub(super) fn backward_kernel<F: Float, R: Float, S: Size>(
    stream: &[Vector<R, S>],
    d_out: &[Vector<F, S>],
    d_stream: &[Vector<R, S>],
    row_scale: &[f32],
    weight: &[Vector<f32, S>],
    d_hidden: &mut [Vector<F, S>],
    d_residual: &mut [Vector<R, S>],
    partials: &mut [Vector<f32, S>],
    pitches: Pitches,
    extent: Extent,
    parts: usize,
    #[comptime] form: Form,
    #[define(F, R)] _dtypes: [ElemType; 2],
) {
    if CUBE_POS >= parts {
        terminate!();
    }
    let share = comptime!(form.share);
    let mut weights = Array::<Vector<f32, S>>::new(share);
    load(weight, &mut weights, 0usize, &extent, form);
    let mut d_weight = Array::<Vector<f32, S>>::new(share);
    let mut d_bias = Array::<Vector<f32, S>>::new(share);
    #[unroll(form.unroll())]
    for i in 0..share {
        d_weight[i] = Vector::new(0.0);
        d_bias[i] = Vector::new(0.0);
    }
    let mut shared = Shared::<[Vector<f32, Const<2>>]>::new_slice(comptime!(form.exchange()));

    let groups = extent.rows.div_ceil(comptime!(form.rows));
    let mut held = Loaded::<F, R, S>::new(form);
    let mut next = Loaded::<F, R, S>::new(form);
    let mut x = Array::<Vector<f32, S>>::new(share);
    let mut g = Array::<Vector<f32, S>>::new(share);
    let mut group = CUBE_POS;
    let mut turn = 0usize;
    let first = place(&extent, group, form);
    next.fetch(stream, d_out, d_stream, &pitches, &extent, first.row, form);
    while group < groups {
        held.take(&next, form);
        // On its way while this row is computed.
        let ahead = place(&extent, group + parts, form);
        next.fetch(stream, d_out, d_stream, &pitches, &extent, ahead.row, form);

        let place = place(&extent, group, form);
        #[unroll(form.unroll())]
        for i in 0..share {
            let vector = vector(i, form);
            x[i] = inside(held.stream[i], vector, &extent);
            g[i] = inside(held.d_out[i], vector, &extent) * weights[i];
        }
        let norm = differentiate(&mut x, &g, &mut shared, &extent, turn, form);
        turn = 1 - turn;

        let factor = row_factor(row_scale, &extent, place.row, form);
        #[unroll(form.unroll())]
        for i in 0..share {
            let own = g[i] - Vector::new(norm.mean) - x[i] * Vector::new(norm.slope);
            let mut grad = own * Vector::new(norm.scale);
            if comptime!(form.sum) {
                grad += Vector::cast_from(held.d_stream[i]);
            }
            let vector = vector(i, form);
            if comptime!(form.two_gradients) {
                let grad = Vector::<R, S>::cast_from(grad);
                store(d_residual, grad, &extent, &place, vector);
            }
            if comptime!(form.scaled) {
                grad *= Vector::new(factor);
            }
            let grad = Vector::<F, S>::cast_from(grad);
            store(d_hidden, grad, &extent, &place, vector);
            // No row follows the last.
            let d_y = Vector::cast_from(held.d_out[i]);
            let d_y = select(place.inside, d_y, Vector::new(0.0));
            d_weight[i] = fma(d_y, x[i] * Vector::new(norm.scale), d_weight[i]);
            d_bias[i] += d_y;
        }
        group += parts;
    }
    write_parameters(partials, &d_weight, &d_bias, &extent, form);
}

/// What a row's gradient takes besides the row itself: `(g − mean − c · slope) · scale`.
#[derive(CubeType, Clone, Copy)]
struct Norm {
    mean: f32,
    slope: f32,
    scale: f32,
}

/// Sums over a unit's row `x`, which is centred, and the gradient `g` in front of the weight, two at
/// a time. `turn` is 0 and 1 in turn.
#[cube]
fn differentiate<S: Size>(
    x: &mut Array<Vector<f32, S>>,
    g: &Array<Vector<f32, S>>,
    shared: &mut Shared<[Vector<f32, Const<2>>]>,
    extent: &Extent,
    turn: usize,
    #[comptime] form: Form,
) -> Norm {
    let mut mean = f32::new(0.0);
    if comptime!(form.layer) {
        let own = pair(sum_elements(sum(&*x, form)), sum_elements(sum(g, form)));
        let totals = sum_lanes(shared, own, 0usize, form);
        centre(x, totals.extract(0usize) * extent.inverse, extent, form);
        mean = totals.extract(1usize) * extent.inverse;
    }
    let own = pair(
        sum_elements(dot(&*x, &*x, form)),
        sum_elements(dot(&*x, g, form)),
    );
    // Two sums a row are in turn by themselves.
    let turn = if comptime!(form.layer) {
        1usize.runtime()
    } else {
        turn
    };
    let totals = sum_lanes(shared, own, turn, form);
    let variance = totals.extract(0usize) * extent.inverse;
    let scale = f32::new(1.0) / (variance + extent.epsilon).sqrt();
    Norm {
        mean,
        slope: totals.extract(1usize) * extent.inverse * scale * scale,
        scale,
    }
}

/// Two numbers that are summed together.
#[cube]
fn pair(first: f32, second: f32) -> Vector<f32, Const<2>> {
    let mut pair = Vector::new(first);
    pair.insert(1usize, second);
    pair
}

/// Adds up the parameter gradients of a cube's rows, in order, and writes them.
#[cube]
fn write_parameters<S: Size>(
    partials: &mut [Vector<f32, S>],
    d_weight: &Array<Vector<f32, S>>,
    d_bias: &Array<Vector<f32, S>>,
    extent: &Extent,
    #[comptime] form: Form,
) {
    let start = CUBE_POS * comptime!(form.parameters()) * extent.vectors;
    let share = comptime!(form.share);
    if comptime!(form.rows == 1) {
        #[unroll(form.unroll())]
        for i in 0..share {
            let vector = vector(i, form);
            if vector < extent.vectors {
                partials[start + vector] = d_weight[i];
                if comptime!(form.bias) {
                    partials[start + extent.vectors + vector] = d_bias[i];
                }
            }
        }
    } else {
        let lanes = comptime!(form.lanes);
        let units = comptime!(form.cube());
        let count = comptime!(form.parameters() * share);
        let mut shared = Shared::<[Vector<f32, S>]>::new_slice(comptime!(count * units));
        #[unroll]
        for i in 0..share {
            shared[i * units + UNIT_POS as usize] = d_weight[i];
            if comptime!(form.bias) {
                shared[(share + i) * units + UNIT_POS as usize] = d_bias[i];
            }
        }
        sync_cube();
        #[unroll]
        for round in 0..comptime!((count * lanes).div_ceil(units)) {
            let item = round * units + UNIT_POS as usize;
            let slot = item / lanes;
            let vector = (slot % share) * lanes + item % lanes;
            if slot < count && vector < extent.vectors {
                let first = slot * units + item % lanes;
                let mut total = shared[first];
                #[unroll]
                for row in 1..comptime!(form.rows) {
                    total += shared[first + comptime!(row * lanes)];
                }
                partials[start + slot / share * extent.vectors + vector] = total;
            }
        }
    }
}

//! Operands on their way from global memory to the units.
//!
//! The loads of a tile are all issued before the first is used. They therefore stand outside of
//! branches: beyond the problem, they read its last element, and a step size of zero makes the rest
//! harmless, because it leaves a state as it is.

use cubecl::prelude::*;

use super::form::{Form, Layout, Part, Walk, position};
use crate::cube::math::softplus;

/// Where one of a unit's column elements lies.
#[derive(CubeType, Clone, Copy)]
pub(super) struct Place {
    /// Index among the column elements between two sums.
    pub element: usize,
    /// Processing order, at most the part's last.
    pub number: usize,
    /// Column, at most the part's last.
    pub column: usize,
    /// True inside of the problem.
    pub inside: bool,
    /// False for a unit without a share in this element.
    pub owned: bool,
}

/// Stores a unit's element.
#[cube]
pub(super) fn put<C: Size>(
    shared: &mut Shared<[Vector<f32, C>]>,
    offset: usize,
    value: Vector<f32, C>,
    place: &Place,
    #[comptime] form: Form,
) {
    if comptime!(form.tile.even()) {
        shared[offset + place.element] = value;
    } else if place.owned {
        shared[offset + place.element] = value;
    }
}

/// The place of this unit's element number `i` of the `flush` tokens from processing order `order`.
#[cube]
pub(super) fn place(walk: &Walk, order: usize, #[comptime] i: usize) -> Place {
    let form = comptime!(walk.form);
    let part = &walk.part;
    let lanes = comptime!(form.tile.lanes);
    let element = i * comptime!(form.tile.units()) + UNIT_POS as usize;
    let number = order + element / lanes;
    let column = part.column + element % lanes;
    let owned = element < comptime!(form.tile.flush_area());
    Place {
        element: min(element, comptime!(form.tile.flush_area() - 1)),
        number: min(number, part.to - 1),
        column: min(column, part.column_end - 1),
        inside: number < part.to && column < part.column_end && owned,
        owned,
    }
}

/// This unit's elements of one tile of sequence `sequence` of `source`, `[B, rows, D]`.
#[cube]
pub(super) fn fetch<F: Float, C: Size>(
    source: &[Vector<F, C>],
    sequence: usize,
    rows: usize,
    layout: &Layout,
    values: &mut Array<Vector<F, C>>,
    walk: &Walk,
    order: usize,
) {
    let form = comptime!(walk.form);
    let share = comptime!(form.tile.flush_share());
    #[unroll]
    for f in 0..comptime!(form.tile.flushes()) {
        #[unroll]
        for i in 0..share {
            let place = place(walk, order + comptime!(f * form.tile.flush), i);
            let row = sequence * rows + position(walk, place.number);
            values[comptime!(f * share + i)] =
                source[layout.first + row * layout.pitch + place.column];
        }
    }
}

/// A unit's vectors of one tile of B or C, as numbers. M is the vector length of the buffer: that of
/// a unit's states if these are whole, else one.
#[cube]
pub(super) fn fetch_matrix<F: Float, S: Size, M: Size>(
    matrix: &[Vector<F, M>],
    layout: &Layout,
    values: &mut Array<Vector<F, M>>,
    walk: &Walk,
    order: usize,
) {
    let form = comptime!(walk.form);
    let extent = &walk.extent;
    let part = &walk.part;
    let groups = comptime!(form.tile.groups);
    #[unroll]
    for i in 0..comptime!(form.tile.matrix_share()) {
        let index = i * comptime!(form.tile.units()) + UNIT_POS as usize;
        let number = min(order + index / groups, part.to - 1);
        let token = part.batch * extent.length + position(walk, number);
        let row = layout.first + (token * extent.groups + part.group) * layout.pitch;
        if comptime!(form.whole_states) {
            values[i] = matrix[row + index % groups];
        } else {
            let first = (index % groups) * comptime!(form.tile.states);
            #[unroll]
            for j in 0..S::value() {
                let state = min(first + j, extent.states - 1);
                values[comptime!(i * form.tile.states + j)] = matrix[row + state];
            }
        }
    }
}

/// Hands fetched vectors of B or C to the cube, zero beyond the states. Rows beyond the part repeat
/// its last one; the inputs there are zero.
#[cube]
pub(super) fn share_matrix<F: Float, S: Size, M: Size>(
    values: &Array<Vector<F, M>>,
    shared: &mut Shared<[Vector<f32, S>]>,
    walk: &Walk,
) {
    let form = comptime!(walk.form);
    #[unroll]
    for i in 0..comptime!(form.tile.matrix_share()) {
        let index = i * comptime!(form.tile.units()) + UNIT_POS as usize;
        let mut vector = Vector::<f32, S>::new(0.0);
        if comptime!(form.whole_states) {
            let whole = Vector::<f32, M>::cast_from(values[i]);
            #[unroll]
            for j in 0..S::value() {
                vector.insert(j, whole.extract(j));
            }
        } else {
            let first = (index % comptime!(form.tile.groups)) * comptime!(form.tile.states);
            #[unroll]
            for j in 0..S::value() {
                let value =
                    f32::cast_from(values[comptime!(i * form.tile.states + j)].extract(0usize));
                vector.insert(j, select(first + j < walk.extent.states, value, 0.0));
            }
        }
        if comptime!(form.tile.matrix() % form.tile.units() == 0) {
            shared[index] = vector;
        } else if index < comptime!(form.tile.matrix()) {
            shared[index] = vector;
        }
    }
}

/// Registers for [`fetch_matrix`].
#[cube]
pub(super) fn matrix_registers<F: Float, M: Size>(#[comptime] form: Form) -> Array<Vector<F, M>> {
    Array::<Vector<F, M>>::new(comptime!(if form.whole_states {
        form.tile.matrix_share()
    } else {
        form.tile.matrix_share() * form.tile.states
    }))
}

/// Loads the border marks of a tile: zero where no state may pass from the step before, else one.
/// With `descending`, `order` counts from the last processed token backwards.
#[cube]
pub(super) fn load_borders(
    reset: &[f32],
    shared: &mut Shared<[f32]>,
    walk: &Walk,
    order: usize,
    #[comptime] descending: bool,
) {
    let form = comptime!(walk.form);
    let extent = &walk.extent;
    let part = &walk.part;
    let units = comptime!(form.tile.units());
    #[unroll]
    for i in 0..comptime!(form.tile.steps.div_ceil(units)) {
        let step = i * units + UNIT_POS as usize;
        if step < comptime!(form.tile.steps) {
            let mut passes = f32::new(1.0);
            if order + step < part.to {
                let mut number = order + step;
                if comptime!(descending) {
                    number = extent.length - 1 - number;
                }
                // A mark stands at the first token of a sequence. Forward, the border lies in front
                // of the marked token; in reverse, in front of the one processed after it.
                if runs_backwards(part, form) {
                    if number > 0 {
                        let marked = part.shared * extent.length + extent.length - number;
                        passes = 1.0 - reset[marked];
                    }
                } else {
                    passes = 1.0 - reset[part.shared * extent.length + number];
                }
            }
            shared[step] = passes;
        }
    }
}

/// True if the part's tokens are processed from last to first.
#[cube]
fn runs_backwards(part: &Part, #[comptime] form: Form) -> bool {
    if comptime!(form.both) {
        if comptime!(form.reverse) {
            !part.second
        } else {
            part.second
        }
    } else {
        comptime!(form.reverse).runtime()
    }
}

/// `delta + bias`, if there is a bias.
#[cube]
pub(super) fn biased<F: Float, C: Size>(
    delta: Vector<F, C>,
    bias: &[Vector<f32, C>],
    column: usize,
    #[comptime] form: Form,
) -> Vector<f32, C> {
    let delta = Vector::<f32, C>::cast_from(delta);
    if comptime!(form.bias) {
        delta + bias[column]
    } else {
        delta
    }
}

/// Step sizes, zero outside of the problem: the softplus of the raw values, if wanted.
#[cube]
pub(super) fn step_size<C: Size>(
    raw: Vector<f32, C>,
    inside: bool,
    #[comptime] form: Form,
) -> Vector<f32, C> {
    let size = if comptime!(form.softplus) {
        softplus(raw, form.units)
    } else {
        raw
    };
    select(inside, size, Vector::new(0.0))
}

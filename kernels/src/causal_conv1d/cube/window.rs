//! The inputs that the taps see, in registers, and what the taps make of them.

use cubecl::prelude::*;

use super::form::{Extent, Form, Place, Strides, column_index};
use super::load::{load_border, load_token};

/// Moves the window one token on: element `j` becomes the input `j` tokens ago, zero beyond a
/// border.
#[cube]
pub(super) fn push<S: Size>(
    window: &mut Array<Vector<f32, S>>,
    x: Vector<f32, S>,
    border: f32,
    #[comptime] form: Form,
) {
    #[unroll]
    for i in 1..comptime!(form.taps) {
        let age = comptime!(form.taps - i);
        let older = window[comptime!(age - 1)];
        window[age] = if comptime!(form.reset) {
            select(border != 0.0, Vector::new(0.0), older)
        } else {
            older
        };
    }
    window[0] = x;
}

/// How many of the tokens in front of the next one its taps may use, after how many its predecessor's
/// could: at most K − 1, none across a border.
#[cube]
pub(super) fn advance(reach: usize, border: f32, #[comptime] form: Form) -> usize {
    select(
        border != 0.0,
        0usize,
        min(reach + 1, comptime!(form.kept())),
    )
}

/// Fills the window with the K − 1 inputs in front of a run, and returns the reach there.
#[cube]
pub(super) fn enter<F: Float, S: Size>(
    x: &[Vector<F, S>],
    columns: &[Vector<F, S>],
    reset: &[f32],
    window: &mut Array<Vector<f32, S>>,
    strides: &Strides,
    extent: &Extent,
    place: &Place,
    #[comptime] form: Form,
) -> usize {
    let kept = comptime!(form.kept());
    let mut tokens = Array::<Vector<F, S>>::new(comptime!(form.taps));
    let mut initial = Array::<Vector<F, S>>::new(comptime!(form.taps));
    let mut borders = Array::<f32>::new(comptime!(form.taps));
    #[unroll]
    for i in 0..kept {
        // Counted from K − 1 tokens in front of the sequence.
        let number = place.from + i;
        let token = max(number, kept) - kept;
        tokens[i] = load_token::<F, S>(x, strides, extent, place, token, form);
        initial[i] = if comptime!(form.columns) {
            columns[column_index(extent, place, min(number, comptime!(form.kept() - 1)), form)]
        } else {
            Vector::new(F::new(0.0))
        };
        if comptime!(form.reset) {
            borders[i] = load_border(reset, extent, place, token, form);
        }
    }
    let mut reach = kept.runtime();
    #[unroll]
    for i in 0..comptime!(form.taps) {
        window[i] = Vector::new(0.0);
    }
    #[unroll]
    for i in 0..kept {
        let inside = place.from + i >= kept;
        let x = Vector::cast_from(select(inside, tokens[i], initial[i]));
        if comptime!(form.reset) {
            let border = select(inside, borders[i], 0.0);
            push(window, x, border, form);
            reach = advance(reach, border, form);
        } else {
            push(window, x, 0.0, form);
        }
    }
    reach
}

/// The convolution at the current token, before SiLU.
#[cube]
pub(super) fn convolve<S: Size>(
    window: &Array<Vector<f32, S>>,
    taps: &Array<Vector<f32, S>>,
    bias: Vector<f32, S>,
    #[comptime] form: Form,
) -> Vector<f32, S> {
    let mut sum = bias;
    #[unroll]
    for i in 0..comptime!(form.taps) {
        sum = fma(taps[i], window[i], sum);
    }
    sum
}

//! Loads from memory. All of a tile stand outside of branches, so that they are under way together:
//! beyond what a unit needs they read its last token again.

use cubecl::prelude::*;

use super::form::{Extent, Form, Place, Strides, position};

/// The taps of a unit's channels, by distance: element 0 multiplies the current token.
///
/// The filters of `S` channels are K vectors side by side in `[D, K]`.
#[cube]
pub(super) fn load_taps<S: Size>(
    weight: &[Vector<f32, S>],
    vector: usize,
    #[comptime] form: Form,
) -> Array<Vector<f32, S>> {
    let count = comptime!(form.taps);
    let mut filters = Array::<Vector<f32, S>>::new(count);
    #[unroll]
    for i in 0..count {
        filters[i] = weight[vector * count + i];
    }
    let mut taps = Array::<Vector<f32, S>>::new(count);
    #[unroll]
    for distance in 0..count {
        let mut tap = Vector::<f32, S>::new(0.0);
        #[unroll]
        for channel in 0..comptime!(form.width) {
            let element = comptime!(channel * count + count - 1 - distance);
            let filter = filters[comptime!(element / form.width)];
            tap.insert(channel, filter.extract(comptime!(element % form.width)));
        }
        taps[distance] = tap;
    }
    taps
}

/// The bias of a unit's channels; zero without one.
#[cube]
pub(super) fn load_bias<S: Size>(
    bias: &[Vector<f32, S>],
    vector: usize,
    #[comptime] form: Form,
) -> Vector<f32, S> {
    if comptime!(form.bias) {
        bias[vector]
    } else {
        Vector::new(0.0)
    }
}

/// The token processed as number `number`, at most the last that this unit reads.
#[cube]
pub(super) fn load_token<F: Float, S: Size>(
    source: &[Vector<F, S>],
    strides: &Strides,
    extent: &Extent,
    place: &Place,
    number: usize,
    #[comptime] form: Form,
) -> Vector<F, S> {
    let token = position(extent, min(number, place.end - 1), form);
    let row = strides.first + place.batch * strides.batch + token * strides.token;
    source[row + place.vector]
}

/// The tile of tokens that starts with number `first`.
#[cube]
pub(super) fn load_tile<F: Float, S: Size>(
    source: &[Vector<F, S>],
    strides: &Strides,
    tile: &mut Array<Vector<F, S>>,
    extent: &Extent,
    place: &Place,
    first: usize,
    #[comptime] form: Form,
) {
    #[unroll]
    for i in 0..comptime!(form.steps) {
        tile[i] = load_token::<F, S>(source, strides, extent, place, first + i, form);
    }
}

/// Non-zero if a border between sequences lies in front of the token processed as number `number`.
#[cube]
pub(super) fn load_border(
    reset: &[f32],
    extent: &Extent,
    place: &Place,
    number: usize,
    #[comptime] form: Form,
) -> f32 {
    let number = min(number, place.end - 1);
    let row = place.batch * extent.length;
    // A mark stands at the first token of a sequence. Forward, the border lies in front of the marked
    // token; in reverse, in front of the one processed after it.
    if comptime!(form.reverse) {
        let mark = reset[row + extent.length - max(number, 1)];
        select(number > 0, mark, 0.0)
    } else {
        reset[row + number]
    }
}

/// The borders of the tile that starts with number `first`.
#[cube]
pub(super) fn load_borders(
    reset: &[f32],
    tile: &mut Array<f32>,
    extent: &Extent,
    place: &Place,
    first: usize,
    #[comptime] form: Form,
) {
    if comptime!(form.reset) {
        #[unroll]
        for i in 0..comptime!(form.steps) {
            tile[i] = load_border(reset, extent, place, first + i, form);
        }
    }
}

//! Functions of the kernels, element by element, in 32 bits.

use cubecl::prelude::*;

use super::hardware::{Units, exp, reciprocal};

pub(crate) use super::hardware::exponential;

/// `ln(1 + exp(x))`, to a few ulp everywhere.
#[cube]
pub(crate) fn softplus<N: Size>(x: Vector<f32, N>, #[comptime] units: Units) -> Vector<f32, N> {
    // ln(1 + e) = 2 artanh(e / (2 + e)) for e = exp(−|x|) in (0, 1]: the argument is at most 1/3,
    // so seven terms suffice, and nothing cancels for small e as it does in ln(1 + e).
    let e = exp(-x.abs(), units);
    let s = e * reciprocal(e + Vector::new(2.0), units);
    let q = s * s;
    let mut series = Vector::new(1.0 / 13.0);
    series = fma(series, q, Vector::new(1.0 / 11.0));
    series = fma(series, q, Vector::new(1.0 / 9.0));
    series = fma(series, q, Vector::new(1.0 / 7.0));
    series = fma(series, q, Vector::new(0.2));
    series = fma(series, q, Vector::new(1.0 / 3.0));
    series = fma(series, q, Vector::new(1.0));
    fma(s + s, series, max(x, Vector::new(0.0)))
}

/// `1 / (1 + exp(−x))`.
#[cube]
pub(crate) fn sigmoid<N: Size>(x: Vector<f32, N>, #[comptime] units: Units) -> Vector<f32, N> {
    reciprocal(exp(-x, units) + Vector::new(1.0), units)
}

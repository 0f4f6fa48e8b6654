//! Arithmetic on one row, in 32 bits.

use pulp::Simd;

use crate::add_norm::NormKind;
use crate::flex::simd::load;

/// The sum over a row of `f` of the vectors of two rows.
#[inline(always)]
pub(super) fn sum<S: Simd>(
    s: S,
    x: &[f32],
    y: &[f32],
    f: impl Fn(S::f32s, S::f32s) -> S::f32s,
) -> f32 {
    let mut total = s.splat_f32s(0.0);
    for (x, y) in x.chunks(S::F32_LANES).zip(y.chunks(S::F32_LANES)) {
        total = s.add_f32s(total, f(load(s, x), load(s, y)));
    }
    s.reduce_sum_f32s(total)
}

/// Mean (zero for RMS norm) of a row, and one over the root of its mean square about that plus ε.
#[inline(always)]
pub(super) fn statistics<S: Simd>(s: S, x: &[f32], kind: NormKind, epsilon: f32) -> (f32, f32) {
    let width = x.len() as f32;
    let mean = match kind {
        NormKind::Rms => 0.0,
        NormKind::Layer => sum(s, x, x, |x, _| x) / width,
    };
    let mut square = 0.0;
    let centre = s.splat_f32s(mean);
    let (whole, rest) = x.split_at(x.len() - x.len() % S::F32_LANES);
    square += sum(s, whole, whole, |x, _| {
        let x = s.sub_f32s(x, centre);
        s.mul_f32s(x, x)
    });
    square += rest.iter().map(|x| (x - mean) * (x - mean)).sum::<f32>();
    (mean, 1.0 / (square / width + epsilon).sqrt())
}

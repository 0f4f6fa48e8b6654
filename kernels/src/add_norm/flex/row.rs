//! Operations on the rows of a task: vectors of channels, the last of which may be shorter.

use burn::tensor::{DType, bf16, f16};
use pulp::Simd;

use crate::add_norm::NormKind;
use crate::flex::simd::{load, store};

/// `out = x · factor + addend`, the addend zero if absent.
#[inline(always)]
pub(super) fn add<S: Simd>(s: S, out: &mut [f32], x: &[f32], factor: f32, addend: Option<&[f32]>) {
    let factor = s.splat_f32s(factor);
    for (i, out) in out.chunks_mut(S::F32_LANES).enumerate() {
        let range = i * S::F32_LANES..i * S::F32_LANES + out.len();
        let product = s.mul_f32s(load(s, &x[range.clone()]), factor);
        let sum = match addend {
            Some(addend) => s.add_f32s(load(s, &addend[range]), product),
            None => product,
        };
        store(s, out, sum);
    }
}

/// Rounds to a float type and back.
pub(super) fn round(row: &mut [f32], dtype: DType) {
    match dtype {
        DType::BF16 => row
            .iter_mut()
            .for_each(|x| *x = bf16::from_f32(*x).to_f32()),
        DType::F16 => row.iter_mut().for_each(|x| *x = f16::from_f32(*x).to_f32()),
        _ => {}
    }
}

/// Writes the row to `centred`, less its mean under layer norm, and returns what the norm multiplies it
/// by, `1 / √(mean(centred²) + ε)`.
#[inline(always)]
pub(super) fn centre<S: Simd>(
    s: S,
    centred: &mut [f32],
    x: &[f32],
    kind: NormKind,
    epsilon: f32,
) -> f32 {
    let mean = match kind {
        NormKind::Rms => 0.0,
        NormKind::Layer => sum(s, x) / x.len() as f32,
    };
    let offset = s.splat_f32s(mean);
    for (out, x) in centred.chunks_mut(S::F32_LANES).zip(x.chunks(S::F32_LANES)) {
        store(s, out, s.sub_f32s(load(s, x), offset));
    }
    1.0 / (dot(s, centred, centred) / x.len() as f32 + epsilon).sqrt()
}

/// The sum of a row.
#[inline(always)]
pub(super) fn sum<S: Simd>(s: S, x: &[f32]) -> f32 {
    let mut sum = s.splat_f32s(0.0);
    for x in x.chunks(S::F32_LANES) {
        sum = s.add_f32s(sum, load(s, x));
    }
    s.reduce_sum_f32s(sum)
}

/// The sum of the products of two rows.
#[inline(always)]
pub(super) fn dot<S: Simd>(s: S, x: &[f32], y: &[f32]) -> f32 {
    let mut sum = s.splat_f32s(0.0);
    for (x, y) in x.chunks(S::F32_LANES).zip(y.chunks(S::F32_LANES)) {
        sum = s.mul_add_e_f32s(load(s, x), load(s, y), sum);
    }
    s.reduce_sum_f32s(sum)
}

/// `x = x · factor · weight + bias`, the bias zero if absent.
#[inline(always)]
pub(super) fn scale<S: Simd>(
    s: S,
    x: &mut [f32],
    factor: f32,
    weight: &[f32],
    bias: Option<&[f32]>,
) {
    let factor = s.splat_f32s(factor);
    for (i, x) in x.chunks_mut(S::F32_LANES).enumerate() {
        let range = i * S::F32_LANES..i * S::F32_LANES + x.len();
        let scaled = s.mul_f32s(load(s, x), factor);
        let weight = load(s, &weight[range.clone()]);
        let result = match bias {
            Some(bias) => s.mul_add_e_f32s(scaled, weight, load(s, &bias[range])),
            None => s.mul_f32s(scaled, weight),
        };
        store(s, x, result);
    }
}

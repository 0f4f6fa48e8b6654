//! Vector mathematics on [`pulp`] lanes: exponential, sigmoid, softplus, normal distribution.
//!
//! Polynomials are minimax fits whose own error is below 2e-8; rounding dominates. `exp2` is within one
//! unit in the last place, the logarithm within three; `exp` adds the rounding of its argument's
//! product with log2(e), |x| · 6e-8. NaN stays NaN.

use std::f32::consts::LN_2;

use pulp::Simd;

/// log2(e): `exp(x) = exp2(x · LOG2_E)`.
pub(crate) const LOG2_E: f32 = std::f32::consts::LOG2_E;

/// Loads up to one vector of numbers; lanes past the end are zero. A whole vector, the usual case, is
/// a plain load: pulp's masked one is a function call.
#[inline(always)]
pub(crate) fn load<S: Simd>(s: S, numbers: &[f32]) -> S::f32s {
    match S::as_simd_f32s(numbers).0 {
        [vector] => *vector,
        _ => s.partial_load_f32s(numbers),
    }
}

/// Stores as many lanes as there are `numbers`, at most one vector.
#[inline(always)]
pub(crate) fn store<S: Simd>(s: S, numbers: &mut [f32], vector: S::f32s) {
    if numbers.len() == S::F32_LANES {
        S::as_mut_simd_f32s(numbers).0[0] = vector;
    } else {
        s.partial_store_f32s(numbers, vector);
    }
}

/// `2^x`, elementwise. Results below the smallest normal number are that number, never denormal:
/// a decay that small is zero for every purpose, and denormals are slow.
#[inline(always)]
pub(crate) fn exp2<S: Simd>(s: S, x: S::f32s) -> S::f32s {
    // Adding 1.5·2^23 rounds to an integer held in the low mantissa bits; the extra 127 biases it,
    // so that a shift by 23 turns it into the exponent field of 2^k.
    const ROUND: f32 = 12_582_912.0 + 127.0;
    // x stands second: on x86 the minimum and maximum with NaN are the second operand.
    let x = s.max_f32s(s.splat_f32s(-126.0), s.min_f32s(s.splat_f32s(127.0), x));
    let rounded = s.add_f32s(x, s.splat_f32s(ROUND));
    let r = s.sub_f32s(x, s.sub_f32s(rounded, s.splat_f32s(ROUND)));
    let scale = s.wrapping_dyn_shl_u32s(s.transmute_u32s_f32s(rounded), s.splat_u32s(23));

    let mut p = s.splat_f32s(1.535_336_2e-4);
    for c in [
        1.339_887_5e-3,
        9.618_437e-3,
        5.550_332_4e-2,
        0.240_226_48,
        LN_2,
        1.0,
    ] {
        p = s.mul_add_e_f32s(p, r, s.splat_f32s(c));
    }
    s.mul_f32s(p, s.transmute_f32s_u32s(scale))
}

/// `exp(x)`, elementwise.
#[inline(always)]
pub(crate) fn exp<S: Simd>(s: S, x: S::f32s) -> S::f32s {
    exp2(s, s.mul_f32s(x, s.splat_f32s(LOG2_E)))
}

/// Logistic sigmoid `1 / (1 + exp(−x))`, elementwise.
#[inline(always)]
pub(crate) fn sigmoid<S: Simd>(s: S, x: S::f32s) -> S::f32s {
    let one = s.splat_f32s(1.0);
    s.div_f32s(one, s.add_f32s(one, exp(s, s.neg_f32s(x))))
}

/// `ln(1 + exp(x))`, elementwise, as `max(x, 0) + ln(1 + exp(−|x|))`: it neither overflows for
/// large x nor returns zero for very negative ones.
#[inline(always)]
pub(crate) fn softplus<S: Simd>(s: S, x: S::f32s) -> S::f32s {
    let y = exp(s, s.neg_f32s(s.abs_f32s(x)));
    s.add_f32s(s.max_f32s(s.splat_f32s(0.0), x), ln_1p_unit(s, y))
}

/// `ln(1 + y)` for y in [0, 1], by the series of `2·atanh(y / (2 + y))`, which keeps full relative
/// precision for tiny y.
#[inline(always)]
fn ln_1p_unit<S: Simd>(s: S, y: S::f32s) -> S::f32s {
    let ratio = s.div_f32s(y, s.add_f32s(y, s.splat_f32s(2.0)));
    let square = s.mul_f32s(ratio, ratio);
    let mut p = s.splat_f32s(0.242_895_63);
    for c in [0.214_307_4, 0.286_165_98, 0.399_988_9, 0.666_666_75, 2.0] {
        p = s.mul_add_e_f32s(p, square, s.splat_f32s(c));
    }
    s.mul_f32s(ratio, p)
}

/// Distribution function and density of the normal distribution, `Φ(x)` and `φ(x)`, elementwise.
///
/// `Φ(−|x|) = φ(x) · u P(u)` with `u = 1 / (1 + |x| / √8)`, as in Abramowitz and Stegun 7.1.26, with a longer polynomial fitted to a
/// relative error of 5e-8. Φ is within 1e-7.
#[inline(always)]
pub(crate) fn normal<S: Simd>(s: S, x: S::f32s) -> [S::f32s; 2] {
    const ROOT: f32 = 0.353_553_39;
    const DENSITY: f32 = 0.398_942_3;
    let (one, half) = (s.splat_f32s(1.0), s.splat_f32s(0.5));
    let far = s.mul_add_e_f32s(s.abs_f32s(x), s.splat_f32s(ROOT), one);
    let u = s.div_f32s(one, far);
    let mut p = s.splat_f32s(-0.060_108_706);
    for c in [
        0.289_446_12,
        -0.496_829_57,
        0.288_515_15,
        -0.033_399_02,
        0.205_360_43,
        0.242_479_38,
        0.282_453_84,
        0.282_082_35,
    ] {
        p = s.mul_add_e_f32s(p, u, s.splat_f32s(c));
    }
    // exp(−x²/2)
    let bell = exp2(s, s.mul_f32s(s.mul_f32s(x, x), s.splat_f32s(-0.5 * LOG2_E)));
    let tail = s.mul_f32s(s.mul_f32s(half, bell), s.mul_f32s(u, p));
    let sign = s.and_f32s(s.splat_f32s(-0.0), x);
    let below = s.add_f32s(half, s.or_f32s(sign, s.sub_f32s(half, tail)));
    [below, s.mul_f32s(bell, s.splat_f32s(DENSITY))]
}

#[cfg(test)]
mod tests {
    use super::*;
    use pulp::{Arch, WithSimd};

    #[derive(Clone, Copy)]
    enum Function {
        Exp,
        Sigmoid,
        Softplus,
    }

    struct Apply<'a>(Function, &'a mut [f32]);

    impl WithSimd for Apply<'_> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, s: S) {
            for chunk in self.1.chunks_mut(S::F32_LANES) {
                let x = load(s, chunk);
                let y = match self.0 {
                    Function::Exp => exp(s, x),
                    Function::Sigmoid => sigmoid(s, x),
                    Function::Softplus => softplus(s, x),
                };
                store(s, chunk, y);
            }
        }
    }

    fn worst_relative_error(function: Function, exact: impl Fn(f64) -> f64) -> f64 {
        let inputs: Vec<f32> = (-80_000..80_000).map(|i| i as f32 * 1e-3).collect();
        let mut outputs = inputs.clone();
        Arch::new().dispatch(Apply(function, &mut outputs));
        let error = |(&x, &y): (&f32, &f32)| {
            let expected = exact(f64::from(x));
            ((f64::from(y) - expected) / expected).abs()
        };
        inputs.iter().zip(&outputs).map(error).fold(0.0, f64::max)
    }

    #[test]
    fn exp_is_accurate() {
        // The argument's own rounding, |x| · 2^-24 after the product with log2(e), dominates.
        assert!(worst_relative_error(Function::Exp, f64::exp) < 8e-6);
    }

    #[test]
    fn sigmoid_is_accurate() {
        assert!(worst_relative_error(Function::Sigmoid, |x| 1.0 / (1.0 + (-x).exp())) < 8e-6);
    }

    #[test]
    fn softplus_is_accurate_for_tiny_and_large_results() {
        let exact = |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
        assert!(worst_relative_error(Function::Softplus, exact) < 8e-6);
    }

    #[test]
    fn exp_of_zero_is_one_and_underflow_stays_finite() {
        let mut values = [0.0, -1e4, f32::NEG_INFINITY, 1e4];
        Arch::new().dispatch(Apply(Function::Exp, &mut values));
        assert_eq!(values[0], 1.0);
        assert!(values[1] > 0.0 && values[1] <= f32::MIN_POSITIVE);
        assert!(values[2] <= f32::MIN_POSITIVE);
        assert!(values[3].is_finite());
    }

    #[test]
    fn nan_stays_nan() {
        for function in [Function::Exp, Function::Sigmoid, Function::Softplus] {
            let mut values = [f32::NAN; 3];
            Arch::new().dispatch(Apply(function, &mut values));
            assert!(values.iter().all(|x| x.is_nan()));
        }
    }
}

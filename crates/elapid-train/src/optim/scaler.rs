//! Dynamic loss scaling (Micikevicius et al., "Mixed precision training", 2018), with the numbers of PyTorch's
//! `GradScaler`: losses are multiplied by a large number, so that small gradients survive in 16 bits. A step whose gradients
//! overflow is not made, and the number halved; after 2,000 good steps in a row it is doubled.
//!
//! All of it happens in device memory: the host finds out later.

use burn::tensor::{Device, Tensor};

const START: f32 = 65_536.0;
const LOWEST: f32 = 1.0;
const HIGHEST: f32 = 16_777_216.0;
const GOOD_STEPS: f32 = 2_000.0;

/// The scale, and the good steps since it last changed; `[2]`, 32-bit, outside autodiff.
#[derive(Clone, Debug)]
pub(crate) struct Scaler(pub(crate) Tensor<1>);

impl Scaler {
    pub(crate) fn new(device: &Device) -> Self {
        Self::restored([START, 0.0], device)
    }

    /// The one that [`numbers`](Self::numbers) were read from.
    pub(crate) fn restored(numbers: [f32; 2], device: &Device) -> Self {
        Self(Tensor::from_floats(numbers, device))
    }

    /// Scale and good steps, read from the device.
    pub(crate) fn numbers(&self) -> Option<[f32; 2]> {
        let numbers = self.0.clone().try_into_vec_as::<f32>().ok()?;
        numbers.try_into().ok()
    }

    /// What losses are multiplied by, `[1]`.
    pub(crate) fn scale(&self) -> Tensor<1> {
        self.0.clone().slice(0..1)
    }

    /// The norm of the gradients, of which `norm` is the scaled one: not a number after an overflow that a smaller scale
    /// may mend, infinite after one at the smallest.
    pub(crate) fn unscaled(&self, norm: &Tensor<1>) -> Tensor<1> {
        let has_overflown = norm.clone().lower_equal_elem(f32::MAX).bool_not();
        let is_lowest = self.scale().lower_equal_elem(LOWEST);
        let norm = norm.clone() / self.scale();
        norm.mask_fill(has_overflown.clone(), f32::NAN)
            .mask_fill(has_overflown.bool_and(is_lowest), f32::INFINITY)
    }

    /// After a step whose scaled gradients have norm `norm`, `[1]`.
    pub(crate) fn after(&self, norm: &Tensor<1>) -> Tensor<1> {
        let is_good = norm.clone().lower_equal_elem(f32::MAX);
        let (scale, good) = (self.scale(), self.0.clone().slice(1..2).add_scalar(1.0));
        let is_long = good.clone().greater_equal_elem(GOOD_STEPS);
        let grown = (scale.clone() * 2.0).clamp_max(HIGHEST);
        let kept = scale.clone().mask_where(is_long.clone(), grown);
        let counted = good.mask_fill(is_long, 0.0);
        let shrunk = (scale * 0.5).clamp_min(LOWEST);
        let scale = shrunk.mask_where(is_good.clone(), kept);
        let good = counted.mask_fill(is_good.bool_not(), 0.0);
        Tensor::cat(vec![scale, good], 0)
    }
}

/// `factor`, `[1]`, where the gradients' norm is a number, and −1 where it is not, which optimisers take for "no step".
pub(crate) fn unless_overflown(norm: &Tensor<1>, factor: Tensor<1>) -> Tensor<1> {
    let is_bad = norm.clone().lower_equal_elem(f32::MAX).bool_not();
    factor.mask_fill(is_bad, -1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overflow_halves_and_patience_doubles() {
        let device = Device::flex();
        let norm = |norm: f32| Tensor::<1>::from_floats([norm], &device);
        let mut scaler = Scaler::new(&device);
        let mut step = |value: f32| {
            scaler = Scaler(scaler.after(&norm(value)));
            scaler.numbers().unwrap()
        };
        assert_eq!(step(f32::INFINITY), [32_768.0, 0.0]);
        assert_eq!(step(3.0), [32_768.0, 1.0]);
        assert_eq!(step(f32::NAN), [16_384.0, 0.0]);
        for good in 1..2_000_u16 {
            assert_eq!(step(1.0), [16_384.0, f32::from(good)]);
        }
        assert_eq!(step(1.0), [32_768.0, 0.0]);
    }

    #[test]
    fn overflow_counts_as_bad_at_the_smallest_scale() {
        let device = Device::flex();
        let norm_at = |norm: f32, scale: f32| {
            let norm = Tensor::<1>::from_floats([norm], &device);
            let scaler = Scaler::restored([scale, 0.0], &device);
            scaler.unscaled(&norm).into_scalar::<f32>()
        };
        assert_eq!(norm_at(6.0, 4.0), 1.5);
        assert!(norm_at(f32::INFINITY, 2.0).is_nan());
        assert_eq!(norm_at(f32::NAN, 1.0), f32::INFINITY);
    }

    #[test]
    fn overflow_forbids_the_step() {
        let device = Device::flex();
        let tensor = |x: f32| Tensor::<1>::from_floats([x], &device);
        let factor = |norm: f32| unless_overflown(&tensor(norm), tensor(0.25)).into_scalar::<f32>();
        assert_eq!(factor(7.0), 0.25);
        assert_eq!(factor(f32::INFINITY), -1.0);
        assert_eq!(factor(f32::NAN), -1.0);
    }
}

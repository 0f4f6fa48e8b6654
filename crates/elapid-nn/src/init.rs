//! Initial values of parameters.

use burn::module::Param;
use burn::tensor::{Device, Tensor, TensorData};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// Draws initial parameters on the host, in the order in which layers are built, and uploads them.
///
/// Burn's initialisers draw on the device from a process-wide generator and lack the truncated
/// normal; these give the same numbers on every device and follow PyTorch's conventions.
pub struct Init {
    rng: ChaCha8Rng,
    device: Device,
}

impl Init {
    /// A generator for one model.
    pub fn new(seed: u64, device: &Device) -> Self {
        Self {
            rng: ChaCha8Rng::seed_from_u64(seed),
            device: device.clone(),
        }
    }

    /// The device on which parameters are placed.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// A parameter with every element given by `value`, called in row-major order.
    pub fn fill<const D: usize>(
        &mut self,
        shape: [usize; D],
        mut value: impl FnMut(&mut dyn Rng, usize) -> f64,
    ) -> Param<Tensor<D>> {
        let len = shape.iter().product();
        let values: Vec<f32> = (0..len).map(|i| value(&mut self.rng, i) as f32).collect();
        Param::from_tensor(Tensor::from_data(
            TensorData::new(values, shape),
            &self.device,
        ))
    }

    /// The same value everywhere.
    pub fn constant<const D: usize>(&mut self, shape: [usize; D], value: f64) -> Param<Tensor<D>> {
        self.fill(shape, |_, _| value)
    }

    /// Uniform in `[−bound, bound)`.
    pub fn uniform<const D: usize>(&mut self, shape: [usize; D], bound: f64) -> Param<Tensor<D>> {
        self.fill(shape, |rng, _| (2.0 * rng.random::<f64>() - 1.0) * bound)
    }

    /// Uniform in `[−bound, bound)`, with a bound for each row.
    pub fn uniform_rows(&mut self, bounds: &[f64], width: usize) -> Param<Tensor<2>> {
        self.fill([bounds.len(), width], |rng, at| {
            (2.0 * rng.random::<f64>() - 1.0) * bounds[at / width]
        })
    }

    /// PyTorch's default for a linear or convolution weight and its bias:
    /// `U(−1/√fan_in, 1/√fan_in)` (Kaiming uniform with a = √5).
    pub fn torch_default<const D: usize>(
        &mut self,
        shape: [usize; D],
        fan_in: usize,
    ) -> Param<Tensor<D>> {
        self.uniform(shape, 1.0 / (fan_in as f64).sqrt())
    }

    /// Normal with mean 0.
    pub fn normal<const D: usize>(&mut self, shape: [usize; D], std: f64) -> Param<Tensor<D>> {
        self.fill(shape, |rng, _| {
            let x: f64 = StandardNormal.sample(rng);
            x * std
        })
    }

    /// Normal with mean 0, redrawn outside `[−2, 2]` in absolute terms, as timm's `trunc_normal_`
    /// with its default bounds: for the usual standard deviation 0.02 it cuts nothing.
    pub fn truncated_normal<const D: usize>(
        &mut self,
        shape: [usize; D],
        std: f64,
    ) -> Param<Tensor<D>> {
        self.fill(shape, |rng, _| normal_within(rng, 2.0 / std) * std)
    }

    /// timm's `lecun_normal_`: a normal of variance `1 / fan_in`, cut at two standard deviations of
    /// the normal it is drawn from.
    pub fn lecun_normal<const D: usize>(
        &mut self,
        shape: [usize; D],
        fan_in: usize,
    ) -> Param<Tensor<D>> {
        /// Standard deviation of a unit normal cut at ±2.
        const CUT_STD: f64 = 0.879_625_661_034_239_8;
        let std = (1.0 / fan_in as f64).sqrt() / CUT_STD;
        self.fill(shape, |rng, _| normal_within(rng, 2.0) * std)
    }
}

/// A unit normal draw with absolute value at most `bound`.
fn normal_within(rng: &mut dyn Rng, bound: f64) -> f64 {
    loop {
        let x: f64 = StandardNormal.sample(rng);
        if x.abs() <= bound {
            return x;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(param: &Param<Tensor<2>>) -> (f64, f64, f64) {
        let values = param.val().into_data().try_to_vec::<f32>().unwrap();
        let n = values.len() as f64;
        let mean = values.iter().map(|&x| f64::from(x)).sum::<f64>() / n;
        let var = values
            .iter()
            .map(|&x| (f64::from(x) - mean).powi(2))
            .sum::<f64>()
            / n;
        let max = values
            .iter()
            .fold(0.0, |m: f64, &x| m.max(f64::from(x).abs()));
        (mean, var.sqrt(), max)
    }

    #[test]
    fn torch_default_is_uniform_up_to_one_over_root_fan_in() {
        let (mean, std, max) =
            moments(&Init::new(0, &Device::flex()).torch_default([400, 100], 100));
        assert!(mean.abs() < 1e-3 && max <= 0.1 && max > 0.0999);
        assert!((std - 0.1 / 3.0_f64.sqrt()).abs() < 1e-3);
    }

    #[test]
    fn lecun_normal_has_variance_one_over_fan_in() {
        let (mean, std, max) =
            moments(&Init::new(1, &Device::flex()).lecun_normal([400, 100], 100));
        assert!(mean.abs() < 2e-3 && (std - 0.1).abs() < 1e-3);
        assert!(max <= 2.0 * 0.1 / 0.8796 + 1e-6);
    }

    #[test]
    fn truncated_normal_keeps_small_deviations_whole() {
        let (mean, std, max) =
            moments(&Init::new(2, &Device::flex()).truncated_normal([400, 100], 0.02));
        assert!(mean.abs() < 1e-3 && (std - 0.02).abs() < 5e-4 && max > 0.06);
    }

    #[test]
    fn the_same_seed_gives_the_same_numbers() {
        let draw = |seed| {
            Init::new(seed, &Device::flex())
                .uniform([3, 5], 1.0)
                .val()
                .into_data()
        };
        assert_eq!(draw(3), draw(3));
        assert_ne!(draw(3), draw(4));
    }
}

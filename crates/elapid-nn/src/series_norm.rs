//! Normalisation of each series by its own statistics, undone on what a model makes of it.

use burn::module::{Module, Param};
use burn::tensor::{DType, Tensor, s};

use crate::Init;

/// Added to variances.
const EPSILON: f64 = 1e-5;

/// What is taken out of a series in front of a model and put back behind it. Statistics are over time, one for each
/// series and variate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeriesNormMode {
    /// Nothing.
    None,
    /// Mean and standard deviation. Gradients of the input pass through the deviation and not through the mean, as in
    /// the official code of the Non-stationary Transformer, iTransformer and S-Mamba.
    Instance,
    /// As `Instance`, with no gradient through either.
    InstanceDetached,
    /// As `InstanceDetached`, then a learned gain and offset of each variate (RevIN).
    RevinAffine,
    /// The last value, as NLinear does (arXiv 2205.13504).
    LastValue,
    /// The mean.
    MeanOnly,
}

/// Reversible normalisation of series.
///
/// ```text
/// x' = (x − μ) / √(σ² + ε) · w + b        y = (y' − b) / (w + ε²) · √(σ² + ε) + μ
/// ```
///
/// Source: RevIN (Kim et al., ICLR 2022), `RevIN/RevIN.py` of Atik-Ahamed/TimeMachine, with the names of its parameters.
#[derive(Module, Debug)]
pub struct SeriesNorm {
    /// Gain w of each variate, `[C]`.
    pub affine_weight: Option<Param<Tensor<1>>>,
    /// Offset b of each variate, `[C]`.
    pub affine_bias: Option<Param<Tensor<1>>>,
    #[module(skip)]
    mode: SeriesNormMode,
}

/// What [`SeriesNorm`] took out of series; absent where it took nothing.
#[derive(Clone, Debug)]
pub struct SeriesStatistics {
    /// `[B, 1, C]`, 32-bit.
    shift: Option<Tensor<3>>,
    /// `[B, 1, C]`, 32-bit.
    scale: Option<Tensor<3>>,
}

impl SeriesNorm {
    /// Gains start at 1 and offsets at 0; only [`SeriesNormMode::RevinAffine`] has them, and needs to know how many
    /// `variates` there are.
    pub fn new(init: &mut Init, mode: SeriesNormMode, variates: usize) -> Self {
        let learned = mode == SeriesNormMode::RevinAffine;
        let mut each = |value| learned.then(|| init.constant([variates], value));
        Self {
            affine_weight: each(1.0),
            affine_bias: each(0.0),
            mode,
        }
    }

    /// What is to be taken out, over all steps of `x`.
    ///
    /// # Shapes
    ///
    /// - x `[B, L, C]`
    pub fn statistics(&self, x: &Tensor<3>) -> SeriesStatistics {
        let x = x.clone().cast(DType::F32);
        let mean = |x: &Tensor<3>| x.clone().mean_dim(1).detach();
        let (shift, scale) = match self.mode {
            SeriesNormMode::None => (None, None),
            SeriesNormMode::MeanOnly => (Some(mean(&x)), None),
            SeriesNormMode::LastValue => {
                let [_, length, _] = x.dims();
                let last = x.slice(s![.., length - 1..length, ..]).detach();
                (Some(last), None)
            }
            SeriesNormMode::Instance => {
                let mean = mean(&x);
                let scale = deviation(x - mean.clone());
                (Some(mean), Some(scale))
            }
            SeriesNormMode::InstanceDetached | SeriesNormMode::RevinAffine => {
                let mean = mean(&x);
                let scale = deviation(x - mean.clone()).detach();
                (Some(mean), Some(scale))
            }
        };
        SeriesStatistics { shift, scale }
    }

    /// Takes `statistics` out. Shape-preserving; the result is 32-bit.
    ///
    /// # Shapes
    ///
    /// - x `[B, T, C]`, any number T of steps
    pub fn normalise(&self, x: Tensor<3>, statistics: &SeriesStatistics) -> Tensor<3> {
        let mut x = x.cast(DType::F32);
        if let Some(shift) = &statistics.shift {
            x = x - shift.clone();
        }
        if let Some(scale) = &statistics.scale {
            x = x / scale.clone();
        }
        match (&self.affine_weight, &self.affine_bias) {
            (Some(weight), Some(bias)) => x * weight.val().unsqueeze() + bias.val().unsqueeze(),
            _ => x,
        }
    }

    /// Puts `statistics` back. Shape-preserving; the result is 32-bit.
    ///
    /// # Shapes
    ///
    /// - y `[B, T, C]`, any number T of steps
    pub fn denormalise(&self, y: Tensor<3>, statistics: &SeriesStatistics) -> Tensor<3> {
        let mut y = y.cast(DType::F32);
        if let (Some(weight), Some(bias)) = (&self.affine_weight, &self.affine_bias) {
            let gain = weight.val() + EPSILON * EPSILON;
            y = (y - bias.val().unsqueeze()) / gain.unsqueeze();
        }
        if let Some(scale) = &statistics.scale {
            y = y * scale.clone();
        }
        match &statistics.shift {
            Some(shift) => y + shift.clone(),
            None => y,
        }
    }
}

/// `√(mean of squares + ε)` over time, of series whose mean was taken out.
fn deviation(centred: Tensor<3>) -> Tensor<3> {
    ((centred.clone() * centred).mean_dim(1) + EPSILON).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, Tolerance};

    const MODES: [SeriesNormMode; 6] = [
        SeriesNormMode::None,
        SeriesNormMode::Instance,
        SeriesNormMode::InstanceDetached,
        SeriesNormMode::RevinAffine,
        SeriesNormMode::LastValue,
        SeriesNormMode::MeanOnly,
    ];

    fn norm(mode: SeriesNormMode, device: &Device) -> SeriesNorm {
        let mut norm = SeriesNorm::new(&mut Init::new(0, device), mode, 2);
        if mode == SeriesNormMode::RevinAffine {
            norm.affine_weight = Some(Param::from_data([2.0, 0.5], device));
            norm.affine_bias = Some(Param::from_data([0.25, -1.0], device));
        }
        norm
    }

    #[test]
    fn what_is_taken_out_by_hand() {
        let device = Device::flex();
        let x = Tensor::<3>::from_data([[[1.0, 10.0], [3.0, 30.0]]], &device);
        // Means 2 and 20, deviations 1 and 10.
        for (mode, expected) in MODES.into_iter().zip([
            [1.0, 10.0, 3.0, 30.0],
            [-1.0, -1.0, 1.0, 1.0],
            [-1.0, -1.0, 1.0, 1.0],
            [-1.75, -1.5, 2.25, -0.5],
            [-2.0, -20.0, 0.0, 0.0],
            [-1.0, -10.0, 1.0, 10.0],
        ]) {
            let norm = norm(mode, &device);
            let y = norm.normalise(x.clone(), &norm.statistics(&x)).into_data();
            let y = y.try_to_vec::<f32>().unwrap();
            let close = y.iter().zip(expected).all(|(a, b)| (a - b).abs() < 2e-5);
            assert!(close, "{mode:?}: {y:?}");
        }
    }

    #[test]
    fn what_is_taken_out_is_put_back() {
        let device = Device::flex();
        let x = Tensor::<3>::from_data(
            [
                [[1.0, 10.0], [3.0, 30.0], [7.0, -5.0]],
                [[0.5, 0.0], [0.5, 2.0], [0.5, 1.0]],
            ],
            &device,
        );
        for mode in MODES {
            let norm = norm(mode, &device);
            let statistics = norm.statistics(&x);
            let there = norm.normalise(x.clone(), &statistics);
            let back = norm.denormalise(there, &statistics).into_data();
            back.assert_approx_eq::<f32>(&x.to_data(), Tolerance::rel_abs(1e-5, 1e-5));
        }
    }
}

//! Normalisation over the last axis, with statistics in 32 bits.

use burn::module::{Module, Param};
use burn::tensor::{DType, Tensor};
use elapid_kernels::add_norm::{AddNormInput, AddNormOptions, NormKind, add_norm};

use crate::Init;

/// `x / √(mean(x²) + ε) · w` (arXiv 1910.07467).
#[derive(Module, Debug)]
pub struct RmsNorm {
    /// `[D]`
    pub weight: Param<Tensor<1>>,
    epsilon: f64,
}

impl RmsNorm {
    /// Starts at weight 1.
    pub fn new(init: &mut Init, width: usize, epsilon: f64) -> Self {
        Self {
            weight: init.constant([width], 1.0),
            epsilon,
        }
    }

    /// Shape-preserving; the result is 32-bit.
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        let x = x.cast(DType::F32);
        let mean_square = x.clone().square().mean_dim(D - 1);
        x * (mean_square + self.epsilon).sqrt().recip() * self.weight.val().unsqueeze()
    }
}

/// `(x − mean) / √(var + ε) · w + b` (arXiv 1607.06450).
#[derive(Module, Debug)]
pub struct LayerNorm {
    /// `[D]`
    pub weight: Param<Tensor<1>>,
    /// `[D]`
    pub bias: Param<Tensor<1>>,
    epsilon: f64,
}

impl LayerNorm {
    /// Starts at weight 1, bias 0.
    pub fn new(init: &mut Init, width: usize, epsilon: f64) -> Self {
        Self {
            weight: init.constant([width], 1.0),
            bias: init.constant([width], 0.0),
            epsilon,
        }
    }

    /// Shape-preserving; the result is 32-bit.
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        let x = x.cast(DType::F32);
        let centred = x.clone() - x.mean_dim(D - 1);
        let variance = centred.clone().square().mean_dim(D - 1);
        let normal = centred * (variance + self.epsilon).sqrt().recip();
        normal * self.weight.val().unsqueeze() + self.bias.val().unsqueeze()
    }
}

/// The norm of a block.
#[derive(Module, Debug)]
pub enum Norm {
    /// Root mean square.
    Rms(RmsNorm),
    /// Mean and variance.
    Layer(LayerNorm),
}

impl Norm {
    /// RMS norm if `rms`, layer norm otherwise: the official flag `rms_norm`.
    pub fn new(init: &mut Init, rms: bool, width: usize, epsilon: f64) -> Self {
        match rms {
            true => Self::Rms(RmsNorm::new(init, width, epsilon)),
            false => Self::Layer(LayerNorm::new(init, width, epsilon)),
        }
    }

    /// Adds `hidden`, scaled per sequence, to the residual stream and normalises the sum: the normalised sum in the
    /// type of `hidden`, and the new stream. Without a stream, one starts, in 32 bits or in the type of `hidden`.
    ///
    /// # Shapes
    ///
    /// - hidden, residual, both outputs `[B, L, D]`
    /// - row_scale `[B]`
    pub fn add(
        &self,
        hidden: Tensor<3>,
        residual: Option<Tensor<3>>,
        row_scale: Option<Tensor<1>>,
        residual_in_fp32: bool,
    ) -> (Tensor<3>, Tensor<3>) {
        let (kind, epsilon, weight, bias) = match self {
            Self::Rms(norm) => (NormKind::Rms, norm.epsilon, &norm.weight, None),
            Self::Layer(norm) => (
                NormKind::Layer,
                norm.epsilon,
                &norm.weight,
                Some(norm.bias.val()),
            ),
        };
        let input = AddNormInput {
            hidden,
            residual,
            row_scale,
            weight: weight.val(),
            bias,
        };
        let options = AddNormOptions {
            kind,
            epsilon,
            residual_in_fp32,
        };
        add_norm(input, options)
    }

    /// Shape-preserving; the result is 32-bit.
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Rms(norm) => norm.forward(x),
            Self::Layer(norm) => norm.forward(x),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    fn row(x: Tensor<2>) -> Vec<f32> {
        x.into_data().try_to_vec::<f32>().unwrap()
    }

    #[test]
    fn rms_norm_by_hand() {
        let device = Device::flex();
        let norm = RmsNorm::new(&mut Init::new(0, &device), 2, 0.0);
        let y = row(norm.forward(Tensor::<2>::from_data([[3.0, 4.0]], &device)));
        let rms = 12.5_f32.sqrt();
        assert!((y[0] - 3.0 / rms).abs() < 1e-6 && (y[1] - 4.0 / rms).abs() < 1e-6);
    }

    #[test]
    fn layer_norm_by_hand() {
        let device = Device::flex();
        let norm = LayerNorm::new(&mut Init::new(0, &device), 2, 0.0);
        let y = row(norm.forward(Tensor::<2>::from_data([[3.0, 7.0]], &device)));
        assert!((y[0] + 1.0).abs() < 1e-6 && (y[1] - 1.0).abs() < 1e-6);
    }
}

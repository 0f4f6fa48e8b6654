//! Normalisation over the last axis, with statistics in 32 bits.

use burn::module::{Module, Param};
use burn::tensor::{DType, Tensor};
use elapid_kernels::{AddNormInput, AddNormOptions, NormKind, add_norm};

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
        normalise(x, |rows| self.operands(rows))
    }

    fn operands(&self, hidden: Tensor<3>) -> (AddNormInput, AddNormOptions) {
        let input = AddNormInput::new(hidden, self.weight.val());
        let options = AddNormOptions {
            kind: NormKind::Rms,
            epsilon: self.epsilon,
            ..AddNormOptions::default()
        };
        (input, options)
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
        normalise(x, |rows| self.operands(rows))
    }

    fn operands(&self, hidden: Tensor<3>) -> (AddNormInput, AddNormOptions) {
        let input = AddNormInput::new(hidden, self.weight.val()).with_bias(self.bias.val());
        let options = AddNormOptions {
            kind: NormKind::Layer,
            epsilon: self.epsilon,
            ..AddNormOptions::default()
        };
        (input, options)
    }
}

/// Normalises rows of 32-bit numbers, which `norm` makes operands of.
fn normalise<const D: usize>(
    x: Tensor<D>,
    norm: impl FnOnce(Tensor<3>) -> (AddNormInput, AddNormOptions),
) -> Tensor<D> {
    let shape = x.dims();
    let width = shape[D - 1];
    let rows = shape[..D - 1].iter().product::<usize>();
    let (input, options) = norm(x.cast(DType::F32).reshape([1, rows, width]));
    let (normal, _) = add_norm(input, options);
    normal.reshape(shape)
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

    /// Shape-preserving; the result is 32-bit.
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Rms(norm) => norm.forward(x),
            Self::Layer(norm) => norm.forward(x),
        }
    }

    /// Adds a hidden state to the residual stream and normalises the sum: one step between two blocks. Returns
    /// the normalised sum in the type of `hidden`, and the sum in that of the stream.
    ///
    /// Without a stream, `hidden` starts one, in 32 bits if `residual_in_fp32`. A `scale` multiplies every
    /// sample's hidden state ([`drop_path`](crate::drop_path)); no gradient flows to it.
    ///
    /// # Shapes
    ///
    /// - hidden, residual, outputs `[B, L, D]`
    /// - scale `[B]`
    pub fn add(
        &self,
        hidden: Tensor<3>,
        residual: Option<Tensor<3>>,
        scale: Option<Tensor<1>>,
        residual_in_fp32: bool,
    ) -> (Tensor<3>, Tensor<3>) {
        let (input, options) = match self {
            Self::Rms(norm) => norm.operands(hidden),
            Self::Layer(norm) => norm.operands(hidden),
        };
        let options = AddNormOptions {
            residual_in_fp32,
            ..options
        };
        let input = AddNormInput {
            residual,
            row_scale: scale,
            ..input
        };
        add_norm(input, options)
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

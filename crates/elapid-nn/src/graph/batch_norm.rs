//! Batch normalisation over rows (arXiv 1502.03167).

use burn::module::{Module, Param};
use burn::tensor::{DType, Tensor};

use elapid_kernels::rows::{repeat_row, sum_rows};

use super::RealRows;
use crate::{Init, Noise};

/// How much of a batch's statistics the running ones take over; PyTorch's default.
pub const BATCH_NORM_MOMENTUM: f64 = 0.1;

const EPSILON: f64 = 1e-5;

/// `(x − mean) / √(var + ε) · w + b`, channel by channel, over all rows of a batch in training and with running statistics
/// in evaluation, as PyTorch's `BatchNorm1d`.
///
/// The running statistics are parameters, so that they are copied, averaged, written and read with the others, but no loss
/// depends on them: a training pass hands the batch's statistics to its [`Noise`] ([`Noise::statistics`]), whose sum a task adds to
/// its loss. It is zero, and its gradient with respect to a running statistic is the batch's, which the trainer takes
/// for what it is, by the parameter's role. So statistics are collected over the parts of a batch and over devices as gradients
/// are, each part by its share, and recorded steps need no word of them.
#[derive(Module, Debug)]
pub struct BatchNorm {
    /// `[D]`
    pub weight: Param<Tensor<1>>,
    /// `[D]`
    pub bias: Param<Tensor<1>>,
    /// `[D]`
    pub running_mean: Param<Tensor<1>>,
    /// `[D]`, with Bessel's correction.
    pub running_var: Param<Tensor<1>>,
}

impl BatchNorm {
    /// Starts at weight 1, bias 0, mean 0, variance 1.
    pub fn new(init: &mut Init, width: usize) -> Self {
        Self {
            weight: init.constant([width], 1.0),
            bias: init.constant([width], 0.0),
            running_mean: init.constant([width], 0.0),
            running_var: init.constant([width], 1.0),
        }
    }

    /// Training if there is noise, else evaluation. In training the statistics are those of the rows that `real` names; all
    /// without. The other rows come out as zeros: nothing keeps them in bounds, and what grows through many layers ends
    /// as infinity, times a loss of zero.
    ///
    /// # Shapes
    ///
    /// - x, output `[rows, D]`, in one type; statistics are 32-bit
    pub fn forward(
        &self,
        x: Tensor<2>,
        real: Option<&RealRows>,
        noise: Option<&mut Noise>,
    ) -> Tensor<2> {
        let dtype = x.dtype();
        let (shape, x) = (x.dims(), x.cast(DType::F32));
        let wide = |row: Tensor<1>| row.cast(DType::F32);
        let (centred, variance) = match noise {
            Some(noise) => self.of_batch(x, real, noise),
            None => (
                x - repeat_row(wide(self.running_mean.val()), shape),
                wide(self.running_var.val()),
            ),
        };
        let scale = (variance + EPSILON).sqrt().recip() * wide(self.weight.val());
        let y = centred * repeat_row(scale, shape) + repeat_row(wide(self.bias.val()), shape);
        let y = match real {
            Some(real) => y * real.weights.clone(),
            None => y,
        };
        y.cast(dtype)
    }

    /// As [`forward`](Self::forward) over all positions of a grid, as PyTorch's `BatchNorm2d`.
    ///
    /// # Shapes
    ///
    /// - x, output `[B, H, W, D]`, in one type; statistics are 32-bit
    pub fn forward_grid(&self, x: Tensor<4>, noise: Option<&mut Noise>) -> Tensor<4> {
        let shape = x.dims();
        let [batch, height, width, channels] = shape;
        let rows = x.reshape([batch * height * width, channels]);
        self.forward(rows, None, noise).reshape(shape)
    }

    /// Rows less their mean, and the variance, `[D]`.
    fn of_batch(
        &self,
        x: Tensor<2>,
        real: Option<&RealRows>,
        noise: &mut Noise,
    ) -> (Tensor<2>, Tensor<1>) {
        let mean = mean(x.clone(), real);
        let shape = x.dims();
        let centred = x - repeat_row(mean.clone(), shape);
        let variance = self::mean(centred.clone().square(), real);
        noise.track(&self.running_mean, mean);
        noise.track(&self.running_var, unbiased(&centred, &variance, real));
        (centred, variance)
    }
}

/// Mean over the rows, `[D]`.
fn mean(x: Tensor<2>, real: Option<&RealRows>) -> Tensor<1> {
    match real {
        Some(real) => sum_rows(x * real.weights.clone()) / real.count.clone(),
        None => {
            let rows = x.dims()[0] as f64;
            sum_rows(x) / rows
        }
    }
}

/// The variance `v n / (n − 1)` of n rows, `[D]`.
fn unbiased(x: &Tensor<2>, variance: &Tensor<1>, real: Option<&RealRows>) -> Tensor<1> {
    let variance = variance.clone().detach();
    match real {
        Some(real) => {
            let count = real.count.clone();
            variance * (count.clone() / count.sub_scalar(1.0).clamp_min(1.0))
        }
        None => {
            let rows = x.dims()[0] as f64;
            variance.mul_scalar(rows / (rows - 1.0).max(1.0))
        }
    }
}

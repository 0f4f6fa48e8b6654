//! Batch normalisation over rows (arXiv 1502.03167).

use burn::module::{Module, Param};
use burn::tensor::{DType, Tensor};

use elapid_kernels::batch_norm::{BatchNormInput, Real, batch_norm};
use elapid_kernels::rows::repeat_row;

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

    /// Training if there is noise of training, else evaluation. In training the statistics are those of the rows that `real` names; all
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
        match noise.filter(|noise| noise.trains()) {
            Some(noise) => self.of_batch(x, real, noise),
            None => self.of_running(x, real),
        }
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

    /// By the statistics of the batch, which the noise takes note of.
    fn of_batch(&self, x: Tensor<2>, real: Option<&RealRows>, noise: &mut Noise) -> Tensor<2> {
        let input = BatchNormInput {
            x,
            weight: self.weight.val(),
            bias: self.bias.val(),
            real: real.map(|real| Real {
                weights: real.weights.clone(),
                count: real.count.clone(),
            }),
        };
        let output = batch_norm(input, EPSILON);
        noise.track(&self.running_mean, output.mean);
        noise.track(&self.running_var, output.unbiased);
        output.y
    }

    /// By the running statistics.
    fn of_running(&self, x: Tensor<2>, real: Option<&RealRows>) -> Tensor<2> {
        let dtype = x.dtype();
        let (shape, x) = (x.dims(), x.cast(DType::F32));
        let wide = |row: &Param<Tensor<1>>| row.val().cast(DType::F32);
        let centred = x - repeat_row(wide(&self.running_mean), shape);
        let scale = (wide(&self.running_var) + EPSILON).sqrt().recip() * wide(&self.weight);
        let y = centred * repeat_row(scale, shape) + repeat_row(wide(&self.bias), shape);
        let y = match real {
            Some(real) => y * real.weights.clone(),
            None => y,
        };
        y.cast(dtype)
    }
}

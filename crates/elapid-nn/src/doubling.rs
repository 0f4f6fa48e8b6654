//! Twice as fine a grid of tokens.

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use elapid_kernels::linear;

use crate::Init;

/// A transposed convolution with a kernel and a stride of two. Its windows do not overlap, so it is one product with a
/// matrix, and every token becomes a square of four.
#[derive(Module, Debug)]
pub struct Doubling {
    /// `[in, out, 2, 2]`, as PyTorch's `ConvTranspose2d`.
    pub weight: Param<Tensor<4>>,
    /// `[out]`
    pub bias: Param<Tensor<1>>,
}

impl Doubling {
    /// PyTorch's default initialisation, whose fan-in of a transposed convolution is that of its outputs.
    pub fn new(init: &mut Init, inputs: usize, outputs: usize) -> Self {
        let fan_in = 4 * outputs;
        Self {
            weight: init.torch_default([inputs, outputs, 2, 2], fan_in),
            bias: init.torch_default([outputs], fan_in),
        }
    }

    /// # Shapes
    ///
    /// - x `[B, H, W, in]`
    /// - output `[B, 2 H, 2 W, out]`, in the type of x
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [batch, height, width, _] = x.dims();
        let [inputs, outputs, _, _] = self.weight.dims();
        let rows = self.weight.val().permute([2, 3, 1, 0]);
        let y = linear(x, rows.reshape([4 * outputs, inputs]), None);
        let y = y
            .reshape([batch, height, width, 2, 2, outputs])
            .permute([0, 1, 3, 2, 4, 5])
            .reshape([batch, 2 * height, 2 * width, outputs]);
        y.clone() + self.bias.val().cast(y.dtype()).unsqueeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::module::conv_transpose2d;
    use burn::tensor::ops::ConvTransposeOptions;
    use burn::tensor::{Device, Distribution, Tolerance};

    #[test]
    fn it_equals_the_transposed_convolution() {
        let device = Device::flex();
        let doubling = Doubling::new(&mut Init::new(0, &device), 5, 3);
        let x = Tensor::<4>::random([2, 4, 6, 5], Distribution::Default, &device);
        let options = ConvTransposeOptions::new([2, 2], [0, 0], [0, 0], [1, 1], 1);
        let expected = conv_transpose2d(
            x.clone().permute([0, 3, 1, 2]),
            doubling.weight.val(),
            Some(doubling.bias.val()),
            options,
        );
        let expected = expected.permute([0, 2, 3, 1]).into_data();
        let y = doubling.forward(x).into_data();
        y.assert_approx_eq::<f32>(&expected, Tolerance::rel_abs(1e-5, 1e-6));
    }
}

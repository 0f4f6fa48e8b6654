//! Convolution over a grid of tokens.

use burn::module::{Module, Param};
use burn::tensor::{Tensor, module::conv2d, ops::ConvOptions};

use crate::Init;

/// A convolution with an odd square kernel that keeps the size of the grid.
#[derive(Module, Debug)]
pub struct Conv2d {
    /// `[out, in, K, K]`
    pub weight: Param<Tensor<4>>,
    /// `[out]`
    pub bias: Option<Param<Tensor<1>>>,
}

impl Conv2d {
    /// PyTorch's default initialisation.
    ///
    /// # Panics
    ///
    /// Panics if the kernel is even.
    pub fn new(init: &mut Init, inputs: usize, outputs: usize, kernel: usize, bias: bool) -> Self {
        assert!(kernel % 2 == 1, "a kernel of {kernel} has no middle");
        let fan_in = inputs * kernel * kernel;
        Self {
            weight: init.torch_default([outputs, inputs, kernel, kernel], fan_in),
            bias: bias.then(|| init.torch_default([outputs], fan_in)),
        }
    }

    /// # Shapes
    ///
    /// - x `[B, H, W, in]`
    /// - output `[B, H, W, out]`, in the type of x
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [_, _, kernel, _] = self.weight.dims();
        let around = [kernel / 2, kernel / 2];
        let options = ConvOptions::new([1, 1], around, [1, 1], 1);
        let weight = self.weight.val().cast(x.dtype());
        let bias = self.bias.as_ref().map(|bias| bias.val().cast(x.dtype()));
        conv2d(x.permute([0, 3, 1, 2]), weight, bias, options).permute([0, 2, 3, 1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn the_kernel_lies_as_in_pytorch() {
        let device = Device::flex();
        let mut conv = Conv2d::new(&mut Init::new(0, &device), 1, 1, 3, true);
        let kernel: Vec<f32> = (1..10).map(|x| x as f32).collect();
        conv.weight = Param::from_tensor(
            Tensor::<1>::from_floats(kernel.as_slice(), &device).reshape([1, 1, 3, 3]),
        );
        conv.bias = Some(Param::from_data([0.5], &device));
        let mut spot = vec![0.0_f32; 9];
        spot[4] = 1.0;
        let x = Tensor::<1>::from_floats(spot.as_slice(), &device).reshape([1, 3, 3, 1]);
        let y = conv.forward(x).into_data().try_to_vec::<f32>().unwrap();
        // A cross-correlation shows the kernel turned around a spot.
        let expected: Vec<f32> = (1..10).rev().map(|x| x as f32 + 0.5).collect();
        assert_eq!(y, expected);
    }
}

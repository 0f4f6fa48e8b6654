//! Convolutions along a sequence that mix channels, with PyTorch's weight layout.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::module::conv1d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::s;
use elapid_kernels::linear;

use crate::Init;

/// A convolution of one tap: the same affine map of every token, stored as `nn.Conv1d` stores it.
#[derive(Module, Debug)]
pub struct PointwiseConv1d {
    /// `[out, in, 1]`
    pub weight: Param<Tensor<3>>,
    /// `[out]`
    pub bias: Param<Tensor<1>>,
}

impl PointwiseConv1d {
    /// PyTorch's default initialisation.
    pub fn new(init: &mut Init, inputs: usize, outputs: usize) -> Self {
        Self {
            weight: init.torch_default([outputs, inputs, 1], inputs),
            bias: init.torch_default([outputs], inputs),
        }
    }

    /// # Shapes
    ///
    /// - input `[B, L, in]`
    /// - output `[B, L, out]`
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let weight = self.weight.val().squeeze_dim::<2>(2);
        linear(x, weight, Some(self.bias.val()))
    }
}

/// A convolution whose output is as long as its input, which goes on with its first and last value; without a bias.
///
/// Of an even number of taps, the smaller half of what is missing is put in front, as PyTorch's
/// `padding="same", padding_mode="replicate"` does.
#[derive(Module, Debug)]
pub struct ReplicateConv1d {
    /// `[out, in, K]`
    pub weight: Param<Tensor<3>>,
}

impl ReplicateConv1d {
    /// Normal with variance `2 / (in · K)`: PyTorch's `kaiming_normal_` for leaky ReLU with slope 0, as the official
    /// embeddings of series start.
    pub fn new(init: &mut Init, inputs: usize, outputs: usize, taps: usize) -> Self {
        let std = (2.0 / (inputs * taps) as f64).sqrt();
        Self {
            weight: init.normal([outputs, inputs, taps], std),
        }
    }

    /// # Shapes
    ///
    /// - input `[B, L, in]`
    /// - output `[B, L, out]`
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let [_, length, _] = x.dims();
        let [_, _, taps] = self.weight.dims();
        let (front, back) = ((taps - 1) / 2, taps / 2);
        let mut parts = Vec::new();
        if front > 0 {
            parts.push(x.clone().slice(s![.., 0..1, ..]).repeat_dim(1, front));
        }
        parts.push(x.clone());
        if back > 0 {
            let last = x.slice(s![.., length - 1..length, ..]);
            parts.push(last.repeat_dim(1, back));
        }
        let padded = Tensor::cat(parts, 1).swap_dims(1, 2);
        let weight = self.weight.val().cast(padded.dtype());
        conv1d(padded, weight, None, ConvOptions::new([1], [0], [1], 1)).swap_dims(1, 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn edges_go_on_and_even_windows_lean_backward() {
        let device = Device::flex();
        let x = Tensor::<3>::from_data([[[1.0], [2.0], [4.0]]], &device);
        let of = |weight: Tensor<3>| {
            let conv = ReplicateConv1d {
                weight: Param::from_tensor(weight),
            };
            let y = conv.forward(x.clone()).into_data();
            y.try_to_vec::<f32>().unwrap()
        };
        let three = Tensor::<3>::from_data([[[100.0, 10.0, 1.0]]], &device);
        assert_eq!(of(three), [112.0, 124.0, 244.0]);
        let two = Tensor::<3>::from_data([[[10.0, 1.0]]], &device);
        assert_eq!(of(two), [12.0, 24.0, 44.0]);
    }

    #[test]
    fn one_tap_is_a_linear_map() {
        let device = Device::flex();
        let mut conv = PointwiseConv1d::new(&mut Init::new(0, &device), 2, 1);
        conv.weight = Param::from_data([[[2.0], [3.0]]], &device);
        conv.bias = Param::from_data([1.0], &device);
        let y = conv.forward(Tensor::from_data([[[1.0, 1.0], [0.0, 2.0]]], &device));
        assert_eq!(y.into_data().try_to_vec::<f32>().unwrap(), [6.0, 7.0]);
    }
}

//! Affine map with PyTorch's weight layout.

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use elapid_kernels::linear;

use crate::Init;

/// `y = x Wᵀ + b`.
///
/// Burn's own `Linear` stores `[in, out]`; this one stores `[out, in]`, the shape in every official
/// checkpoint, so that weights load, save and are compared without transposition.
#[derive(Module, Debug)]
pub struct Linear {
    /// `[out, in]`
    pub weight: Param<Tensor<2>>,
    /// `[out]`
    pub bias: Option<Param<Tensor<1>>>,
}

impl Linear {
    /// PyTorch's default initialisation.
    pub fn new(init: &mut Init, inputs: usize, outputs: usize, bias: bool) -> Self {
        Self {
            weight: init.torch_default([outputs, inputs], inputs),
            bias: bias.then(|| init.torch_default([outputs], inputs)),
        }
    }

    /// # Shapes
    ///
    /// - input `[.., in]`
    /// - output `[.., out]`
    ///
    /// # Panics
    ///
    /// Panics if the last axis of the input is not `in`.
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        linear(x, self.weight.val(), self.bias.as_ref().map(Param::val))
    }

    /// `x Wᵀ`, for a caller that adds the bias elsewhere. Shapes as for [`forward`](Self::forward).
    pub fn unbiased<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        linear(x, self.weight.val(), None)
    }

    /// `(factor · x) Wᵀ + b`, without a pass over x: the weights are few.
    pub fn forward_scaled<const D: usize>(&self, x: Tensor<D>, factor: f64) -> Tensor<D> {
        let weight = self.weight.val().mul_scalar(factor);
        linear(x, weight, self.bias.as_ref().map(Param::val))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn forward_is_x_times_w_transposed_plus_b() {
        let device = Device::flex();
        let mut linear = Linear::new(&mut Init::new(0, &device), 2, 3, true);
        linear.weight = Param::from_data([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], &device);
        linear.bias = Some(Param::from_data([0.5, 0.0, -1.0], &device));
        let y = linear.forward(Tensor::<3>::from_data([[[1.0, 1.0], [2.0, 0.0]]], &device));
        let values = y.into_data().try_to_vec::<f32>().unwrap();
        assert_eq!(values, [3.5, 7.0, 10.0, 2.5, 6.0, 9.0]);
    }
}

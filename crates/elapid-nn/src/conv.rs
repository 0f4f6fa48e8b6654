//! Depthwise convolution along the sequence, with PyTorch's weight layout.

use burn::module::{Module, Param};
use burn::tensor::{Bool, Tensor};
use elapid_kernels::{ConvInput, ConvOptions, causal_conv1d};

use crate::Init;

/// Causal depthwise convolution followed by SiLU; see [`causal_conv1d()`].
#[derive(Module, Debug)]
pub struct DepthwiseConv1d {
    /// `[E, 1, K]`
    pub weight: Param<Tensor<3>>,
    /// `[E]`
    pub bias: Option<Param<Tensor<1>>>,
}

impl DepthwiseConv1d {
    /// PyTorch's default initialisation: `U(±1/√K)` for weight and bias.
    pub fn new(init: &mut Init, channels: usize, taps: usize, bias: bool) -> Self {
        Self {
            weight: init.torch_default([channels, 1, taps], taps),
            bias: bias.then(|| init.torch_default([channels], taps)),
        }
    }

    /// Number of taps, K.
    pub fn taps(&self) -> usize {
        self.weight.dims()[2]
    }

    /// # Shapes
    ///
    /// - x, output `[B, L, E]`
    /// - reset `[B, L]`, true at the first token of every packed sequence
    pub fn forward(
        &self,
        x: Tensor<3>,
        reset: Option<Tensor<2, Bool>>,
        reverse: bool,
    ) -> Tensor<3> {
        causal_conv1d(
            self.operands(x, reset),
            ConvOptions {
                silu: true,
                reverse,
            },
        )
    }

    /// The operator's operands for the input `x`.
    pub(crate) fn operands(&self, x: Tensor<3>, reset: Option<Tensor<2, Bool>>) -> ConvInput {
        ConvInput {
            x,
            weight: self.weight.val().squeeze_dim::<2>(1),
            bias: self.bias.as_ref().map(Param::val),
            initial_columns: None,
            reset,
        }
    }
}

//! What the heads are made of.

use burn::module::{Module, Param};
use burn::tensor::{Tensor, activation};
use elapid_nn::graph::BatchNorm;
use elapid_nn::{Conv2d, Init, LayerNorm, Linear, Noise};

/// ε of the norms over channels.
const EPSILON: f64 = 1e-5;

/// A norm over the channels of each position.
#[derive(Module, Debug)]
pub struct ChannelNorm {
    /// The norm.
    pub norm: LayerNorm,
}

impl ChannelNorm {
    pub(super) fn new(init: &mut Init, width: usize) -> Self {
        Self {
            norm: LayerNorm::new(init, width, EPSILON),
        }
    }

    /// Keeps shape and type.
    pub(super) fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let dtype = x.dtype();
        self.norm.forward(x).cast(dtype)
    }
}

/// A convolution of one token, a batch norm, ReLU: mmcv's `ConvModule` with a kernel of 1.
#[derive(Module, Debug)]
pub struct PointUnit {
    /// `[out, in]`
    pub conv: Linear,
    /// Behind it.
    pub bn: BatchNorm,
}

impl PointUnit {
    pub(super) fn new(init: &mut Init, inputs: usize, outputs: usize) -> Self {
        Self {
            conv: Linear::new(init, inputs, outputs, false),
            bn: BatchNorm::new(init, outputs),
        }
    }

    pub(super) fn forward(&self, x: Tensor<4>, noise: Option<&mut Noise>) -> Tensor<4> {
        activation::relu(self.bn.forward_grid(self.conv.forward(x), noise))
    }
}

/// A convolution of 3 × 3 tokens, a batch norm, ReLU: mmcv's `ConvModule` with a kernel of 3.
#[derive(Module, Debug)]
pub struct ConvUnit {
    /// `[out, in, 3, 3]`
    pub conv: Conv2d,
    /// Behind it.
    pub bn: BatchNorm,
}

impl ConvUnit {
    pub(super) fn new(init: &mut Init, inputs: usize, outputs: usize) -> Self {
        Self {
            conv: Conv2d::new(init, inputs, outputs, 3, false),
            bn: BatchNorm::new(init, outputs),
        }
    }

    pub(super) fn forward(&self, x: Tensor<4>, noise: Option<&mut Noise>) -> Tensor<4> {
        activation::relu(self.bn.forward_grid(self.conv.forward(x), noise))
    }
}

/// The last layer of a head.
pub(super) fn scores(init: &mut Init, inputs: usize, classes: usize) -> Linear {
    let weight = init.truncated_normal([classes, inputs], 0.01);
    let bias: Param<Tensor<1>> = init.constant([classes], 0.0);
    Linear {
        weight,
        bias: Some(bias),
    }
}

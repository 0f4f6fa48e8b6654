//! What the heads are made of.
//!
//! The official heads normalise with statistics of the batch over all devices (SyncBN). Here channels are normalised
//! position by position: running statistics would be a state of the step besides the weights, which recorded steps,
//! teams of devices and micro-batches do not have.

use burn::module::{Module, Param};
use burn::tensor::{Tensor, activation};
use elapid_nn::{Conv2d, Init, LayerNorm, Linear};

/// ε of the norms, as of PyTorch's batch norm.
const EPSILON: f64 = 1e-5;

/// A norm over channels.
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

/// A convolution of one token, a norm, ReLU.
#[derive(Module, Debug)]
pub struct PointUnit {
    /// `[out, in]`
    pub conv: Linear,
    /// Behind it.
    pub norm: LayerNorm,
}

impl PointUnit {
    pub(super) fn new(init: &mut Init, inputs: usize, outputs: usize) -> Self {
        Self {
            conv: Linear::new(init, inputs, outputs, false),
            norm: LayerNorm::new(init, outputs, EPSILON),
        }
    }

    pub(super) fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        rectified(&self.norm, self.conv.forward(x))
    }
}

/// A convolution of 3 × 3 tokens, a norm, ReLU.
#[derive(Module, Debug)]
pub struct ConvUnit {
    /// `[out, in, 3, 3]`
    pub conv: Conv2d,
    /// Behind it.
    pub norm: LayerNorm,
}

impl ConvUnit {
    pub(super) fn new(init: &mut Init, inputs: usize, outputs: usize) -> Self {
        Self {
            conv: Conv2d::new(init, inputs, outputs, 3, false),
            norm: LayerNorm::new(init, outputs, EPSILON),
        }
    }

    pub(super) fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        rectified(&self.norm, self.conv.forward(x))
    }
}

fn rectified(norm: &LayerNorm, x: Tensor<4>) -> Tensor<4> {
    let dtype = x.dtype();
    activation::relu(norm.forward(x).cast(dtype))
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

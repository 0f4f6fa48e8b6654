//! A convolution and scores: the head that helps in training (arXiv 1411.4038).

use burn::module::Module;
use burn::tensor::Tensor;
use elapid_nn::{Init, Linear, Noise, dropout_channels};

use super::part::{ConvUnit, scores};

/// One convolution and scores of one feature map.
#[derive(Module, Debug)]
pub struct FcnHead {
    /// Of 3 × 3 tokens.
    pub convs: ConvUnit,
    /// `[classes, inner]`
    pub conv_seg: Linear,
    dropout: f64,
}

impl FcnHead {
    pub(super) fn new(
        init: &mut Init,
        [width, inner]: [usize; 2],
        dropout: f64,
        classes: usize,
    ) -> Self {
        Self {
            convs: ConvUnit::new(init, width, inner),
            conv_seg: scores(init, inner, classes),
            dropout,
        }
    }

    /// `[B, H, W, D]` to `[B, H, W, classes]`.
    pub(super) fn forward(&self, map: Tensor<4>, noise: Option<&mut Noise>) -> Tensor<4> {
        let x = dropout_channels(self.convs.forward(map), self.dropout, noise);
        self.conv_seg.forward(x)
    }
}

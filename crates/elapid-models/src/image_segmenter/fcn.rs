//! A convolution and scores: the head that helps in training (arXiv 1411.4038), mmsegmentation's `FCNHead`.

use burn::module::Module;
use burn::tensor::Tensor;
use elapid_nn::{Init, Linear, Noise, dropout_channels};

use super::part::{ConvUnit, scores};

/// One convolution and scores of one feature map.
#[derive(Module, Debug)]
pub struct FcnHead {
    /// One of 3 × 3 tokens.
    pub convs: Vec<ConvUnit>,
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
            convs: vec![ConvUnit::new(init, width, inner)],
            conv_seg: scores(init, inner, classes),
            dropout,
        }
    }

    /// `[B, H, W, D]` to `[B, H, W, classes]`.
    pub(super) fn forward(&self, map: Tensor<4>, mut noise: Option<&mut Noise>) -> Tensor<4> {
        let mut x = map;
        for conv in &self.convs {
            x = conv.forward(x, noise.as_deref_mut());
        }
        self.conv_seg
            .forward(dropout_channels(x, self.dropout, noise))
    }
}

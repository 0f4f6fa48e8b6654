//! Images to class scores.

use burn::module::Module;
use burn::tensor::{Tensor, TensorData};
use elapid_nn::{Init, Linear, Noise, Seen, show};

use crate::checkpoint::PositionRule;
use crate::{TapValue, Vim};

/// A backbone that turns images into read-out tokens.
#[derive(Module, Debug)]
pub enum ImageBackbone {
    /// Vision Mamba.
    Vim(Vim),
}

impl ImageBackbone {
    /// # Shapes
    ///
    /// - images `[B, C, H, W]`
    /// - output `[B, T, D]`: the tokens that the head reads, usually one
    pub fn forward(&self, images: Tensor<4>, noise: Option<&mut Noise>) -> Tensor<3> {
        match self {
            Self::Vim(vim) => vim.forward(images, noise),
        }
    }

    /// As [`Vim::taps`].
    pub fn taps(
        &self,
        images: Tensor<4>,
        taps: &[usize],
        value: TapValue,
        noise: Option<&mut Noise>,
    ) -> Vec<Tensor<4>> {
        match self {
            Self::Vim(vim) => vim.taps(images, taps, value, noise),
        }
    }

    /// Width D of tokens.
    pub fn width(&self) -> usize {
        match self {
            Self::Vim(vim) => vim.width(),
        }
    }

    /// Number of blocks.
    pub fn depth(&self) -> usize {
        match self {
            Self::Vim(vim) => vim.depth(),
        }
    }

    /// Distance between patches, pixels.
    pub fn stride(&self) -> usize {
        match self {
            Self::Vim(vim) => vim.stride(),
        }
    }

    /// As [`ImageClassifier::resized_positions`].
    pub fn resized_positions(&self, table: &TensorData, rule: PositionRule) -> Option<TensorData> {
        match self {
            Self::Vim(vim) => vim.resized_positions(table, rule),
        }
    }
}

/// A backbone and a linear head. Where the backbone gives several read-out tokens, the score of a
/// class is its largest over them (the official `final_pool_type = "max"`).
#[derive(Module, Debug)]
pub struct ImageClassifier {
    /// Images to tokens.
    pub backbone: ImageBackbone,
    /// Tokens to scores, `[classes, D]`.
    pub head: Linear,
}

impl ImageClassifier {
    /// Head as timm initialises it: weight N(0, 0.02), bias 0.
    pub fn new(init: &mut Init, backbone: ImageBackbone, classes: usize) -> Self {
        let weight = init.truncated_normal([classes, backbone.width()], 0.02);
        let head = Linear {
            weight,
            bias: Some(init.constant([classes], 0.0)),
        };
        Self { backbone, head }
    }

    /// # Shapes
    ///
    /// - images `[B, C, H, W]`
    /// - output `[B, classes]`, scores before the softmax
    pub fn forward(&self, images: Tensor<4>, mut noise: Option<&mut Noise>) -> Tensor<2> {
        let tokens = self.backbone.forward(images, noise.as_deref_mut());
        let scores = self.head.forward(tokens);
        show(noise, || Seen::output(&self.head, scores.clone()));
        match scores.dims()[1] {
            1 => scores.squeeze_dim(1),
            _ => scores.max_dim(1).squeeze_dim(1),
        }
    }

    /// A table of positions of another image size, made to fit; `None` if this model has none, or the patches make no square.
    pub fn resized_positions(&self, table: &TensorData, rule: PositionRule) -> Option<TensorData> {
        self.backbone.resized_positions(table, rule)
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.head.weight.dims()[0]
    }
}

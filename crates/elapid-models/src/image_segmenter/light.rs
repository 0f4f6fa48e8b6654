//! A head of few operations: what a small model on small images needs.

use burn::module::Module;
use burn::tensor::{Tensor, activation};
use elapid_nn::{Conv2d, Doubling, Init, Linear, Noise, Seen, dropout_channels, gelu, show};

use super::SegmenterConfig;
use super::part::{ChannelNorm, scores};

/// Doublings of the grid at most: what is finer is interpolated.
const DOUBLINGS: u32 = 2;
/// Channels at least, however often they are halved.
const FEWEST: usize = 16;

/// Normalised taps in one linear layer, a convolution among neighbours, and a finer grid with half as many channels each
/// time.
#[derive(Module, Debug)]
pub struct LightHead {
    /// One for each tap.
    pub taps: Vec<ChannelNorm>,
    /// `[width, taps · D]`
    pub fuse: Linear,
    /// Of 3 × 3 tokens.
    pub mix: Mix,
    /// From the grid of the patches to a finer one.
    pub up: Vec<Step>,
    /// `[classes, channels]`
    pub scores: Linear,
    dropout: f64,
}

/// A convolution with a norm behind it, and ReLU.
#[derive(Module, Debug)]
pub struct Mix {
    /// `[out, in, 3, 3]`
    pub conv: Conv2d,
    /// Behind it.
    pub norm: ChannelNorm,
}

/// A doubling with a norm behind it.
#[derive(Module, Debug)]
pub struct Step {
    /// Twice the rows and columns.
    pub deconv: Doubling,
    /// Behind it.
    pub norm: ChannelNorm,
}

impl LightHead {
    /// For taps of `width` channels at a distance of `stride` pixels.
    pub(super) fn new(
        init: &mut Init,
        config: &SegmenterConfig,
        [width, stride]: [usize; 2],
        classes: usize,
    ) -> Self {
        let taps = (0..config.taps)
            .map(|_| ChannelNorm::new(init, width))
            .collect();
        let fuse = Linear::new(init, config.taps * width, config.width, true);
        let mix = Mix {
            conv: Conv2d::new(init, config.width, config.width, 3, false),
            norm: ChannelNorm::new(init, config.width),
        };
        let mut channels = config.width;
        let up = (0..stride.ilog2().min(DOUBLINGS)).map(|_| {
            let inputs = channels;
            channels = (inputs / 2).max(FEWEST.min(inputs));
            Step {
                deconv: Doubling::new(init, inputs, channels),
                norm: ChannelNorm::new(init, channels),
            }
        });
        let up = up.collect();
        Self {
            taps,
            fuse,
            mix,
            up,
            scores: scores(init, channels, classes),
            dropout: config.dropout,
        }
    }

    /// Maps `[B, H, W, D]` to `[B, H', W', classes]`.
    pub(super) fn forward(&self, maps: Vec<Tensor<4>>, mut noise: Option<&mut Noise>) -> Tensor<4> {
        let maps = maps.into_iter().zip(&self.taps);
        let maps = maps.map(|(map, norm)| norm.forward(map)).collect();
        let x = self.fuse.forward(Tensor::cat(maps, 3));
        let mut x = activation::relu(self.mix.norm.forward(self.mix.conv.forward(x)));
        for step in &self.up {
            x = gelu(step.norm.forward(step.deconv.forward(x)));
        }
        let x = dropout_channels(x, self.dropout, noise.as_deref_mut());
        let scores = self.scores.forward(x);
        show(noise, || {
            Seen::output(&self.scores, scores.clone().flatten::<3>(1, 2))
        });
        scores
    }
}

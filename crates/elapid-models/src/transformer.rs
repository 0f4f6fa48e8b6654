//! Layers of a transformer in the place of Mamba blocks, to compare with.

use elapid_nn::mixer::{Attention, FeedForward, Mixer};
use elapid_nn::{Block, Init, Norm};

/// Channels inside the perceptron for each of the model.
pub(crate) const EXPANSION: usize = 4;

/// The blocks of `rates.len() / 2` layers, two for each: attention, then a perceptron, both behind a norm and added to the
/// stream (a pre-norm ViT, arXiv 2010.11929). `rates` are the drop rates of the hidden states that enter the blocks.
pub(crate) fn transformer_layers(
    init: &mut Init,
    rates: Vec<f64>,
    width: usize,
    heads: usize,
    norm: impl Fn(&mut Init) -> Norm,
) -> Vec<Block> {
    let blocks = rates.into_iter().enumerate();
    let block = |(number, rate): (usize, f64)| {
        let normal = norm(init);
        let mixer = match number % 2 {
            0 => Mixer::Attention(Attention::new(init, width, heads)),
            _ => Mixer::FeedForward(FeedForward::new(init, width, EXPANSION * width)),
        };
        Block::new(normal, mixer, rate, true)
    };
    blocks.map(block).collect()
}

//! Sequence mixers, `[B, L, D] → [B, L, D]` along L.
//!
//! A new mixer is one file here, one variant of [`Mixer`] and one line in its `forward` and `dynamics`.

mod attention;
mod bidirectional;
mod feed_forward;
mod mamba;
mod selective_ssm;
mod time_variant;

use burn::module::Module;
use burn::tensor::Tensor;

use crate::Dynamics;

pub use attention::Attention;
pub use bidirectional::{BackwardBranch, BidirectionalMamba};
pub use feed_forward::FeedForward;
pub use mamba::{Mamba, MambaCache, MambaConfig};
pub use selective_ssm::{DtBias, DtInit, SelectiveSsm, SsmState};
pub use time_variant::{StepSize, TimeVariantMamba, Varying};

/// The mixer of a block.
#[allow(clippy::large_enum_variant)] // a few a model, and a module cannot be boxed
#[derive(Module, Debug)]
pub enum Mixer {
    /// Mamba-1, causal.
    Mamba(Mamba),
    /// Mamba-1 in both directions, as in Vim.
    Bidirectional(BidirectionalMamba),
    /// Self-attention.
    Attention(Attention),
    /// A multilayer perceptron on every token, the other half of a transformer's layer.
    FeedForward(FeedForward),
}

impl Mixer {
    /// # Shapes
    ///
    /// - input, output `[B, L, D]`
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        match self {
            Self::Mamba(mixer) => mixer.forward(x, None),
            Self::Bidirectional(mixer) => mixer.forward(x, None),
            Self::Attention(mixer) => mixer.forward(x),
            Self::FeedForward(mixer) => mixer.forward(x),
        }
    }

    /// [`forward`](Self::forward) of the sequence in reverse order, in the given order again.
    pub fn forward_mirrored(&self, x: Tensor<3>) -> Tensor<3> {
        match self {
            Self::Mamba(mixer) => mixer.forward_mirrored(x),
            Self::Bidirectional(mixer) => mixer.forward_mirrored(x),
            // They do not know the order.
            Self::Attention(_) | Self::FeedForward(_) => self.forward(x),
        }
    }

    /// How the scans over this input move, computed apart from [`forward`](Self::forward); empty for a mixer without
    /// a scan.
    ///
    /// # Shapes
    ///
    /// - input `[B, L, D]`
    pub fn dynamics(&self, x: Tensor<3>) -> Vec<Dynamics> {
        match self {
            Self::Mamba(mixer) => mixer.dynamics(x, None),
            Self::Bidirectional(mixer) => mixer.dynamics(x, None),
            Self::Attention(_) | Self::FeedForward(_) => Vec::new(),
        }
    }
}

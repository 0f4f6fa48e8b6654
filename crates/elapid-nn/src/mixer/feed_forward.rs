//! Two linear maps with a GELU in between, token by token.

use burn::module::Module;
use burn::tensor::Tensor;
use elapid_kernels::gelu;

use super::attention::narrow;
use crate::{Init, Linear};

/// The second half of a transformer's layer (arXiv 1706.03762, section 3.3; GELU as in ViT). It mixes no tokens.
#[derive(Module, Debug)]
pub struct FeedForward {
    /// `[F, D]`
    pub fc1: Linear,
    /// `[D, F]`
    pub fc2: Linear,
}

impl FeedForward {
    /// Initialised as a ViT, with `hidden` channels in between.
    pub fn new(init: &mut Init, width: usize, hidden: usize) -> Self {
        Self {
            fc1: narrow(init, width, hidden),
            fc2: narrow(init, hidden, width),
        }
    }

    /// # Shapes
    ///
    /// - input, output `[B, L, D]`
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        self.fc2.forward(gelu(self.fc1.forward(x)))
    }
}

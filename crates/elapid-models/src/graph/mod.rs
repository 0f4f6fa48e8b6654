//! Networks on graphs.
//!
//! | file | holds |
//! |---|---|
//! | `input.rs` | a batch of graphs on a device |
//! | `encoder.rs` | features and encodings to states of nodes and edges |
//! | `gps.rs` | message passing and a scan over the nodes, side by side |
//! | `network.rs` | Graph-Mamba and its baselines: encoder, layers, head |
//! | `gmn.rs` | Graph Mamba Networks: a scan over the sub-graphs around each node, then one over the nodes |
//! | `neural_walker.rs` | NeuralWalker: scans over random walks, and message passing |
//! | `separate_branches.rs` | a scan in two directions that share nothing |
//! | `head.rs` | states of nodes to scores of nodes or graphs |
//! | `pair_decoder.rs` | states of two nodes to scores of the pair |
//! | `seen.rs` | how layers show themselves to who watches a pass |

mod encoder;
mod gmn;
mod gps;
mod head;
mod input;
mod network;
mod neural_walker;
mod pair_decoder;
mod seen;
mod separate_branches;

pub use encoder::{
    EdgeEncoder, EdgeFeatures, EigenEncoder, Encoder, EncoderConfig, NodeFeatures, WalkEncoder,
};
pub use gmn::{Gmn, GmnConfig, TokenEncoder};
pub use gps::{GlobalKind, GlobalModel, GpsConfig, GpsLayer, LocalKind, LocalModel};
pub use head::{GraphHead, HeadConfig, HeadLevel, NodePool};
pub use input::{Eigenvectors, GraphInput, NodeOrder, Rows, TokenInput, WalkInput};
pub use network::{GraphNetwork, GraphNetworkConfig};
pub use neural_walker::{NeuralWalker, NeuralWalkerConfig};
pub use pair_decoder::{PairDecoder, PairInput, PairKind};
pub use separate_branches::SeparateBranches;

#[cfg(test)]
mod tests;

use burn::module::Module;
use burn::tensor::Tensor;
use elapid_nn::{Init, Noise};

/// A network of any kind.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)] // one a run, and a module cannot be boxed
pub enum GraphModel {
    /// Graph-Mamba and its baselines.
    Network(GraphNetwork),
    /// Graph Mamba Networks.
    Gmn(Gmn),
    /// NeuralWalker.
    NeuralWalker(NeuralWalker),
}

/// Hyper-parameters of a network of any kind.
#[derive(Clone, Debug)]
pub enum GraphModelConfig {
    /// Graph-Mamba and its baselines.
    Network(GraphNetworkConfig),
    /// Graph Mamba Networks.
    Gmn(GmnConfig),
    /// NeuralWalker.
    NeuralWalker(NeuralWalkerConfig),
}

impl GraphModel {
    /// Initialisation of the kind's code or, where there is none, PyTorch's.
    pub fn new(init: &mut Init, config: &GraphModelConfig) -> Self {
        match config {
            GraphModelConfig::Network(config) => Self::Network(GraphNetwork::new(init, config)),
            GraphModelConfig::Gmn(config) => Self::Gmn(Gmn::new(init, config)),
            GraphModelConfig::NeuralWalker(config) => {
                Self::NeuralWalker(NeuralWalker::new(init, config))
            }
        }
    }

    /// Scores of nodes or graphs, one row each, 32-bit.
    pub fn forward(&self, input: &GraphInput, noise: Option<&mut Noise>) -> Tensor<2> {
        match self {
            Self::Network(network) => network.forward(input, noise),
            Self::Gmn(network) => network.forward(input, noise),
            Self::NeuralWalker(network) => network.forward(input, noise),
        }
    }
}

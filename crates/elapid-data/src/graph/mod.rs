//! Graphs: what they are in memory, what is known of their shape, how they become batches, and where sets of them come from.

mod batch;
mod batcher;
mod centrality;
mod communities;
mod csr;
mod dataset;
mod encoding;
mod features;
#[allow(clippy::module_inception)]
mod graph;
mod links;
mod node_batcher;
mod order;
mod padding;
mod page_rank;
mod pairs;
mod prepare;
mod quick_random;
pub mod read;
pub mod synth;
mod targets;
mod tokens;
mod walks;
mod write;

pub use batch::GraphBatch;
pub use batcher::{GraphBatcher, GraphSettings};
pub use csr::Csr;
pub use dataset::{GraphDataset, GraphFacts, GraphSample, GraphSplits, set_of, sizes};
pub use encoding::{Eigen, EncodingSettings, Encodings, LARGEST as LARGEST_FOR_EIGENVECTORS, Rows};
pub use features::Features;
pub use graph::{EdgePolicy, Graph, GraphFault, Out, Parts, Special};
pub use links::{LinkSettings, LinkShares, Links, Rivals, held_out as held_out_links};
pub use node_batcher::NodeBatcher;
pub use order::{NodeOrder, OrderSettings, Ranking};
pub use padding::Padding;
pub use pairs::{PairBatch, Pairs};
pub use prepare::PreparedGraphs;
pub use targets::{GraphTargets, Targets};
pub use tokens::{TokenSettings, Tokens};
pub use walks::{WalkSettings, Walks};
pub use write::write;

//! Message passing on graphs, and the norm that goes with it.
//!
//! A batch of graphs is one graph whose parts are not connected: N nodes and E directed edges, one row of channels each. What is
//! sent along an edge goes from its source to its destination.

mod adjacency;
mod batch_norm;
mod gated_gcn;
mod gcn;
mod gin;

pub use adjacency::{Adjacency, RealRows};
pub use batch_norm::{BATCH_NORM_MOMENTUM, BatchNorm};
pub use gated_gcn::GatedGcn;
pub use gcn::Gcn;
pub use gin::{Gin, Gine};

pub use elapid_kernels::segment::{Segments, segment_max, segment_mean, segment_sum, spread};

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

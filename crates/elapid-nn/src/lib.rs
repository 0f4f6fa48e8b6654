//! Layers of state-space models: one thing, one file.
//!
//! Every parameter is drawn on the host from one seeded generator ([`Init`]), so a model starts from
//! the same numbers on every device; tensors keep the shapes of the official checkpoints (linear
//! weights are `[out, in]`).
//!
//! Shape letters: B batch, L tokens, D model width, E inner width, N states, R step-size rank, K taps.

mod block;
mod conv;
mod conv1d;
mod conv2d;
mod decomposition;
mod doubling;
mod dropout;
pub mod graph;
mod grid;
mod init;
mod linear;
pub mod lora;
pub mod mixer;
mod noise;
mod norm;
mod patch_embed;
mod positions;
mod probe;
mod role;
mod series_norm;

pub use elapid_kernels::gelu;

pub use block::{Block, drop_path_rates};
pub use conv::DepthwiseConv1d;
pub use conv1d::{PointwiseConv1d, ReplicateConv1d};
pub use conv2d::Conv2d;
pub use decomposition::moving_average;
pub use doubling::Doubling;
pub use dropout::{drop_path, dropout, dropout_channels};
pub use grid::{average_grid, halve_grid, resize_grid};
pub use init::Init;
pub use linear::Linear;
pub use noise::Noise;
pub use norm::{LayerNorm, Norm, RmsNorm};
pub use patch_embed::{PatchEmbed, tiles};
pub use positions::sinusoid_positions;
pub use probe::{Dynamics, Probe, Seen, show};
pub use role::{Place, Role, place_of, role_of};
pub use series_norm::{SeriesNorm, SeriesNormMode, SeriesStatistics};

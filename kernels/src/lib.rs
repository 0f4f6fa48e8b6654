//! Fused state-space operators for [Burn](https://burn.dev).
//!
//! Every operator is one folder with the same parts:
//!
//! | file | holds |
//! |---|---|
//! | `mod.rs` | the public function: shape checks and the choice of implementation |
//! | `input.rs` | operands and options |
//! | `reference.rs` | plain tensor operations: slow, obviously right, differentiable, on every device |
//! | `ops.rs` | the backend-extension trait through which native implementations are reached |
//! | `autodiff.rs` | registration of the hand-derived backward pass |
//! | `flex/` | the native CPU implementation: SIMD over channels, threads over batch and channels |
//! | `cube/` | the native GPU implementation: CubeCL kernels for every GPU runtime |
//! | `fusion.rs` | what the GPU implementation returns, told to burn's lazy graph in advance |
//!
//! Activations are channel-last, `[batch, length, channels]`, everywhere.

#[cfg(feature = "gpu")]
mod cube;
#[cfg(feature = "gpu")]
mod eight;
mod flex;
pub mod graph;
#[cfg(feature = "gpu")]
pub mod kept;
mod native;
#[cfg(feature = "gpu")]
pub mod probe;
#[cfg(test)]
mod testing;
mod two_outputs;

pub mod adamw;
pub mod add_norm;
pub mod attach;
pub mod batch_norm;
pub mod blend;
pub mod buffers;
pub mod causal_conv1d;
pub mod gated_edges;
pub mod gelu;
pub mod group;
pub mod linear;
pub mod mamba_inner;
pub mod memory;
pub mod random;
pub mod rows;
pub mod segment;
pub mod selective_scan;
pub mod squares;

pub use add_norm::{AddNormInput, AddNormOptions, NormKind, add_norm};
pub use batch_norm::{BatchNormInput, BatchNormOutput, batch_norm};
pub use causal_conv1d::{ConvInput, ConvOptions, causal_conv1d, final_columns};
pub use gelu::gelu;
pub use linear::{linear, linear_halves};
pub use mamba_inner::Branch;
pub use selective_scan::{
    ScanInput, ScanOptions, Tuning, bidirectional_scan, selective_scan, selective_scan_with_state,
};

//! Weights in files: the official formats and ours.
//!
//! A [`Checkpoint`] maps official parameter names to tensors. [`read()`] takes `.safetensors`,
//! PyTorch (`.pth`, `.pt`, `.bin`) and burn (`.bpk`) files; [`apply()`] puts the tensors into a model,
//! refusing any difference in names or shapes with a list of what differs.

mod apply;
mod error;
mod names;
mod read;

pub use apply::apply;
pub use error::CheckpointError;
pub use names::official_name;
pub use read::{Checkpoint, read};

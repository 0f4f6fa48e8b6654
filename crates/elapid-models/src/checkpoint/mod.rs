//! Weights in files: the official formats and ours.
//!
//! A [`Checkpoint`] maps official parameter names to tensors. [`read()`] takes `.safetensors`,
//! PyTorch (`.pth`, `.pt`, `.bin`) and burn (`.bpk`) files; [`apply()`] puts the tensors into a model,
//! refusing any difference in names or shapes with a list of what differs, and [`transfer()`] those that a model for another task
//! can start from.

mod apply;
mod collect;
mod error;
mod names;
mod read;
mod transfer;

pub use apply::apply;
pub use collect::of_model;
pub use error::CheckpointError;
pub use names::official_name;
pub use read::{Checkpoint, read};
pub use transfer::{Transfer, transfer};

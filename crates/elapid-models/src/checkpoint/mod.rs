//! Weights in files: the official formats and ours.
//!
//! A [`Checkpoint`] maps official parameter names to tensors. [`read()`] takes `.safetensors`,
//! PyTorch (`.pth`, `.pt`, `.bin`) and burn (`.bpk`) files; [`apply()`] puts the tensors into a model,
//! refusing any difference in names or shapes with a list of what differs, and [`transfer()`] those that a model for another task
//! can start from.
//!
//! [`import()`] makes a file fit a model that differs in what can be brought over: grid of the positions, class
//! tokens, head. The other way, [`of_model()`] takes the tensors of a model, [`arrange()`] names them as one of the
//! official programs does, and [`write()`] writes what PyTorch loads.

mod apply;
mod collect;
mod describe;
mod error;
mod import;
mod layout;
mod locate;
mod mmseg;
mod names;
mod pickle;
mod positions;
mod read;
mod series;
mod ssamba;
mod transfer;
mod write;

pub use apply::apply;
pub use collect::of_model;
pub use describe::{Description, describe};
pub use error::{CheckpointError, Differences};
pub use import::{Imported, Target, import};
pub use layout::{Layout, arrange};
pub use locate::locate;
pub use mmseg::{DecoderDescription, dense_weights};
pub use names::official_name;
pub use positions::{PositionLayout, PositionRule, resize_positions};
pub use read::{Checkpoint, read};
pub(crate) use ssamba::fit as fit_spectrogram_positions;
pub use ssamba::{SpectrogramGrid, arrange_ssamba};
pub use transfer::{Transfer, transfer};
pub use write::write;

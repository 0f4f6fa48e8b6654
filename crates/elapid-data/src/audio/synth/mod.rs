//! Sounds that are made, not recorded: enough to train and to test on without a download.

mod commands;
mod noise;
mod tones;
mod voice;
mod write;

pub use commands::{CommandsOptions, CommandsSummary, commands};
pub use tones::tones;

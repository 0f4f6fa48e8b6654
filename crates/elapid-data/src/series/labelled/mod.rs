//! Series that have a class each.

mod batcher;
mod rhythms;
mod sample;
mod ts_file;
mod uea;

pub use batcher::SeriesBatcher;
pub use rhythms::{Rhythms, rhythms};
pub use sample::{LabelledSplits, Normalised, SeriesSample};
pub use uea::{Protocol, uea};

//! Timing of operators and models.

mod clock;
mod model;
mod scan;

pub use model::{ModelTiming, model};
pub use scan::{ScanTiming, Strategy, scan};

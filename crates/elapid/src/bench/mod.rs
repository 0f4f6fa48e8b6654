//! Timing of operators and models.

mod clock;
mod limits;
mod model;
mod scan;

pub use model::{ModelTiming, model};
pub use scan::{Pass, ScanBench, ScanTiming, Strategy};

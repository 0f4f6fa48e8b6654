//! Timing of operators, models and data.

mod clock;
mod data;
mod limits;
mod model;
mod scan;

pub use data::{DataTiming, data};
pub use model::{ModelTiming, TrainingTiming, model};
pub use scan::{Pass, ScanBench, ScanTiming, Strategy};

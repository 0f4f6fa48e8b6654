//! Series that are made, not measured: enough to train and to test on without a download.

mod faults;
mod seasonal;

pub use faults::{Faults, faults};
pub use seasonal::{Optimum, Seasonal, seasonal, write_seasonal};

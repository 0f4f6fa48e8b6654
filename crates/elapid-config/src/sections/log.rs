//! `[log]`: what the run says while it works.

use crate::interval::Interval;
use crate::options::options;
use crate::range::above;

options! {
    /// What the run says while it works.
    pub struct Log {
        /// How often to log the training loss and speed.
        every: Interval = "10 steps", above(0.0);
        /// Copy the numbers to `metrics.csv`.
        csv: bool = false;
        /// Copy the numbers to an event file in `tensorboard/`.
        tensorboard: bool = false;
    }
}

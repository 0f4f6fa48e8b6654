//! `[log]`: what the run says while it works.

use crate::interval::Interval;
use crate::options::options;
use crate::range::{above, at_least};

options! {
    /// What the run says while it works.
    pub struct Log {
        /// How often to log the training loss and speed.
        every: Interval = "10 steps", above(0.0);
        /// When a step's loss is noted as a spike: from the median of the 100 losses before, it has to be this many times as
        /// far off as their 95th percentile. 0 turns such notes off.
        spikes: f64 = 4.0, at_least(0.0);
        /// Copy the numbers to `metrics.csv`.
        csv: bool = false;
        /// Copy the numbers to an event file in `tensorboard/`.
        tensorboard: bool = false;
    }
}

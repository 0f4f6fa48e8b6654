//! `[schedule]`: the learning rate over the run.

use crate::interval::Interval;
use crate::options::{options, tagged};
use crate::range::at_least;

tagged! {
    /// The learning rate over the run.
    pub enum ScheduleSpec {
        /// Which curve.
        tag: "kind" = "cosine";
        /// Linear warm-up, then half a cosine down to `min_lr`.
        "cosine" => Cosine(Cosine),
        /// Linear warm-up, then the peak learning rate.
        "constant" => Constant(Constant),
    }
}

options! {
    /// Linear warm-up, then half a cosine.
    pub struct Cosine {
        /// Length of the warm-up.
        warmup: Interval = "0 epochs", at_least(0.0);
        /// Learning rate at the start of the warm-up.
        warmup_lr: f64 = 1e-6, at_least(0.0);
        /// Learning rate at the end of the run.
        min_lr: f64 = 1e-5, at_least(0.0);
    }
}

options! {
    /// Linear warm-up, then the peak learning rate.
    pub struct Constant {
        /// Length of the warm-up.
        warmup: Interval = "0 epochs", at_least(0.0);
        /// Learning rate at the start of the warm-up.
        warmup_lr: f64 = 1e-6, at_least(0.0);
    }
}

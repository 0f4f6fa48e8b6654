//! `[task]`: what the network is trained to do.

use crate::options::{options, tagged};
use crate::range::{FRACTION, at_least};
use crate::sections::Best;

tagged! {
    /// What the network is trained to do.
    pub enum TaskSpec {
        /// Which task.
        tag: "kind" = required;
        /// One class an example, by cross-entropy.
        "classify" => Classify(Classify),
    }
}

impl TaskSpec {
    /// The metric that tells which weights are the best, where nobody says which.
    pub(crate) fn best(&self) -> Best {
        match self {
            Self::Classify(_) => Best::Accuracy,
        }
    }
}

options! {
    /// One class an example.
    pub struct Classify {
        /// Number of classes; left out, the data set's.
        classes: Option<usize> = unset, at_least(1.0);
        /// Share of the target that is spread over all classes.
        label_smoothing: f64 = 0.0, FRACTION;
    }
}

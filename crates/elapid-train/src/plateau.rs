//! A learning rate that falls when validation stops getting better.

use serde::{Deserialize, Serialize};

use crate::Measured;
use crate::checkpoint::exact;

/// When the rate falls, and how far; as PyTorch's `ReduceLROnPlateau` without cool-down.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plateau {
    /// What the rate is multiplied by.
    pub factor: f64,
    /// Validations without progress that are borne.
    pub patience: u64,
    /// Progress is a change of the metric by more than this share of its best value.
    pub threshold: f64,
    /// The lowest learning rate.
    pub min_lr: f64,
}

/// Where on the way down a run is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Descent {
    /// The best value since the start.
    best: Option<Exact>,
    /// Validations since then, or since the rate last fell.
    waited: u64,
    /// How often the rate fell.
    falls: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Exact(#[serde(with = "exact")] f64);

impl Plateau {
    /// Takes in a validation.
    pub(crate) fn observe(&self, descent: &mut Descent, measured: Measured) {
        let is_progress = match descent.best {
            None => true,
            Some(Exact(best)) => {
                let margin = match measured.higher_is_better {
                    true => 1.0 + self.threshold,
                    false => 1.0 - self.threshold,
                };
                let bar = Measured {
                    value: best * margin,
                    ..measured
                };
                measured.beats(Some(bar.value))
            }
        };
        if is_progress {
            descent.best = Some(Exact(measured.value));
            descent.waited = 0;
            return;
        }
        descent.waited += 1;
        if descent.waited > self.patience {
            descent.waited = 0;
            descent.falls += 1;
        }
    }

    /// The rate that `lr` has become.
    pub(crate) fn lowered(&self, descent: Descent, lr: f64) -> f64 {
        // The warm-up may start lower.
        let floor = self.min_lr.min(lr);
        (lr * self.factor.powi(descent.falls as i32)).max(floor)
    }
}

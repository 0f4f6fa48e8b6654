//! What a run does about steps whose loss or gradient is not finite.
//!
//! Losses are read back once an interval, not once a step, so a bad step is found when its weights have long been
//! trained on. The run then goes back to a checkpoint and makes the steps again, bit for bit, but leaves the bad one
//! out: its batch is passed over and weights and moments stay as they are. Should that happen too often, it is no
//! matter of single batches: the run goes back to the last scheduled checkpoint and on at half the learning rate.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// How often the learning rate is halved before a run gives up.
const HALVINGS: usize = 3;

/// Steps that are left out, and where the learning rate was halved. Steps are counted from 0.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovery {
    skipped: Vec<u64>,
    halved: Vec<u64>,
}

/// How a run goes on after a bad step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// From the newest checkpoint, without the step.
    Skip,
    /// From the newest checkpoint that is not after this many steps, at half the learning rate.
    Halve(u64),
    /// Not at all.
    GiveUp,
}

impl Recovery {
    /// Notes that `step` was bad in a run that leaves out at most `max_skips` steps before it halves the learning rate
    /// and saves a checkpoint every `checkpoint_every` steps.
    pub(crate) fn after(&mut self, step: u64, max_skips: usize, checkpoint_every: u64) -> Decision {
        if max_skips == 0 {
            return Decision::GiveUp;
        }
        let since = self.halved.last().copied().unwrap_or(0);
        if self.skipped.iter().filter(|step| **step >= since).count() < max_skips {
            self.skipped.push(step);
            return Decision::Skip;
        }
        if self.halved.len() == HALVINGS {
            return Decision::GiveUp;
        }
        let from = step / checkpoint_every * checkpoint_every;
        // At the lower rate they may do no harm.
        self.skipped.retain(|step| *step < from);
        self.halved.push(from);
        Decision::Halve(from)
    }

    /// Whether a run with this makes its first `steps` steps as one with `other` does.
    pub fn agrees(&self, other: &Self, steps: u64) -> bool {
        let same = |own: &[u64], others: &[u64]| {
            let before = |of: &[u64]| -> BTreeSet<u64> {
                of.iter().copied().filter(|step| *step < steps).collect()
            };
            before(own) == before(others)
        };
        same(&self.skipped, &other.skipped) && same(&self.halved, &other.halved)
    }

    /// Whether `step` is left out.
    pub(crate) fn skips(&self, step: u64) -> bool {
        self.skipped.contains(&step)
    }

    /// What the learning rate of `step` is multiplied by.
    pub(crate) fn lr_factor(&self, step: u64) -> f64 {
        let halvings = self.halved.iter().filter(|from| **from <= step).count();
        0.5_f64.powi(halvings as i32)
    }

    /// How many of the steps before `step` were made.
    pub(crate) fn made(&self, step: u64) -> u64 {
        let left_out = self.skipped.iter().filter(|skipped| **skipped < step);
        step - left_out.count() as u64
    }

    /// The last `count` steps before `step` that were made, in order.
    pub(crate) fn made_before(&self, step: u64, count: usize) -> Vec<u64> {
        let mut made: Vec<u64> = (0..step)
            .rev()
            .filter(|step| !self.skips(*step))
            .take(count)
            .collect();
        made.reverse();
        made
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skips_then_halves_then_gives_up() {
        let mut recovery = Recovery::default();
        assert_eq!(recovery.after(12, 2, 5), Decision::Skip);
        assert_eq!(recovery.after(13, 2, 5), Decision::Skip);
        assert_eq!(recovery.made_before(15, 3), [10, 11, 14]);
        assert_eq!([12, 13, 15].map(|step| recovery.made(step)), [12, 12, 13]);
        assert_eq!(recovery.after(14, 2, 5), Decision::Halve(10));
        assert!(!recovery.skips(12), "it is tried at the lower rate");
        assert_eq!([9, 10, 11].map(|s| recovery.lr_factor(s)), [1.0, 0.5, 0.5]);
        for _ in 0..2 {
            assert_eq!(recovery.after(16, 2, 5), Decision::Skip);
            assert_eq!(recovery.after(17, 2, 5), Decision::Skip);
            assert_eq!(recovery.after(18, 2, 5), Decision::Halve(15));
        }
        assert_eq!(recovery.lr_factor(15), 0.125);
        assert_eq!(recovery.after(16, 2, 5), Decision::Skip);
        assert_eq!(recovery.after(17, 2, 5), Decision::Skip);
        assert_eq!(recovery.after(18, 2, 5), Decision::GiveUp);
    }

    #[test]
    fn courses_part_where_a_step_is_left_out_or_the_rate_halved() {
        let mut earlier = Recovery::default();
        earlier.after(12, 1, 5);
        let mut later = earlier.clone();
        assert_eq!(later.after(13, 1, 5), Decision::Halve(10));
        assert!(earlier.agrees(&later, 10));
        assert!(!earlier.agrees(&later, 11), "the rate is another");
        assert!(Recovery::default().agrees(&earlier, 12));
        assert!(!Recovery::default().agrees(&earlier, 13));
    }

    #[test]
    fn without_skips_a_run_stops_at_once() {
        assert_eq!(Recovery::default().after(3, 0, 5), Decision::GiveUp);
    }
}

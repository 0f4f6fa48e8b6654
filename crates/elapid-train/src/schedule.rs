//! The learning rate over a run.

use std::f64::consts::PI;

/// A learning rate that rises linearly to its peak, then follows [`Decay`].
///
/// Burn's schedulers multiply a base rate and cannot warm up from a given value, so this is a pure
/// function of the step instead.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    /// Learning rate at the end of the warm-up.
    pub lr: f64,
    /// Steps of the warm-up; 0 for none.
    pub warmup_steps: u64,
    /// Learning rate of the first step of the warm-up.
    pub warmup_lr: f64,
    /// What follows the warm-up.
    pub decay: Decay,
}

/// How the learning rate changes after the warm-up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Decay {
    /// It does not.
    Constant,
    /// Half a period of a cosine from the peak down to `min_lr` at the end of the run.
    Cosine {
        /// Learning rate that the cosine reaches after the last step.
        min_lr: f64,
    },
}

impl Schedule {
    /// The learning rate of step `step`, counted from 0, in a run of `total_steps`.
    pub fn at(&self, step: u64, total_steps: u64) -> f64 {
        if step < self.warmup_steps {
            let done = step as f64 / self.warmup_steps as f64;
            return self.warmup_lr + (self.lr - self.warmup_lr) * done;
        }
        match self.decay {
            Decay::Constant => self.lr,
            Decay::Cosine { min_lr } => {
                let length = total_steps.saturating_sub(self.warmup_steps).max(1);
                let done = (step - self.warmup_steps).min(length) as f64 / length as f64;
                min_lr + 0.5 * (self.lr - min_lr) * (1.0 + (PI * done).cos())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_rates(schedule: Schedule, expected: &[(u64, f64)]) {
        for &(step, lr) in expected {
            let found = schedule.at(step, 110);
            assert!(
                (found - lr).abs() < 1e-12,
                "step {step}: {found} is not {lr}"
            );
        }
    }

    #[test]
    fn warm_up_then_cosine() {
        let schedule = Schedule {
            lr: 1e-3,
            warmup_steps: 10,
            warmup_lr: 1e-6,
            decay: Decay::Cosine { min_lr: 1e-5 },
        };
        let expected = [
            (0, 1e-6),
            (1, 1.009e-4),
            (5, 5.005e-4),
            (9, 9.001e-4),
            (10, 1e-3),
            // cos(π/4) = √½
            (35, 1e-5 + 0.5 * 9.9e-4 * (1.0 + 0.5_f64.sqrt())),
            (60, 5.05e-4),
            (110, 1e-5),
            // Past its end the cosine stays down instead of rising again.
            (200, 1e-5),
        ];
        assert_rates(schedule, &expected);
    }

    #[test]
    fn constant_after_warm_up() {
        let schedule = Schedule {
            lr: 0.5,
            warmup_steps: 4,
            warmup_lr: 0.1,
            decay: Decay::Constant,
        };
        assert_rates(
            schedule,
            &[(0, 0.1), (1, 0.2), (3, 0.4), (4, 0.5), (109, 0.5)],
        );
    }

    #[test]
    fn warm_up_may_be_absent_or_longer_than_the_run() {
        let mut schedule = Schedule {
            lr: 1.0,
            warmup_steps: 0,
            warmup_lr: 0.0,
            decay: Decay::Cosine { min_lr: 0.0 },
        };
        assert_rates(schedule, &[(0, 1.0), (55, 0.5), (110, 0.0)]);
        schedule.warmup_steps = 220;
        assert_rates(schedule, &[(0, 0.0), (55, 0.25), (109, 109.0 / 220.0)]);
    }
}

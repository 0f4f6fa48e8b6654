//! The learning rate over a run.

use std::f64::consts::PI;

use crate::plateau::Plateau;

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
    /// `(1 − done)^power` of the way from the peak to `min_lr`, where `done` is the share of the steps after the
    /// warm-up; power 1 is a straight line.
    Polynomial {
        /// Learning rate after the last step.
        min_lr: f64,
        /// The power.
        power: f64,
        /// `done` is the share of the whole run, and the rates of the warm-up are multiplied by what is left of it as well, so that
        /// the peak is never reached: mmcv's `poly` with a linear warm-up.
        whole_run: bool,
    },
    /// The peak, then a straight line in the last steps (warm-up, stable, decay; arXiv 2404.06395).
    Wsd {
        /// Steps of the line.
        steps: u64,
        /// Learning rate after the last step.
        min_lr: f64,
    },
    /// A first drop, then one every so many steps: PyTorch's `StepLR` where both are alike, its `MultiStepLR` with even
    /// milestones otherwise.
    Step {
        /// Steps in front of the first drop.
        first: u64,
        /// Steps between two drops; at least 1.
        every: u64,
        /// What the rate is multiplied by.
        gamma: f64,
    },
    /// A drop whenever validation stops getting better, which is not a matter of the step alone: [`Schedule::at`] gives
    /// the rate without drops.
    Plateau(Plateau),
    /// A straight line on a logarithmic axis to `lr` at the last step.
    Exponential {
        /// Learning rate of the last step; above 0.
        lr: f64,
    },
    /// Half a cosine up to the peak and half a cosine down, as PyTorch's `OneCycleLR`; there is no other
    /// warm-up.
    OneCycle {
        /// Share of the run in which the rate rises.
        rise: f64,
        /// The peak over the first rate.
        div_factor: f64,
        /// The first rate over the last.
        final_div_factor: f64,
    },
}

impl Schedule {
    /// The learning rate of step `step`, counted from 0, in a run of `total_steps`.
    pub fn at(&self, step: u64, total_steps: u64) -> f64 {
        if let Decay::Polynomial {
            min_lr,
            power,
            whole_run: true,
        } = self.decay
        {
            let left = 1.0 - (step.min(total_steps)) as f64 / total_steps.max(1) as f64;
            let rate = min_lr + (self.lr - min_lr) * left.powf(power);
            let missing = 1.0 - step as f64 / self.warmup_steps.max(1) as f64;
            return match step < self.warmup_steps {
                true => rate * (1.0 - missing * (1.0 - self.warmup_lr / self.lr)),
                false => rate,
            };
        }
        if step < self.warmup_steps {
            let done = step as f64 / self.warmup_steps as f64;
            return self.warmup_lr + (self.lr - self.warmup_lr) * done;
        }
        let length = total_steps.saturating_sub(self.warmup_steps).max(1);
        let done = (step - self.warmup_steps).min(length) as f64 / length as f64;
        match self.decay {
            Decay::Constant | Decay::Plateau(_) => self.lr,
            Decay::Cosine { min_lr } => half_cosine(self.lr, min_lr, done),
            Decay::Polynomial { min_lr, power, .. } => {
                min_lr + (self.lr - min_lr) * (1.0 - done).powf(power)
            }
            Decay::Wsd { steps, min_lr } => {
                let left = total_steps.saturating_sub(step) as f64 / steps.max(1) as f64;
                min_lr + (self.lr - min_lr) * left.min(1.0)
            }
            Decay::Step {
                first,
                every,
                gamma,
            } => {
                let since = (step - self.warmup_steps).checked_sub(first);
                let drops = since.map_or(0, |steps| 1 + steps / every.max(1));
                self.lr * gamma.powf(drops as f64)
            }
            Decay::Exponential { lr } => {
                let last = length.saturating_sub(1).max(1);
                let done = (step - self.warmup_steps).min(last) as f64 / last as f64;
                self.lr * (lr / self.lr).powf(done)
            }
            Decay::OneCycle {
                rise,
                div_factor,
                final_div_factor,
            } => {
                let first = self.lr / div_factor;
                let top = rise * total_steps as f64 - 1.0;
                let end = total_steps.saturating_sub(1) as f64;
                let step = (step as f64).min(end);
                if step <= top {
                    half_cosine(first, self.lr, step / top.max(1.0))
                } else {
                    let done = (step - top) / (end - top).max(1.0);
                    half_cosine(self.lr, first / final_div_factor, done)
                }
            }
        }
    }
}

/// From `from` to `to` along half a period of a cosine.
fn half_cosine(from: f64, to: f64, done: f64) -> f64 {
    to + 0.5 * (from - to) * (1.0 + (PI * done).cos())
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

    /// What mmcv's hook gives, see `tests/golden/segmentation_transforms`.
    #[test]
    fn a_polynomial_over_the_whole_run_is_that_of_mmcv() {
        let package = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs the tests");
        let path = std::path::Path::new(&package)
            .join("../../tests/golden/segmentation_transforms/rates.json");
        let rates: Vec<(u64, f64)> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let schedule = Schedule {
            lr: 2e-4,
            warmup_steps: 1500,
            warmup_lr: 2e-10,
            decay: Decay::Polynomial {
                min_lr: 0.0,
                power: 1.0,
                whole_run: true,
            },
        };
        assert!(rates.len() > 5);
        for (step, rate) in rates {
            let found = schedule.at(step, 60_000);
            assert!((found - rate).abs() < 1e-15, "step {step}: {found}, {rate}");
        }
    }

    #[test]
    fn straight_lines_and_powers() {
        let schedule = |decay| Schedule {
            lr: 1.0,
            warmup_steps: 10,
            warmup_lr: 0.0,
            decay,
        };
        let power = |power| {
            schedule(Decay::Polynomial {
                min_lr: 0.2,
                power,
                whole_run: false,
            })
        };
        assert_rates(power(1.0), &[(5, 0.5), (10, 1.0), (60, 0.6), (110, 0.2)]);
        assert_rates(power(2.0), &[(10, 1.0), (60, 0.4), (110, 0.2), (300, 0.2)]);
        let wsd = Decay::Wsd {
            steps: 20,
            min_lr: 0.1,
        };
        assert_rates(
            schedule(wsd),
            &[(10, 1.0), (89, 1.0), (90, 1.0), (100, 0.55), (110, 0.1)],
        );
        let step = Decay::Step {
            first: 30,
            every: 30,
            gamma: 0.1,
        };
        assert_rates(
            schedule(step),
            &[(10, 1.0), (39, 1.0), (40, 0.1), (69, 0.1), (70, 0.01)],
        );
        let later = Decay::Step {
            first: 20,
            every: 10,
            gamma: 0.5,
        };
        assert_rates(
            schedule(later),
            &[
                (10, 1.0),
                (29, 1.0),
                (30, 0.5),
                (39, 0.5),
                (40, 0.25),
                (50, 0.125),
            ],
        );
    }

    #[test]
    fn one_cycle_rises_and_falls() {
        let schedule = Schedule {
            lr: 1.0,
            warmup_steps: 0,
            warmup_lr: 0.0,
            decay: Decay::OneCycle {
                rise: 0.3,
                div_factor: 25.0,
                final_div_factor: 1e4,
            },
        };
        // Of 110 steps, the peak is at step 0.3 · 110 − 1 = 32 and the end at 109.
        let expected = [(0, 0.04), (16, 0.52), (32, 1.0), (109, 4e-6), (200, 4e-6)];
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

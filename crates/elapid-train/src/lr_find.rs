//! The learning rate range test (Smith, "Cyclical learning rates for training neural networks", arXiv 1506.01186, §3.3),
//! in the form that fastai made common: the rate grows exponentially, and the smoothed loss tells where it helps.

use std::fmt::Write;
use std::path::Path;

use crate::schedule::{Decay, Schedule};
use crate::session::Session;
use crate::{MicroBatch, Task, TrainConfig, TrainError, Trainer, files, report};

/// Weight of the past in the smoothed loss.
const SMOOTHING: f64 = 0.9;
/// The test ends where the smoothed loss is so many times the best.
const DIVERGED: f64 = 4.0;
/// Points at the start whose mean has not settled, and at the end, where the loss explodes, that suggest nothing.
const FIRST: usize = 5;
const LAST: usize = 5;

/// Points on either side that a slope is taken over: between two points it would be the luck of a batch.
const REACH: usize = 5;

/// Over which learning rates to test, and in how many steps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LrRange {
    /// Rate of the first step.
    pub first: f64,
    /// Rate of the last step.
    pub last: f64,
    /// Steps; at least 2.
    pub steps: u64,
}

/// Loss over the learning rate.
#[derive(Clone, Debug)]
pub struct LrCurve {
    range: LrRange,
    points: Vec<LrPoint>,
    best: f64,
}

/// One step of the test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LrPoint {
    /// Learning rate of the step.
    pub lr: f64,
    /// Loss of the step, in front of its update.
    pub loss: f64,
    /// Exponential mean of the losses so far, without bias towards zero.
    pub smoothed: f64,
}

/// What the curve suggests.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LrSuggestion {
    /// The rate in front of the minimum at which the smoothed loss falls fastest.
    pub steepest: f64,
    /// A tenth of the rate at which it is lowest.
    pub tenth_of_minimum: f64,
}

impl<T: Task> Trainer<T> {
    /// Trains `task` over a range of learning rates, in place of the schedule, until the loss explodes, the range is
    /// done, or the run is asked to stop. The trainer's run directory should be one that is thrown away.
    ///
    /// # Errors
    ///
    /// Those of data, device and disk.
    pub fn find_lr(mut self, task: T, range: LrRange) -> Result<LrCurve, TrainError> {
        self.config = TrainConfig {
            total_steps: range.steps,
            schedule: Schedule {
                lr: range.first,
                warmup_steps: 0,
                warmup_lr: 0.0,
                decay: Decay::Exponential { lr: range.last },
            },
            // Nothing is evaluated.
            ema: None,
            ..self.config
        };
        let mut progress = self.progress()?;
        if self.config.micro_batch == MicroBatch::Auto {
            self.choose_micro_batch(&task, &mut progress)?;
        }
        let (mut session, weights) =
            Session::begin(&self, task, None, Default::default(), progress)?;
        let curve = session.find_lr(weights, LrCurve::new(range));
        session.into_progress().finish();
        curve
    }
}

impl LrCurve {
    fn new(range: LrRange) -> Self {
        Self {
            range,
            points: Vec::new(),
            best: f64::INFINITY,
        }
    }

    /// Adds a step; `false` if the loss has exploded, so that no other is worth making.
    pub(crate) fn push(&mut self, lr: f64, loss: f64) -> bool {
        if !loss.is_finite() {
            return false;
        }
        let count = self.points.len() as i32;
        // The mean is kept unbiased: its weights sum to 1 from the first step on.
        let weight = (1.0 - SMOOTHING) / (1.0 - SMOOTHING.powi(count + 1));
        let before = self.points.last().map_or(0.0, |point| point.smoothed);
        let smoothed = before + weight * (loss - before);
        self.points.push(LrPoint { lr, loss, smoothed });
        self.best = self.best.min(smoothed);
        // A factor on a loss below zero says nothing.
        !(self.best > 0.0 && smoothed > DIVERGED * self.best)
    }

    /// The steps that were made.
    pub fn points(&self) -> &[LrPoint] {
        &self.points
    }

    /// The range that was asked for.
    pub fn range(&self) -> LrRange {
        self.range
    }

    /// What the curve suggests; nothing if it is too short or never falls.
    pub fn suggestion(&self) -> Option<LrSuggestion> {
        let settled = self
            .points
            .get(FIRST..self.points.len().saturating_sub(LAST))?;
        let (at, lowest) = settled
            .iter()
            .enumerate()
            .min_by(|(_, a), (_, b)| a.smoothed.total_cmp(&b.smoothed))?;
        // Behind the minimum the loss bounces, and falls steeply for no good reason.
        let (slope, steepest) = settled[..=at]
            .windows(2 * REACH + 1)
            .map(|window| (slope(window), window[REACH].lr))
            .min_by(|a, b| a.0.total_cmp(&b.0))?;
        if slope >= 0.0 {
            return None;
        }
        Some(LrSuggestion {
            steepest,
            tenth_of_minimum: lowest.lr / 10.0,
        })
    }

    /// Writes `lr_find.html`, a picture of the curve, and `lr_find.csv`, its numbers, into `dir`.
    ///
    /// # Errors
    ///
    /// [`TrainError::Write`] if they cannot be written.
    pub fn write(&self, dir: &Path, name: &str) -> Result<(), TrainError> {
        std::fs::create_dir_all(dir).map_err(TrainError::write(dir))?;
        for (file, text) in [
            ("lr_find.html", report::lr_find(self, name)),
            ("lr_find.csv", self.csv()),
        ] {
            let path = dir.join(file);
            files::replace(&path, text.as_bytes()).map_err(TrainError::write(path))?;
        }
        Ok(())
    }

    fn csv(&self) -> String {
        let mut text = "lr,loss,smoothed\n".to_owned();
        for LrPoint { lr, loss, smoothed } in &self.points {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{lr:e},{loss},{smoothed}");
        }
        text
    }
}

/// Slope of the straight line through points that are equally far apart, by least squares.
fn slope(points: &[LrPoint]) -> f64 {
    let middle = (points.len() / 2) as f64;
    let (mut product, mut square) = (0.0, 0.0);
    for (index, point) in points.iter().enumerate() {
        let x = index as f64 - middle;
        product += x * point.smoothed;
        square += x * x;
    }
    product / square
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANGE: LrRange = LrRange {
        first: 1e-7,
        last: 10.0,
        steps: 100,
    };

    #[test]
    fn a_valley_is_found() {
        let mut curve = LrCurve::new(RANGE);
        for step in 0..100 {
            let lr = 1e-7 * 1e8_f64.powf(f64::from(step) / 99.0);
            // Falls fastest at 1e-3 and explodes above 1.
            let fall = 1.0 / (1.0 + (lr / 1e-3).powi(2));
            if !curve.push(lr, 0.5 + 1.5 * fall + lr.powi(2)) {
                break;
            }
        }
        assert!(curve.points().len() < 100, "it explodes");
        let found = curve.suggestion().unwrap();
        assert!((3e-4..6e-3).contains(&found.steepest), "{found:?}");
        assert!((1e-3..1e-1).contains(&found.tenth_of_minimum), "{found:?}");
    }

    #[test]
    fn a_loss_that_only_rises_suggests_nothing() {
        let mut curve = LrCurve::new(RANGE);
        for step in 0..50 {
            curve.push(1e-7 * f64::from(step + 1), 1.0 + 0.01 * f64::from(step));
        }
        assert_eq!(curve.suggestion(), None);
        assert!(!curve.push(1.0, f64::NAN));
    }
}

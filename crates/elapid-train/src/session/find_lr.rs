//! The steps of a learning rate range test.

use super::Session;
use crate::interval::Interval;
use crate::lr_find::LrCurve;
use crate::step::Weights;
use crate::{Task, TrainError};

impl<T: Task> Session<'_, T> {
    /// Steps until the curve has seen enough, the schedule is done, or the run is asked to stop.
    pub(crate) fn find_lr(
        &mut self,
        mut weights: Weights<T>,
        mut curve: LrCurve,
    ) -> Result<LrCurve, TrainError> {
        let mut batches = self.batches(&weights.task);
        let total = self.trainer.config.total_steps;
        while self.state.step < total && self.trainer.stop.signal().is_none() {
            let lr = self.lr(self.state.step);
            weights = self.step(weights, batches.next())?;
            self.progress.step(self.state.step);
            let loss = self.interval.read()?.last().map(|step| step.loss);
            self.interval = Interval::default();
            if !curve.push(lr, loss.unwrap_or(f64::NAN)) {
                break;
            }
        }
        Ok(curve)
    }
}

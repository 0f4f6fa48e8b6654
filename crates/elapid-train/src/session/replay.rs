//! Steps without anything that a run does between them.

use super::Session;
use crate::interval::Interval;
use crate::step::Weights;
use crate::{Decay, Task, TrainError};

impl<T: Task> Session<'_, T> {
    /// The weights after `until` steps; `None` if it was asked to stop before.
    pub(crate) fn replay(
        &mut self,
        mut weights: Weights<T>,
        until: u64,
    ) -> Result<Option<Weights<T>>, TrainError> {
        let mut batches = self.batches(&weights.task);
        while self.state.step < until {
            if self.trainer.stop.signal().is_some() {
                return Ok(None);
            }
            weights = self.step(weights, batches.next())?;
            self.progress.step(self.state.step);
            if self.is_due(self.trainer.config.log_every) {
                self.interval = Interval::default();
            }
            // The learning rate depends on what was measured.
            if matches!(self.trainer.config.schedule.decay, Decay::Plateau(_)) {
                self.evaluate(&weights)?;
            }
        }
        Ok(Some(weights))
    }
}

//! What a session keeps: checkpoints, of finite weights only.

use super::Session;
use crate::checkpoint::{CheckpointError, State, after_save};
use crate::interval::Observed;
use crate::{Task, TrainError};

impl<T: Task> Session<'_, T> {
    /// Writes a checkpoint of the last step, if there is none yet, and drops outdated ones.
    pub(super) fn save(&mut self, task: &T) -> Result<(), TrainError> {
        if self.saved != Some(self.state.step) {
            // Resumption takes the lines up to this step for granted.
            self.log.sync()?;
            let state = State {
                interval: self.interval.read()?.to_vec(),
                ..self.state.clone()
            };
            let optimiser = self.optimiser.to_record();
            let model = task.clone().into_record();
            let average = self.average.as_ref();
            let average = average.map(|average| average.module().clone().into_record());
            self.checkpoints.write(model, average, optimiser, &state)?;
            self.saved = Some(self.state.step);
        }
        if let Err(error) = self.prune() {
            self.progress.warn(&error.to_string());
        }
        Ok(())
    }

    /// Refuses losses and gradients that are not finite.
    pub(super) fn check_interval(&mut self) -> Result<(), TrainError> {
        let observed = self.interval.read()?;
        let made = self
            .state
            .recovery
            .made_before(self.state.step, observed.len());
        for (step, observed) in made.into_iter().zip(observed) {
            let quantity = match observed {
                Observed { loss, .. } if !loss.is_finite() => "loss",
                Observed { grad_norm, .. } if !grad_norm.is_finite() => "gradient norm",
                _ => continue,
            };
            return Err(TrainError::NonFinite {
                step: step + 1,
                quantity,
                checkpoint: self.saved.map(|step| self.checkpoints.path(step)),
            });
        }
        Ok(())
    }

    fn prune(&self) -> Result<(), CheckpointError> {
        let steps = self.checkpoints.steps()?;
        let best = self.state.best.map(|best| best.step);
        let config = &self.trainer.config;
        let actions = after_save(&steps, config.keep_last, config.keep_every, best);
        self.checkpoints.perform(&actions)
    }
}

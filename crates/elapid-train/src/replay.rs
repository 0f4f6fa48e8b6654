//! Making the steps of a run again, to look at a moment between two checkpoints.

use crate::checkpoint::Checkpoint;
use crate::recovery::Recovery;
use crate::session::Session;
use crate::{Task, TrainError, Trainer};

/// A run at some step.
#[derive(Debug)]
pub struct Replayed<T> {
    /// The task with the weights of that step.
    pub task: T,
    /// What the next step multiplies losses by, where losses are scaled.
    pub loss_scale: Option<f32>,
}

impl<T: Task> Trainer<T> {
    /// The run as it was after `until` steps: from a checkpoint of at most as many, or from `task` as it is.
    /// `recovery` says what the run left out and halved on its way.
    ///
    /// On the same device the weights are those of the run, bit for bit. No checkpoint is written, and nothing is
    /// evaluated but what the learning rate depends on; the trainer's run directory should be one that is thrown away.
    /// `None` if it was asked to stop.
    ///
    /// # Errors
    ///
    /// Those of data, device and disk.
    pub fn replay(
        self,
        task: T,
        from: Option<&Checkpoint>,
        recovery: Recovery,
        until: u64,
    ) -> Result<Option<Replayed<T>>, TrainError> {
        let progress = self.progress()?;
        let (mut session, weights) = Session::begin(&self, task, from, recovery, progress)?;
        let weights = session.replay(weights, until);
        session.into_progress().finish();
        Ok(weights?.map(|weights| Replayed {
            loss_scale: weights.scaler.as_ref().and_then(|scaler| {
                let [scale, _] = scaler.numbers()?;
                Some(scale)
            }),
            task: weights.task,
        }))
    }
}

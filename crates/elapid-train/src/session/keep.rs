//! What a session keeps: checkpoints, of finite weights only.

use std::io;
use std::path::PathBuf;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use super::Session;
use crate::checkpoint::{CheckpointError, State, after_save};
use crate::interval::Observed;
use crate::optim::Scaler;
use crate::step::Weights;
use crate::{Task, TrainError};
use burn::module::Module;

/// A checkpoint that a thread writes while training goes on, from copies of the tensors of its step.
pub(super) struct Saving {
    step: u64,
    /// Steps of the best validations so far, in order of merit.
    best: Vec<u64>,
    thread: JoinHandle<Result<PathBuf, CheckpointError>>,
}

impl<T: Task> Session<'_, T> {
    /// Begins to write a checkpoint of the last step, if there is none yet. One is written at a time.
    pub(super) fn save(&mut self, weights: &Weights<T>) -> Result<(), TrainError> {
        let step = self.state.step;
        let begun = self.saving.as_ref().map(|saving| saving.step);
        if self.saved == Some(step) || begun == Some(step) {
            return Ok(());
        }
        if let Err(error) = self.finish_saving() {
            self.progress.warn(&format!("{error}; training goes on"));
        }
        let started = Instant::now();
        // Resumption takes the lines up to this step for granted.
        self.log.sync()?;
        let state = State {
            interval: self.interval.read()?.to_vec(),
            scaler: weights.scaler.as_ref().and_then(Scaler::numbers),
            ..self.state.clone()
        };
        let best = state.best_ones().iter().map(|best| best.step).collect();
        // Always: burn's fusion frees a tensor that two threads share when the other thread drops its clone, even while this
        // one is about to hand an operation on it in ("Should have handle for tensor").
        let copy = weights.clone().duplicated();
        let checkpoints = self.checkpoints.clone();
        let write = move || {
            let average = copy.average.map(|average| average.into_record());
            let moments = copy.moments.into_record();
            checkpoints.write(copy.task.into_record(), average, moments, &state)
        };
        let thread = thread::Builder::new().name("checkpoint".to_owned());
        let thread = thread
            .spawn(write)
            .map_err(|source| self.not_written(step, source))?;
        self.saving = Some(Saving { step, best, thread });
        tracing::debug!(step, stalled = ?started.elapsed(), "checkpoint begun");
        Ok(())
    }

    /// Waits for the checkpoint that is being written, if there is one, and drops outdated ones.
    pub(super) fn finish_saving(&mut self) -> Result<(), TrainError> {
        let Some(Saving { step, best, thread }) = self.saving.take() else {
            return Ok(());
        };
        let panicked = |_| Err(self.not_written(step, io::Error::other("its thread panicked")));
        thread.join().unwrap_or_else(panicked)?;
        self.saved = Some(step);
        if let Err(error) = self.prune(&best) {
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
        // Where losses are scaled, no number stands for a step that was not made, and the next has a smaller scale.
        let is_scaled = self.trainer.config.loss_scaling;
        let bad = made.into_iter().zip(observed).find_map(|(step, observed)| {
            let quantity = match observed {
                Observed { loss, .. } if !loss.is_finite() => "loss",
                Observed { grad_norm, .. } if grad_norm.is_nan() && is_scaled => return None,
                Observed { grad_norm, .. } if !grad_norm.is_finite() => "gradient norm",
                _ => return None,
            };
            Some((step + 1, quantity))
        });
        let Some((step, quantity)) = bad else {
            return Ok(());
        };
        if let Err(error) = self.finish_saving() {
            self.progress.warn(&error.to_string());
        }
        Err(TrainError::NonFinite {
            step,
            quantity,
            checkpoint: self.saved.map(|step| self.checkpoints.path(step)),
        })
    }

    fn prune(&self, best: &[u64]) -> Result<(), CheckpointError> {
        let steps = self.checkpoints.steps()?;
        let config = &self.trainer.config;
        let actions = after_save(&steps, config.keep_last, config.keep_every, best);
        self.checkpoints.perform(&actions)
    }

    fn not_written(&self, step: u64, source: io::Error) -> CheckpointError {
        CheckpointError::Write {
            path: self.checkpoints.path(step),
            source,
        }
    }
}

//! The settings of a run.

use std::time::Duration;

use crate::{Method, MicroBatch, MirrorFormat, Schedule, TrainError};

/// Everything a training run is told besides task, data and device.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainConfig {
    /// Seed of all noise drawn in training.
    pub seed: u64,
    /// Optimiser steps of the run; at least 1.
    pub total_steps: u64,
    /// Learning rate over the steps.
    pub schedule: Schedule,
    /// What turns gradients into steps.
    pub method: Method,
    /// Decoupled weight decay, for the parameters whose rule asks for it.
    pub weight_decay: f64,
    /// Largest Euclidean norm of all gradients together; larger ones are scaled down to it.
    pub grad_clip: Option<f64>,
    /// Steps between evaluations on the validation split; at least 1.
    pub eval_every: u64,
    /// Steps between checkpoints; at least 1. The best ones and the last are kept in any case.
    pub checkpoint_every: u64,
    /// How many of the newest checkpoints are kept; at least 1.
    pub keep_last: usize,
    /// How many of the checkpoints with the best validations are kept; at least 1.
    pub keep_best: usize,
    /// Checkpoints at multiples of this many steps are kept for good.
    pub keep_every: Option<u64>,
    /// The validation metric that decides which checkpoint is the best.
    pub best_metric: String,
    /// Which weights the final test uses.
    pub test_weights: TestWeights,
    /// How many steps with a loss or gradient that is not finite are left out before the learning rate is halved; 0
    /// stops the run at the first.
    pub max_skips: usize,
    /// Steps between lines in the log; at least 1.
    pub log_every: u64,
    /// How far above the median of the steps before a step's loss has to lie to be noted as a spike, in distances from
    /// there to their 95th percentile; `None` for no such notes.
    pub spike_factor: Option<f64>,
    /// Formats in which `metrics.jsonl` is copied.
    pub copies: Vec<MirrorFormat>,
    /// Decay of an exponential moving average of the weights, below 1, which is then evaluated in their place.
    pub ema: Option<f64>,
    /// Samples that are processed at a time.
    pub micro_batch: MicroBatch,
    /// Losses are multiplied by a number that gradients in 16 bits survive with; a step that overflows is not made.
    pub loss_scaling: bool,
    /// Steps are recorded as hardware graphs where the device can.
    pub graphs: bool,
    /// Validations without a new best one after which the run ends; at least 1. `None` makes all steps.
    pub patience: Option<u64>,
    /// How long one process trains before it stops with a checkpoint.
    pub max_duration: Option<Duration>,
}

/// Which weights the final test uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TestWeights {
    /// Those of the best checkpoint; the last ones if nothing was validated.
    Best,
    /// Those of the last step.
    Last,
}

impl TrainConfig {
    /// Refuses settings that no run can follow.
    pub(crate) fn check(&self) -> Result<(), TrainError> {
        let counts = [
            ("total_steps", self.total_steps),
            ("eval_every", self.eval_every),
            ("checkpoint_every", self.checkpoint_every),
            ("keep_last", self.keep_last as u64),
            ("keep_best", self.keep_best as u64),
            ("log_every", self.log_every),
            ("patience", self.patience.unwrap_or(1)),
            (
                "micro_batch",
                self.micro_batch.samples().unwrap_or(1) as u64,
            ),
        ];
        match counts.into_iter().find(|(_, count)| *count == 0) {
            Some((name, _)) => Err(TrainError::Setting {
                name,
                problem: "must be at least 1, got 0",
            }),
            None if self
                .grad_clip
                .is_some_and(|norm| norm.is_nan() || norm <= 0.0) =>
            {
                Err(TrainError::Setting {
                    name: "grad_clip",
                    problem: "must be above 0; leave it out to clip nothing",
                })
            }
            None => Ok(()),
        }
    }
}

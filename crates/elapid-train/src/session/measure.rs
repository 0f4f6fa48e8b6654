//! What a session measures: the means of an interval, validation and test.

use std::io;

use serde::Serialize;

use super::Session;
use crate::checkpoint::{Best, Checkpoint, State};
use crate::evaluate::evaluate_unless;
use crate::interval::{self, Interval, Observed};
use crate::metrics_log::Moment;
use crate::progress::TrainLine;
use crate::spikes::Spike;
use crate::step::Weights;
use crate::{Decay, Evaluation, Measured, Tally, Task, TestWeights, TrainError};

impl<T: Task> Session<'_, T> {
    /// Logs the means of the interval and begins the next one.
    pub(super) fn log_interval(&mut self) -> Result<(), TrainError> {
        let Observed { loss, grad_norm } = interval::mean(self.interval.read()?);
        // The rate of the last step, not of the next.
        let lr = self.lr(self.state.step - 1);
        let samples_per_s = self.interval.samples_per_s();
        let at = self.moment("train");
        self.data_waits.push(self.interval.data_wait());
        for (name, value) in [
            ("loss", loss),
            ("lr", lr),
            ("grad_norm", grad_norm),
            ("step_ms", self.interval.step_ms()),
            ("samples_per_s", samples_per_s),
            ("data_wait", self.interval.data_wait()),
        ] {
            self.log.push(at, name, value);
        }
        let spikes = self.spikes()?;
        for spike in &spikes {
            self.log.push_spike(at, spike, self.lr(spike.step));
        }
        self.flush();
        self.progress.trained(TrainLine {
            step: at.step,
            epoch: at.epoch,
            loss,
            lr,
            grad_norm,
            samples_per_s,
        });
        for spike in &spikes {
            let lr = self.lr(spike.step);
            self.progress.spiked(spike, lr);
        }
        self.check_interval()?;
        self.interval = Interval::default();
        Ok(())
    }

    /// The steps of the interval whose losses stand out.
    fn spikes(&mut self) -> Result<Vec<Spike>, TrainError> {
        let Some(factor) = self.trainer.config.spike_factor else {
            return Ok(Vec::new());
        };
        let observed = self.interval.read()?;
        let State {
            step,
            recovery,
            spikes,
            ..
        } = &mut self.state;
        let made = recovery.made_before(*step, observed.len());
        let steps = made.into_iter().zip(observed);
        let found = steps.filter_map(|(step, observed)| spikes.observe(step, *observed, factor));
        Ok(found.collect())
    }

    /// Evaluates on the validation split, if that is due, and says whether it is among the best.
    pub(super) fn evaluate(&mut self, weights: &Weights<T>) -> Result<bool, TrainError> {
        let trainer = self.trainer;
        let is_due = self.is_due(trainer.config.eval_every);
        let source = match &trainer.sources.valid {
            Some(source) if is_due && self.state.evaluated != Some(self.state.step) => source,
            _ => return Ok(false),
        };
        self.check_interval()?;
        let source = source.as_ref();
        let task = weights.evaluated();
        let evaluation = evaluate_unless(&trainer.stop, task, source, "valid", &self.device)?;
        let Some((evaluation, _)) = evaluation else {
            return Ok(false);
        };
        self.note("valid", self.state.step, &evaluation);
        self.report();
        self.state.evaluated = Some(self.state.step);
        let measured = find(&trainer.config.best_metric, &evaluation.metrics)?;
        if let Decay::Plateau(plateau) = trainer.config.schedule.decay {
            plateau.observe(&mut self.state.descent, measured);
        }
        let is_kept = self.rank(measured);
        let is_best = self
            .state
            .best
            .is_some_and(|best| best.step == self.state.step);
        self.state.stale = if is_best { 0 } else { self.state.stale + 1 };
        Ok(is_kept)
    }

    /// Puts the validation of this step among the best ones, if it belongs there.
    fn rank(&mut self, measured: Measured) -> bool {
        let mut best = self.state.best_ones();
        let place = best
            .iter()
            .position(|other| measured.beats(Some(other.value)))
            .unwrap_or(best.len());
        if place >= self.trainer.config.keep_best || !measured.beats(None) {
            return false;
        }
        let new = Best {
            step: self.state.step,
            value: measured.value,
        };
        best.insert(place, new);
        best.truncate(self.trainer.config.keep_best);
        self.state.runners_up = best.split_off(1);
        self.state.best = best.pop();
        true
    }

    /// Evaluates on the test split, if there is one; gives the signal that cut it short.
    pub(super) fn test(&mut self, weights: &Weights<T>) -> Result<Option<i32>, TrainError> {
        let trainer = self.trainer;
        let Some(source) = &trainer.sources.test else {
            return Ok(None);
        };
        let (task, step) = self.test_weights(weights);
        let source = source.as_ref();
        let evaluation = evaluate_unless(&trainer.stop, &task, source, "test", &self.device)?;
        let Some((evaluation, tally)) = evaluation else {
            return Ok(trainer.stop.signal());
        };
        self.note("test", step, &evaluation);
        self.log.sync()?;
        if let Some(confusion) = &evaluation.confusion {
            self.keep("confusion.json", confusion)?;
        }
        let pictures = tally.pictures();
        if !pictures.is_empty() {
            self.keep("pictures.json", &pictures)?;
        }
        Ok(None)
    }

    /// Writes a file of the run.
    fn keep(&self, name: &str, content: &impl Serialize) -> Result<(), TrainError> {
        let run = &self.trainer.run;
        let text = serde_json::to_vec(content).map_err(io::Error::from);
        let text = text.map_err(TrainError::write(run.path().join(name)))?;
        run.write(name, &text)
    }

    /// The task with the weights that the test is to be made with, and the step that made them.
    fn test_weights(&mut self, weights: &Weights<T>) -> (T, u64) {
        let last = (weights.evaluated().clone(), self.state.step);
        let best = match (self.trainer.config.test_weights, self.state.best) {
            (TestWeights::Best, Some(best)) if best.step != self.state.step => best.step,
            _ => return last,
        };
        let path = self.checkpoints.path(best);
        let loaded = Checkpoint::open(&path).and_then(|best| best.load_model(weights.task.clone()));
        match loaded {
            Ok(task) => (task, best),
            Err(error) => {
                let warning =
                    format!("{error}; the test is made with the weights of the last step");
                self.progress.warn(&warning);
                last
            }
        }
    }

    /// Logs and shows what an evaluation of the weights of a step measured.
    fn note(&mut self, split: &'static str, weights: u64, evaluation: &Evaluation) {
        let at = self.moment(split);
        for metric in &evaluation.metrics {
            self.log.push(at, metric.name, metric.value);
        }
        self.flush();
        self.progress.evaluated(split, weights, &evaluation.metrics);
        if let Some(batch) = evaluation.not_finite {
            let run = self.trainer.run.path().display();
            let advice = match split {
                "valid" => {
                    format!("; `elapid diagnose {run} --split valid --batch {batch}` looks inside")
                }
                _ => String::new(),
            };
            self.progress.warn(&format!(
                "the loss of {split} is not a number since its batch {batch}: outputs for some samples are not finite{advice}"
            ));
        }
        self.metrics.clone_from(&evaluation.metrics);
    }

    /// Lines that cannot be written now are kept for the next attempt. What the data have to say comes with the numbers.
    fn flush(&mut self) {
        for warning in self.trainer.sources.warnings() {
            self.progress.warn(&warning);
        }
        if let Err(error) = self.log.flush() {
            self.progress.warn(&error.to_string());
        }
    }

    fn moment(&self, split: &'static str) -> Moment {
        let per_epoch = self.trainer.sources.train.batches_per_epoch().max(1);
        Moment {
            step: self.state.step,
            epoch: self.state.step as f64 / per_epoch as f64,
            split,
        }
    }
}

/// The metric of a name.
pub(super) fn find(name: &str, metrics: &[Measured]) -> Result<Measured, TrainError> {
    let found = metrics.iter().find(|metric| metric.name == name);
    found.copied().ok_or_else(|| TrainError::UnknownMetric {
        name: name.to_owned(),
        known: metrics.iter().map(|metric| metric.name).collect(),
    })
}

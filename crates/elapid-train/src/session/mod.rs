//! The step loop.

mod find_lr;
mod keep;
mod measure;
mod replay;

use std::time::Instant;

use burn::module::Module;
use burn::tensor::Device;
use serde_json::Value;

use self::keep::Saving;
use self::measure::find;
use crate::average;
use crate::checkpoint::{Checkpoint, Checkpoints, State};
use crate::freezing::Freezing;
use crate::interval::Interval;
use crate::metrics_log::MetricsLog;
use crate::optim::Scaler;
use crate::plateau::Descent;
use crate::progress::Progress;
use crate::recovery::Recovery;
use crate::spikes::Spikes;
use crate::step::{Engine, Numbers, Recipe, Weights};
use crate::{
    Batches, BoxError, Decay, Ending, Measured, Outcome, Packed, Packer, StepKey, Tally, Task,
    TrainError, Trainer, report, timestamp,
};

/// One process's share of a run.
pub(crate) struct Session<'a, T: Task> {
    trainer: &'a Trainer<T>,
    device: Device,
    engine: Engine<T>,
    freezing: Freezing,
    /// Where the run is. Its interval is filled in when it is saved.
    state: State,
    interval: Interval,
    checkpoints: Checkpoints,
    /// Step of the newest checkpoint.
    saved: Option<u64>,
    saving: Option<Saving>,
    log: MetricsLog,
    progress: Progress,
    /// What the last evaluation measured.
    metrics: Vec<Measured>,
    /// Share of the time in which steps waited for batches, of each line of the log.
    data_waits: Vec<f64>,
}

impl<'a, T: Task> Session<'a, T> {
    /// Brings weights and logs to where `from` left them, or to the first step.
    pub(crate) fn begin(
        trainer: &'a Trainer<T>,
        task: T,
        from: Option<&Checkpoint>,
        recovery: Recovery,
        mut progress: Progress,
    ) -> Result<(Self, Weights<T>), TrainError> {
        let config = &trainer.config;
        let device = trainer.device.clone().autodiff();
        let step = from.map_or(0, |from| from.state().step);
        let mut weights = restore(trainer, Module::train(task).fork(&device), &device, from)?;
        let rules = (trainer.rules)(&weights.task);
        let recipe = Recipe::new(config, &rules);
        let freezing = Freezing::new(&rules);
        weights.task = freezing.applied(weights.task, step);
        let (engine, weights) = Engine::new(recipe, trainer.devices(), config, weights)?;
        let mut state = from.map_or_else(|| State::new(config.seed), |from| from.state().clone());
        state.recovery = recovery;
        let interval = Interval::resumed(std::mem::take(&mut state.interval));
        progress.start_at(state.step);
        let session = Self {
            device,
            engine,
            freezing,
            interval,
            checkpoints: trainer.run.checkpoints(),
            saved: from.map(|_| state.step),
            saving: None,
            log: MetricsLog::open(
                trainer.run.path().join("metrics.jsonl"),
                state.step,
                &config.copies,
            )?,
            progress,
            metrics: Vec::new(),
            data_waits: Vec::new(),
            state,
            trainer,
        };
        session.checkpoints.prepare()?;
        let parameters = session.engine.recipe().parameters(&weights.task);
        trainer.run.record(&[
            ("status", "running".into()),
            ("finished", Value::Null),
            ("steps", config.total_steps.into()),
            ("parameters", parameters.into()),
        ])?;
        Ok((session, weights))
    }

    /// Makes the steps that are left, and the test.
    pub(crate) fn run(&mut self, weights: Weights<T>) -> Result<Outcome, TrainError> {
        let (weights, mut stopped) = self.train(weights)?;
        if stopped.is_none() {
            stopped = self.test(&weights)?.map(Ending::Interrupted);
        }
        Ok(Outcome {
            ending: stopped.unwrap_or(Ending::Finished),
            steps: self.state.step,
            metrics: self.metrics.clone(),
        })
    }

    /// What shows the run's progress, for the session that follows this one.
    pub(crate) fn into_progress(mut self) -> Progress {
        self.wait();
        self.progress
    }

    /// Notes how the run ended where people and `resume` will look for it.
    pub(crate) fn conclude(&mut self, outcome: &Result<Outcome, TrainError>) {
        self.wait();
        self.progress.finish();
        let (status, message) = match outcome {
            Ok(Outcome {
                ending: Ending::Interrupted(signal),
                steps,
                ..
            }) => (
                "interrupted",
                format!(
                    "stopped by signal {signal} after step {steps}; go on with `elapid resume {}`",
                    self.trainer.run.path().display()
                ),
            ),
            Ok(Outcome {
                ending: Ending::TimeUp,
                steps,
                ..
            }) => (
                "interrupted",
                format!(
                    "time is up after step {steps}; go on with `elapid resume {}`",
                    self.trainer.run.path().display()
                ),
            ),
            Ok(Outcome { steps, .. }) => ("finished", format!("finished after {steps} steps")),
            Err(error) => ("failed", error.to_string()),
        };
        if let Some(advice) = starved(&mut self.data_waits) {
            self.progress.say(&advice);
        }
        match outcome {
            Ok(_) => self.progress.say(&message),
            // Whoever called shows the error.
            Err(_) => self.progress.log(&message),
        }
        let members = [
            ("status", status.into()),
            ("finished", timestamp::now().into()),
        ];
        if let Err(error) = self.trainer.run.record(&members) {
            self.progress.warn(&error.to_string());
        }
        self.report();
    }

    /// Steps until the run is done, a signal stops it, or its time is up.
    fn train(
        &mut self,
        mut weights: Weights<T>,
    ) -> Result<(Weights<T>, Option<Ending>), TrainError> {
        let trainer = self.trainer;
        let (first, begun) = (self.state.step, Instant::now());
        let mut batches = self.batches(&weights.task);
        if first > 0 {
            // A signal may have cut an evaluation short.
            self.settle(&weights)?;
        }
        while self.state.step < trainer.config.total_steps && !self.is_out_of_patience() {
            if let Some(ending) = self.asked_to_stop(begun) {
                self.check_interval()?;
                self.save(&weights)?;
                self.finish_saving()?;
                return Ok((weights, Some(ending)));
            }
            let is_first = self.state.step == first;
            if let (true, Some(what)) = (is_first, &trainer.preparation) {
                self.progress.say(what);
            }
            let started = Instant::now();
            let batch = batches.next();
            self.interval.waited(started.elapsed());
            weights = self.step(weights, batch)?;
            if is_first && trainer.preparation.is_some() {
                let seconds = started.elapsed().as_secs_f64();
                self.progress
                    .say(&format!("first step after {seconds:.1} s"));
            }
            self.interval.spent(started.elapsed());
            self.progress.step(self.state.step);
            if self.is_due(trainer.config.log_every) {
                self.log_interval()?;
            }
            self.settle(&weights)?;
        }
        if self.state.step < trainer.config.total_steps {
            self.end_early(&weights)?;
        }
        Ok((weights, None))
    }

    /// The batches of the steps that are left.
    fn batches(&self, task: &T) -> Batches<Packed> {
        let micro_batch = self.trainer.config.micro_batch.samples();
        let packer = Packer::new(task, self.engine.devices().len(), micro_batch);
        let train = &self.trainer.sources.train;
        train.packed_from(self.state.step as usize, packer)
    }

    /// Whether validation has not got better for so long that the run ends.
    fn is_out_of_patience(&self) -> bool {
        let patience = self.trainer.config.patience;
        patience.is_some_and(|patience| self.state.stale >= patience)
    }

    /// Leaves everything as at the end of a run.
    fn end_early(&mut self, weights: &Weights<T>) -> Result<(), TrainError> {
        if !self.interval.read()?.is_empty() {
            self.log_interval()?;
        }
        self.save(weights)?;
        self.finish_saving()?;
        let State {
            step, stale, best, ..
        } = &self.state;
        let metric = &self.trainer.config.best_metric;
        let since = best.map_or(0, |best| best.step);
        self.progress.say(&format!(
            "ends early after step {step}: {stale} validations without a better `{metric}` than that of step {since}"
        ));
        let steps = [("steps", (*step).into())];
        self.trainer.run.record(&steps)
    }

    /// Why the run should end here, if it should.
    fn asked_to_stop(&self, begun: Instant) -> Option<Ending> {
        let trainer = self.trainer;
        let limit = trainer.config.max_duration;
        if let Some(signal) = trainer.stop.signal() {
            return Some(Ending::Interrupted(signal));
        }
        let is_over = limit.is_some_and(|limit| begun.elapsed() >= limit);
        is_over.then_some(Ending::TimeUp)
    }

    /// One optimiser step.
    fn step(
        &mut self,
        weights: Weights<T>,
        batch: Option<Result<Packed, BoxError>>,
    ) -> Result<Weights<T>, TrainError> {
        let batch = made(batch, self.state.step)?;
        if self.state.recovery.skips(self.state.step) {
            self.state.step += 1;
            return Ok(weights);
        }
        let weights = self.thawed(weights);
        let samples = batch.samples;
        let operands = self.engine.upload(batch, &self.numbers());
        if self.engine.is_about_to_record(&operands) {
            // Its thread reads from the device.
            self.wait();
        }
        let (weights, made) = self.engine.step(weights, operands)?;
        if let Some(message) = self.engine.take_message() {
            self.progress.say(&message);
        }
        self.interval.push(made.loss, made.grad_norm, samples);
        self.state.step += 1;
        Ok(weights)
    }

    /// The weights, of which the next step may train more than the one before.
    fn thawed(&mut self, weights: Weights<T>) -> Weights<T> {
        if !self.freezing.changes_at(self.state.step) {
            return weights;
        }
        let step = self.state.step;
        let task = self.engine.thawed(weights.task, &self.freezing, step);
        Weights { task, ..weights }
    }

    /// What the next step reads besides its batch.
    fn numbers(&self) -> Numbers {
        let (config, step) = (&self.trainer.config, self.state.step);
        let keep = config.ema.map_or(0.0, |decay| average::kept(decay, step));
        let made = |step| self.state.recovery.made(step);
        let recipe = self.engine.recipe();
        Numbers {
            key: StepKey::new(config.seed, step),
            table: recipe.numbers([self.lr(step), keep], step, made),
        }
    }

    /// The learning rate of a step, counted from 0.
    fn lr(&self, step: u64) -> f64 {
        let config = &self.trainer.config;
        let lr = config.schedule.at(step, config.total_steps);
        let lr = match config.schedule.decay {
            Decay::Plateau(plateau) => plateau.lowered(self.state.descent, lr),
            _ => lr,
        };
        lr * self.state.recovery.lr_factor(step)
    }

    /// Evaluates and saves where the schedule says so.
    fn settle(&mut self, weights: &Weights<T>) -> Result<(), TrainError> {
        let config = &self.trainer.config;
        let has_improved = self.evaluate(weights)?;
        if !has_improved && !self.is_due(config.checkpoint_every) {
            return Ok(());
        }
        // Weights that are not finite must not push a good checkpoint out.
        self.check_interval()?;
        let saved = self.save(weights);
        if self.state.step == config.total_steps {
            return saved.and_then(|()| self.finish_saving());
        }
        if let Err(error) = saved {
            self.progress.warn(&format!("{error}; training goes on"));
        }
        Ok(())
    }

    /// Waits for what is still being written.
    fn wait(&mut self) {
        if let Err(error) = self.finish_saving() {
            self.progress.warn(&error.to_string());
        }
    }

    fn report(&mut self) {
        if let Err(error) = report::write(self.trainer.run.path()) {
            self.progress.warn(&error.to_string());
        }
    }

    /// Whether something that is done every so many steps is done now; at the end it is.
    fn is_due(&self, every: u64) -> bool {
        let step = self.state.step;
        step.is_multiple_of(every) || step == self.trainer.config.total_steps
    }
}

impl State {
    fn new(seed: u64) -> Self {
        Self {
            step: 0,
            seed,
            best: None,
            runners_up: Vec::new(),
            evaluated: None,
            stale: 0,
            interval: Vec::new(),
            scaler: None,
            descent: Descent::default(),
            recovery: Recovery::default(),
            spikes: Spikes::default(),
        }
    }
}

/// What to do if data kept the device waiting, which the usual line of the log decides: the first ones wait for files that
/// are not in memory yet.
fn starved(waits: &mut [f64]) -> Option<String> {
    /// Less than this is not worth a word.
    const MUCH: f64 = 0.05;
    waits.sort_unstable_by(f64::total_cmp);
    let usual = *waits.get(waits.len() / 2)?;
    (usual > MUCH).then(|| {
        format!(
            "steps waited for data in {:.0} % of their time; a larger `data.workers` helps while there are idle cores",
            100.0 * usual
        )
    })
}

/// The weights of a checkpoint, or those of the task before its first step.
fn restore<T: Task>(
    trainer: &Trainer<T>,
    mut task: T,
    device: &Device,
    from: Option<&Checkpoint>,
) -> Result<Weights<T>, TrainError> {
    let config = &trainer.config;
    let known = task.tally().metrics();
    if trainer.sources.valid.is_some() && !known.is_empty() {
        // A misspelt name should not wait for the first evaluation.
        find(&config.best_metric, &known)?;
    }
    if let Some(checkpoint) = from {
        task = checkpoint.load_trained(task)?;
    }
    let mut weights = Weights::new(task, config, device);
    if let Some(checkpoint) = from {
        weights.moments = checkpoint.load_moments(weights.moments)?;
        if let (Some(scaler), Some(_)) = (checkpoint.state().scaler, &weights.scaler) {
            weights.scaler = Some(Scaler::restored(scaler, &device.clone().inner()));
        }
        if let (Some(average), Some(_)) = (
            checkpoint.load_average(weights.task.clone())?,
            &weights.average,
        ) {
            weights.average = Some(average.valid());
        }
    }
    Ok(weights)
}

/// The batch of step `step`, or why there is none.
pub(crate) fn made<B>(batch: Option<Result<B, BoxError>>, step: u64) -> Result<B, TrainError> {
    let split = "train";
    match batch {
        Some(Ok(batch)) => Ok(batch),
        Some(Err(source)) => Err(TrainError::Data {
            split,
            batch: step,
            source,
        }),
        None => Err(TrainError::DataEnded {
            split,
            batches: step,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::starved;

    #[test]
    fn only_what_is_usual_is_worth_a_word() {
        assert_eq!(starved(&mut []), None);
        assert_eq!(starved(&mut [0.9, 0.01, 0.0]), None);
        let said = starved(&mut [0.9, 0.25, 0.0]).unwrap();
        assert!(
            said.starts_with("steps waited for data in 25 % of"),
            "{said}"
        );
    }
}

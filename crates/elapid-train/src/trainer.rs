//! Starting a run, and going on with one.

use burn::tensor::Device;

use crate::checkpoint::{Checkpoint, Found};
use crate::micro_batch::choose;
use crate::progress::Progress;
use crate::recovery::{Decision, Recovery};
use crate::session::Session;
use crate::{
    Measured, MicroBatch, NotFinite, ParamRule, RunDir, Setup, Sources, StopFlag, Task,
    TrainConfig, TrainError,
};

/// Trains a task in a run directory.
pub struct Trainer<T: Task> {
    pub(crate) run: RunDir,
    pub(crate) config: TrainConfig,
    pub(crate) device: Device,
    /// Devices that share the work of the first.
    others: Vec<Device>,
    pub(crate) sources: Sources<T::Batch>,
    pub(crate) rules: Rules<T>,
    pub(crate) stop: StopFlag,
    pub(crate) preparation: Option<String>,
    pub(crate) opening: Option<String>,
}

/// Gives the rule of each parameter.
pub(crate) type Rules<T> = Box<dyn Fn(&T) -> Vec<ParamRule>>;

/// What came of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// How it ended.
    pub ending: Ending,
    /// Optimiser steps done, those before a resumption included.
    pub steps: u64,
    /// Metrics of the test; without one, of the last validation.
    pub metrics: Vec<Measured>,
}

/// How a run ended that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All steps are done and the test, if there is one, is made.
    Finished,
    /// This signal asked to stop. There is a checkpoint of the last step.
    Interrupted(i32),
    /// The time that the settings grant is up. There is a checkpoint of the last step.
    TimeUp,
}

impl<T: Task> Trainer<T> {
    /// A trainer on `device` that treats all parameters alike and stops for nothing.
    pub fn new(
        run: RunDir,
        config: TrainConfig,
        device: Device,
        sources: Sources<T::Batch>,
    ) -> Self {
        Self {
            run,
            config,
            device,
            others: Vec::new(),
            sources,
            rules: Box::new(|_| Vec::new()),
            stop: StopFlag::default(),
            preparation: None,
            opening: None,
        }
    }

    /// Optimises each parameter by the rule that `rules` gives for it.
    ///
    /// It is called once the weights are in place: loading a checkpoint changes the parameters'
    /// ids.
    pub fn with_rules(mut self, rules: impl Fn(&T) -> Vec<ParamRule> + 'static) -> Self {
        self.rules = Box::new(rules);
        self
    }

    /// Shares every batch out to more devices, each of which holds all weights. The losses are those of one device, up to
    /// rounding; a device may be named several times, which is of use in tests only.
    ///
    /// Evaluation and checkpoints are the first device's. Resume a run with as many devices as it was started with: the noise of
    /// a step depends on how a batch is shared out.
    pub fn shared_with(mut self, others: impl IntoIterator<Item = Device>) -> Self {
        self.others.extend(others);
        self
    }

    /// Ends the run after a step and a checkpoint as soon as `stop` is set.
    pub fn stop_on(mut self, stop: StopFlag) -> Self {
        self.stop = stop;
        self
    }

    /// Says in front of the first step what that step prepares, and afterwards how long it took.
    pub fn preparing(mut self, what: impl Into<String>) -> Self {
        self.preparation = Some(what.into());
        self
    }

    /// Says this before a run begins.
    pub fn saying(mut self, what: impl Into<String>) -> Self {
        self.opening = Some(what.into());
        self
    }

    /// Trains a task from its first step.
    ///
    /// # Errors
    ///
    /// [`TrainError::RunExists`] if the run has checkpoints already, [`TrainError::NonFinite`] if
    /// training diverges, and whatever goes wrong with data, device or disk. A checkpoint that
    /// cannot be written is only a warning, unless it is the last one.
    pub fn fit(mut self, task: T) -> Result<Outcome, TrainError> {
        if !self.run.checkpoints().steps()?.is_empty() {
            return Err(TrainError::RunExists {
                path: self.run.path().to_owned(),
            });
        }
        let mut progress = self.progress()?;
        if let Some(what) = &self.opening {
            progress.say(what);
        }
        if self.config.micro_batch == MicroBatch::Auto {
            self.choose_micro_batch(&task, &mut progress)?;
        }
        self.train(task, None, progress)
    }

    /// Goes on from the newest complete checkpoint; `task` is built as it was for
    /// [`fit`](Self::fit), its weights do not matter.
    ///
    /// On the same device the run gives the same weights and losses, bit for bit, as if it had
    /// never stopped. Damaged checkpoints that are newer are renamed to `step-N.damaged`.
    ///
    /// # Errors
    ///
    /// As for [`fit`](Self::fit), and those of
    /// [`Checkpoints::latest`](crate::checkpoint::Checkpoints::latest).
    pub fn resume(mut self, task: T) -> Result<Outcome, TrainError> {
        let mut progress = self.progress()?;
        let checkpoints = self.run.checkpoints();
        let Found {
            checkpoint,
            skipped,
        } = checkpoints.latest()?;
        for skipped in skipped {
            let aside = checkpoints.set_aside(&skipped.path)?;
            progress.warn(&format!("{skipped}; it is now `{}`", aside.display()));
        }
        let seed = checkpoint.state().seed;
        if seed != self.config.seed {
            return Err(TrainError::Seed {
                expected: seed,
                found: self.config.seed,
            });
        }
        if self.config.micro_batch == MicroBatch::Auto {
            self.config.micro_batch = MicroBatch::noted(&self.run)?;
        }
        progress.say(&format!("resuming from `{}`", checkpoint.path().display()));
        self.train(task, Some(&checkpoint), progress)
    }

    /// All devices, with autodiff.
    pub(crate) fn devices(&self) -> Vec<Device> {
        let all = std::iter::once(&self.device).chain(&self.others);
        all.map(|device| device.clone().autodiff()).collect()
    }

    pub(crate) fn progress(&self) -> Result<Progress, TrainError> {
        self.config.check()?;
        Ok(Progress::new(self.config.total_steps, self.run.lock()?))
    }

    /// Finds out how many samples fit into memory at a time, and notes the number for resumptions, since the noise of a
    /// step depends on it.
    pub(crate) fn choose_micro_batch(
        &mut self,
        task: &T,
        progress: &mut Progress,
    ) -> Result<(), TrainError> {
        progress.say("finding out how many samples fit into memory at a time");
        let setup = Setup {
            config: &self.config,
            device: &self.device,
            source: self.sources.train.as_ref(),
            rules: &self.rules,
        };
        let chosen = choose(task, &setup, 1 + self.others.len())?;
        progress.say(&chosen.to_string());
        chosen.note(&self.run)?;
        self.config.micro_batch = MicroBatch::Of(chosen.samples);
        Ok(())
    }

    fn train(
        &self,
        task: T,
        from: Option<&Checkpoint>,
        mut progress: Progress,
    ) -> Result<Outcome, TrainError> {
        let mut recovery =
            from.map_or_else(Recovery::default, |from| from.state().recovery.clone());
        let mut from = from.cloned();
        loop {
            let (mut session, begun) = Session::begin(
                self,
                task.clone(),
                from.as_ref(),
                recovery.clone(),
                progress,
            )?;
            let outcome = session.run(begun);
            let restart = match &outcome {
                Err(TrainError::NonFinite { step, quantity, .. }) => {
                    let note = NotFinite {
                        step: *step,
                        quantity: (*quantity).to_owned(),
                        recovery: recovery.clone(),
                    };
                    note.record(&self.run)?;
                    self.restart(&mut recovery, *step, quantity)
                }
                _ => None,
            };
            let Some((limit, message)) = restart else {
                session.conclude(&outcome);
                return outcome;
            };
            progress = session.into_progress();
            from = self.run.checkpoints().rewind(limit)?;
            progress.warn(&message);
        }
    }

    /// Up to which step a run keeps its checkpoints after `step`, counted from 1, was bad, and what to say; `None` if
    /// it ends.
    fn restart(&self, recovery: &mut Recovery, step: u64, quantity: &str) -> Option<(u64, String)> {
        let config = &self.config;
        let decision = recovery.after(step - 1, config.max_skips, config.checkpoint_every);
        let what = format!("the {quantity} of step {step} is not finite");
        match decision {
            Decision::Skip => Some((
                step - 1,
                format!("{what}; going on from the last checkpoint without that step"),
            )),
            Decision::Halve(from) => Some((
                from,
                format!(
                    "{what}, after {} steps that were left out; going on from step {from} at half the learning rate",
                    config.max_skips
                ),
            )),
            Decision::GiveUp => None,
        }
    }
}

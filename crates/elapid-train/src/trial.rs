//! Steps outside a run: nothing is logged, evaluated or kept.

use burn::module::Module;
use burn::tensor::Device;

use crate::freezing::Freezing;
use crate::session::made;
use crate::step::{Machine, Numbers, Recipe, Weights};
use crate::{Packed, Packer, ParamRule, StepKey, Task, TrainConfig, TrainError, TrainSource};

/// What makes the steps of a run, without its directory.
pub struct Setup<'a, T: Task> {
    /// The settings.
    pub config: &'a TrainConfig,
    /// Where to compute, without autodiff.
    pub device: &'a Device,
    /// The batches.
    pub source: &'a dyn TrainSource<T::Batch>,
    /// The rule of each parameter, as in [`Trainer::with_rules`](crate::Trainer::with_rules).
    pub rules: &'a dyn Fn(&T) -> Vec<ParamRule>,
}

/// The batch of each step, or why there is none.
pub(crate) type Steps = Box<dyn Iterator<Item = Result<Packed, TrainError>>>;

/// Weights before their first step, and how steps are made of them.
pub(crate) struct Trial<T: Task> {
    pub(crate) weights: Weights<T>,
    pub(crate) recipe: Recipe,
    /// With autodiff.
    pub(crate) device: Device,
}

impl<T: Task> Setup<'_, T> {
    /// Weights and recipe of the first step of a run with `task`.
    pub(crate) fn trial(&self, task: T) -> Trial<T> {
        let device = self.device.clone().autodiff();
        let task = Module::train(task).fork(&device);
        let mut weights = Weights::new(task, self.config, &device);
        let rules = (self.rules)(&weights.task);
        weights.task = Freezing::new(&rules).applied(weights.task, 0);
        Trial {
            recipe: Recipe::new(self.config, &rules),
            weights,
            device,
        }
    }

    /// The batches from the first on.
    pub(crate) fn batches(&self) -> impl Iterator<Item = Result<T::Batch, TrainError>> {
        let mut batches = self.source.iter_from(0);
        (0..).map(move |step| made(batches.next(), step))
    }

    /// The same, packed for one device as a run does it.
    pub(crate) fn packed(&self, task: &T) -> Steps {
        let packer = Packer::new(task, 1, self.config.micro_batch.samples());
        let mut batches = self.source.packed_from(0, packer);
        Box::new((0..).map(move |step| made(batches.next(), step)))
    }

    /// What step `step` of an undisturbed run reads besides its batch.
    pub(crate) fn numbers(&self, recipe: &Recipe, step: u64) -> Numbers {
        let config = self.config;
        let lr = config.schedule.at(step, config.total_steps.max(step + 1));
        let keep = config
            .ema
            .map_or(0.0, |decay| crate::average::kept(decay, step));
        Numbers {
            key: StepKey::new(config.seed, step),
            table: recipe.numbers([lr, keep], step, |step| step),
        }
    }
}

impl<T: Task> Trial<T> {
    /// The weights, and what makes their steps as a run does: recorded where the device can.
    pub(crate) fn into_machine(self, config: &TrainConfig) -> (Weights<T>, Machine) {
        let machine = Machine::new(self.recipe, self.device, config.graphs);
        let weights = match machine.works_in_place() {
            true => self.weights.duplicated(),
            false => self.weights,
        };
        (weights, machine)
    }
}

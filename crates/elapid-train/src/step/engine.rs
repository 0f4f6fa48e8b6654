//! What makes the steps of a run: one device or several.

use burn::tensor::Device;

use super::{Machine, Made, Numbers, Operands, Recipe, Team, Weights};
use crate::freezing::Freezing;
use crate::{Packed, Task, TrainConfig, TrainError};

/// Makes steps on one autodiff device, or on several together.
pub(crate) enum Engine<T: Task> {
    Alone(Machine),
    Together(Team<T>),
}

impl<T: Task> Engine<T> {
    /// The engine of a run on these autodiff devices, at least one, that begins with `weights`, which are on the first.
    /// Gives them back laid out as steps need them.
    ///
    /// # Errors
    ///
    /// [`TrainError::Device`] if the weights could not be copied to the other devices.
    pub(crate) fn new(
        recipe: Recipe,
        devices: Vec<Device>,
        config: &TrainConfig,
        weights: Weights<T>,
    ) -> Result<(Self, Weights<T>), TrainError> {
        let engine = match devices.as_slice() {
            [device] => Self::Alone(Machine::new(recipe, device.clone(), config.graphs)),
            _ => Self::Together(Team::new(recipe, devices, config.graphs, &weights)?),
        };
        let weights = match engine.works_in_place() {
            true => weights.duplicated(),
            false => weights,
        };
        Ok((engine, weights))
    }

    pub(crate) fn recipe(&self) -> &Recipe {
        match self {
            Self::Alone(machine) => machine.recipe(),
            Self::Together(team) => team.recipe(),
        }
    }

    /// With autodiff.
    pub(crate) fn devices(&self) -> &[Device] {
        match self {
            Self::Alone(machine) => std::slice::from_ref(machine.device()),
            Self::Together(team) => team.devices(),
        }
    }

    /// Whether a step changes weights where they lie, so that whoever keeps some has to copy them.
    pub(crate) fn works_in_place(&self) -> bool {
        self.recipe().is_in_place()
    }

    /// The task as step `step` trains it, on every device.
    pub(crate) fn thawed(&mut self, task: T, freezing: &Freezing, step: u64) -> T {
        match self {
            Self::Alone(machine) => machine.forget(),
            Self::Together(team) => team.thaw(|task| freezing.applied(task, step)),
        }
        freezing.applied(task, step)
    }

    /// Copies a batch and numbers to the devices.
    pub(crate) fn upload(&self, batch: Packed, numbers: &Numbers) -> Vec<Operands> {
        let shares = batch.shares.into_iter().zip(self.devices());
        shares
            .map(|(share, device)| Operands::upload(share, numbers, device))
            .collect()
    }

    /// Whether the next step of such a batch is recorded, which nothing else may disturb on the devices.
    pub(crate) fn is_about_to_record(&self, operands: &[Operands]) -> bool {
        match self {
            Self::Alone(machine) => operands
                .iter()
                .any(|operands| machine.is_about_to_record(operands)),
            Self::Together(team) => team.is_about_to_record(operands),
        }
    }

    /// What there is to say since it was asked last.
    pub(crate) fn take_message(&mut self) -> Option<String> {
        match self {
            Self::Alone(machine) => machine.take_message(),
            Self::Together(team) => team.take_message(),
        }
    }

    /// One step. `weights` are those of the first device.
    ///
    /// # Errors
    ///
    /// [`TrainError::NothingToTrain`] if the loss depends on no parameter, [`TrainError::Device`] if a device fails.
    pub(crate) fn step(
        &mut self,
        weights: Weights<T>,
        mut operands: Vec<Operands>,
    ) -> Result<(Weights<T>, Made), TrainError> {
        match self {
            Self::Alone(machine) => machine.step(weights, operands.swap_remove(0)),
            Self::Together(team) => team.step(weights, operands),
        }
    }
}

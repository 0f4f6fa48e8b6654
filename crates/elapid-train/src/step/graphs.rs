//! Steps as hardware graphs.
//!
//! A step of a small model is hundreds of launches, and preparing them on the host takes longer than the device takes to
//! carry them out. Recorded once, a step is one launch. What a recorded step reads and writes stays where it is in
//! memory, so the weights are updated in place and every batch is written into the memory of the one that was
//! recorded.

use burn::tensor::Device;
use elapid_kernels::graph::{self, Graph};

use super::forms::{Attempt, Forms, Turn};
use super::{Made, Operands, Recipe, Weights};
use crate::{Task, TrainError};

/// Makes steps by a recipe, on its own or by replaying one.
pub(crate) struct Machine {
    recipe: Recipe,
    device: Device,
    /// Is empty for ever if nothing is to be recorded.
    forms: Forms<Box<Recording>>,
    message: Option<String>,
}

/// A recorded step and what it reads and leaves.
struct Recording {
    graph: Graph,
    operands: Operands,
    made: Made,
}

impl Machine {
    /// Records steps if `graphs` is set and the device can; `device` is the autodiff device.
    pub(crate) fn new(recipe: Recipe, device: Device, graphs: bool) -> Self {
        let in_place = graphs && graph::is_supported(&device);
        Self {
            recipe: recipe.in_place(in_place),
            device,
            forms: Forms::new(),
            message: None,
        }
    }

    pub(crate) fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    pub(crate) fn device(&self) -> &Device {
        &self.device
    }

    /// Whether a step changes weights where they lie, so that whoever keeps some has to copy them.
    pub(crate) fn works_in_place(&self) -> bool {
        self.recipe.is_in_place()
    }

    /// Whether there is a recorded step.
    pub(crate) fn has_recorded(&self) -> bool {
        self.forms.has_recorded()
    }

    /// Forgets what was recorded, since the steps to come are others.
    pub(crate) fn forget(&mut self) {
        self.forms.clear();
    }

    /// Whether the next step of such a batch is recorded, which nothing else may disturb on the device.
    pub(crate) fn is_about_to_record(&self, operands: &Operands) -> bool {
        self.forms.is_about_to_record(&[operands.signature()])
    }

    /// What there is to say since it was asked last.
    pub(crate) fn take_message(&mut self) -> Option<String> {
        self.message.take()
    }

    /// One step.
    ///
    /// # Errors
    ///
    /// [`TrainError::NothingToTrain`] if the loss depends on no parameter, [`TrainError::Device`] if the device fails.
    pub(crate) fn step<T: Task>(
        &mut self,
        weights: Weights<T>,
        operands: Operands,
    ) -> Result<(Weights<T>, Made), TrainError> {
        if !self.recipe.is_in_place() {
            return self.recipe.make(weights, &operands);
        }
        match self.forms.turn(vec![operands.signature()]) {
            Turn::Make => self.recipe.make(weights, &operands),
            Turn::Record(attempt) => self.record(attempt, weights, operands),
            Turn::Replay(recording) => {
                let made = recording.replay(&operands)?;
                Ok((weights, made))
            }
        }
    }

    /// Makes a step, and records the same one for those that follow.
    fn record<T: Task>(
        &mut self,
        attempt: Attempt,
        weights: Weights<T>,
        operands: Operands,
    ) -> Result<(Weights<T>, Made), TrainError> {
        let recipe = &self.recipe;
        // A recording that fails leaves the memory that it would have written to unusable, so there has to be a copy; taken
        // before the step, since the recording has to find the memory that the step leaves.
        let copy = weights.clone().duplicated();
        // A recording keeps every page that it touches, so it should find few: those of the steps before are given back.
        self.release_memory();
        let warm = graph::warm(&self.device, || recipe.make(weights.clone(), &operands));
        let (weights, made) = match warm {
            Ok(made) => made?,
            Err(problem) => {
                self.refuse(attempt, &problem);
                return self.recipe.make(weights, &operands);
            }
        };
        let made = made.duplicated();
        let copy = copy.overwritten(weights.clone());
        graph::leave_room(&self.device, attempt.number);
        match graph::record(&self.device, || recipe.make(weights, &operands)) {
            Ok((graph, recorded)) => {
                let (weights, recorded) = recorded?;
                let recording = Recording {
                    graph,
                    operands,
                    made: recorded,
                };
                self.forms.keep(attempt, Box::new(recording));
                self.release_memory();
                Ok((weights, made))
            }
            Err(problem) => {
                self.refuse(attempt, &problem);
                Ok((copy, made))
            }
        }
    }

    /// Gives pages that hold nothing back to the device.
    fn release_memory(&self) {
        let _ = self.device.sync();
        self.device.memory_cleanup();
    }

    fn refuse(&mut self, attempt: Attempt, problem: &str) {
        self.message = self.forms.refuse(attempt, problem);
    }
}

impl Recording {
    fn replay(&mut self, operands: &Operands) -> Result<Made, TrainError> {
        let written = self.operands.overwrite(operands);
        // SAFETY: the recording holds the operands and the results, and the session the weights, which it replaces only
        // by those of a later step, in the same memory; other threads get copies.
        #[allow(unsafe_code)]
        let outcome = unsafe { self.graph.replay() };
        drop(written);
        outcome.map_err(TrainError::Device)?;
        // The next replay writes there again.
        Ok(self.made.clone().duplicated())
    }
}

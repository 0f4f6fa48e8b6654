//! Steps as hardware graphs.
//!
//! A step of a small model is hundreds of launches, and preparing them on the host takes longer than the device takes to
//! carry them out. Recorded once, a step is one launch. What a recorded step reads and writes stays where it is in
//! memory, so the weights are updated in place and every batch is written into the memory of the one that was
//! recorded.

use burn::tensor::{Device, Shape};
use elapid_kernels::buffers::duplicate;
use elapid_kernels::graph::{self, Graph};

use super::{Made, Operands, Recipe, Weights};
use crate::{Task, TrainError};

/// Steps of a form that are made before one is recorded: the first compile and tune, and lay out memory as no later one
/// does.
const WARM_UP: u32 = 3;
/// Forms of batches that are recorded; each holds memory for a whole step.
const FORMS: usize = 3;

/// Makes steps by a recipe, on its own or by replaying one.
pub(crate) struct Machine {
    recipe: Recipe,
    device: Device,
    /// Is empty for ever if nothing is to be recorded.
    forms: Vec<Form>,
    message: Option<String>,
}

/// Batches that are of the same form.
struct Form {
    signature: Vec<Vec<(Shape, bool)>>,
    state: State,
}

enum State {
    /// So many steps were made.
    Seen(u32),
    Recorded(Box<Recording>),
    /// It cannot be recorded.
    Refused,
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
            forms: Vec::new(),
            message: None,
        }
    }

    pub(crate) fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// Whether a step changes weights where they lie, so that whoever keeps some has to copy them.
    pub(crate) fn works_in_place(&self) -> bool {
        self.recipe.is_in_place()
    }

    /// Whether there is a recorded step.
    pub(crate) fn has_recorded(&self) -> bool {
        let mut states = self.forms.iter().map(|form| &form.state);
        states.any(|state| matches!(state, State::Recorded(_)))
    }

    /// Forgets what was recorded, since the steps to come are others.
    pub(crate) fn forget(&mut self) {
        self.forms.clear();
    }

    /// Whether the next step of such a batch is recorded, which nothing else may disturb on the device.
    pub(crate) fn is_about_to_record(&self, operands: &Operands) -> bool {
        let form = self.find(operands);
        form.is_some_and(|form| matches!(self.forms[form].state, State::Seen(WARM_UP)))
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
        let Some(form) = self.find(&operands) else {
            self.meet(&operands);
            return self.recipe.make(weights, &operands);
        };
        match &mut self.forms[form].state {
            State::Refused => self.recipe.make(weights, &operands),
            State::Recorded(recording) => {
                let made = recording.replay(&operands)?;
                Ok((weights, made))
            }
            State::Seen(steps) if *steps < WARM_UP => {
                *steps += 1;
                self.recipe.make(weights, &operands)
            }
            State::Seen(_) => self.record(form, weights, operands),
        }
    }

    fn find(&self, operands: &Operands) -> Option<usize> {
        let signature = operands.signature();
        self.forms
            .iter()
            .position(|form| form.signature == signature)
    }

    fn meet(&mut self, operands: &Operands) {
        if self.forms.len() < FORMS {
            self.forms.push(Form {
                signature: operands.signature(),
                state: State::Seen(1),
            });
        }
    }

    /// Makes a step, and records the same one for those that follow.
    fn record<T: Task>(
        &mut self,
        form: usize,
        weights: Weights<T>,
        operands: Operands,
    ) -> Result<(Weights<T>, Made), TrainError> {
        let recipe = &self.recipe;
        // A recording that fails leaves the memory that it would have written to unusable, so there has to be a copy; taken
        // before the step, since the recording has to find the memory that the step leaves.
        let copy = weights.clone().duplicated();
        let warm = graph::warm(&self.device, || recipe.make(weights.clone(), &operands));
        let (weights, made) = match warm {
            Ok(made) => made?,
            Err(problem) => {
                self.refuse(form, &problem);
                return self.recipe.make(weights, &operands);
            }
        };
        let made = Made {
            loss: duplicate(made.loss),
            grad_norm: duplicate(made.grad_norm),
        };
        let copy = copy.overwritten(weights.clone());
        let _ = self.device.sync();
        match graph::record(&self.device, || recipe.make(weights, &operands)) {
            Ok((graph, recorded)) => {
                let (weights, recorded) = recorded?;
                let recording = Recording {
                    graph,
                    operands,
                    made: recorded,
                };
                self.forms[form].state = State::Recorded(Box::new(recording));
                tracing::debug!(form, "step recorded");
                Ok((weights, made))
            }
            Err(problem) => {
                self.refuse(form, &problem);
                Ok((copy, made))
            }
        }
    }

    fn refuse(&mut self, form: usize, problem: &str) {
        self.forms[form].state = State::Refused;
        self.message = Some(format!(
            "steps are made one operation at a time, since this one could not be recorded as a graph: {problem}"
        ));
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
        Ok(Made {
            loss: duplicate(self.made.loss.clone()),
            grad_norm: duplicate(self.made.grad_norm.clone()),
        })
    }
}

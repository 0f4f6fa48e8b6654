//! The step itself.

use std::collections::BTreeSet;

use burn::module::{ModuleMapper, Param, ParamId};
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::{DType, Tensor};
use elapid_kernels::blend::blend;
use elapid_kernels::buffers::{duplicate, overwrite};

use super::running::{Follow, Running};
use super::{Operands, Weights};
use crate::clip::global_norm;
use crate::optim::{Method, Pool, Scaler, Table, Update, unless_overflown, update};
use crate::{Noise, ParamRule, Task, TrainConfig, TrainError};

/// How steps are made. Every number that may change from one step to the next is among the operands.
#[derive(Clone, Debug)]
pub(crate) struct Recipe {
    method: Method,
    table: Table,
    hidden_matrices: BTreeSet<ParamId>,
    running: Running,
    grad_clip: Option<f64>,
    /// Weights, moments and average are written where they lie, as a recorded step has to.
    in_place: bool,
}

/// What a step leaves besides new weights; both `[1]`, outside autodiff.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    /// Mean loss over the batch.
    pub(crate) loss: Tensor<1>,
    /// Global norm of the gradients before clipping.
    pub(crate) grad_norm: Tensor<1>,
}

impl Made {
    /// The same in memory of its own.
    pub(super) fn duplicated(self) -> Self {
        Self {
            loss: duplicate(self.loss),
            grad_norm: duplicate(self.grad_norm),
        }
    }

    /// Waits for the step, and fetches its loss and norm.
    ///
    /// # Errors
    ///
    /// [`TrainError::Device`] if it failed.
    pub(crate) fn read(self) -> Result<[f32; 2], TrainError> {
        let both = Tensor::cat(vec![self.loss.cast(DType::F32), self.grad_norm], 0);
        let both: Result<Vec<f32>, _> = both.try_into_vec_as();
        match both.as_deref() {
            Ok(&[loss, grad_norm]) => Ok([loss, grad_norm]),
            Ok(other) => Err(TrainError::Device(format!("{} numbers", other.len()))),
            Err(error) => Err(TrainError::Device(error.to_string())),
        }
    }
}

/// What a step does one after the other, of each part of the batch the first two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The loss.
    Forward,
    /// The gradients, and their sum over the parts.
    Backward,
    /// Norm and clipping, update, average.
    Optimiser,
}

impl Recipe {
    pub(crate) fn new(config: &TrainConfig, rules: &[ParamRule]) -> Self {
        let matrices = rules.iter().filter(|rule| rule.hidden_matrix);
        Self {
            method: config.method,
            table: Table::new(config.weight_decay, rules),
            hidden_matrices: matrices.map(|rule| rule.id).collect(),
            running: Running::new(rules),
            grad_clip: config.grad_clip,
            in_place: false,
        }
    }

    /// The same, writing where things lie or not.
    pub(crate) fn in_place(self, in_place: bool) -> Self {
        Self { in_place, ..self }
    }

    /// Parameters of a task; running statistics are none.
    pub(crate) fn parameters<T: Task>(&self, task: &T) -> usize {
        self.running.parameters(task)
    }

    pub(crate) fn is_in_place(&self) -> bool {
        self.in_place
    }

    /// The optimiser's numbers for step `step`, counted from 0, at learning rate `lr`; `keep` is how much of the average
    /// is kept, and `made` says how many of the steps before one were made.
    pub(crate) fn numbers(
        &self,
        [lr, keep]: [f64; 2],
        step: u64,
        made: impl Fn(u64) -> u64,
    ) -> Vec<f32> {
        self.table.numbers(&self.method, [lr, keep], step, made)
    }

    /// One step.
    ///
    /// # Errors
    ///
    /// [`TrainError::NothingToTrain`] if the loss depends on no parameter.
    pub(crate) fn make<T: Task>(
        &self,
        weights: Weights<T>,
        operands: &Operands,
    ) -> Result<(Weights<T>, Made), TrainError> {
        self.make_watched(weights, operands, |_| {})
    }

    /// As [`make`](Self::make), calling `done` behind every phase, whose work the device need not have finished by then.
    ///
    /// # Errors
    ///
    /// As [`make`](Self::make).
    pub(crate) fn make_watched<T: Task>(
        &self,
        weights: Weights<T>,
        operands: &Operands,
        mut done: impl FnMut(Phase),
    ) -> Result<(Weights<T>, Made), TrainError> {
        let loss_scale = weights.scaler.as_ref().map(Scaler::scale);
        let (loss, gradients) = gradients(&weights.task, operands, loss_scale.as_ref(), &mut done)?;
        let made = self.update(weights, loss, gradients, &operands.numbers);
        done(Phase::Optimiser);
        Ok(made)
    }

    /// What follows from the loss and the gradients, which are scaled where the weights have a scaler: clipping, the
    /// optimiser's step with its `numbers`, the average.
    pub(crate) fn update<T: Task>(
        &self,
        weights: Weights<T>,
        loss: Tensor<1>,
        mut gradients: Pool,
        numbers: &Tensor<1>,
    ) -> (Weights<T>, Made) {
        let Weights {
            task,
            moments,
            average,
            scaler,
        } = weights;
        let loss_scale = scaler.as_ref().map(Scaler::scale);
        let seen = self.running.taken(&task, &mut gradients);
        let plain = numbers.device();
        let scaled_norm = global_norm(&task, &gradients, &plain);
        let grad_norm = match &scaler {
            Some(scaler) => scaler.unscaled(&scaled_norm),
            None => scaled_norm.clone(),
        };
        let grad_scale = crate::clip::scale(&grad_norm, self.grad_clip);
        let grad_scale = match &loss_scale {
            Some(scale) => unless_overflown(&scaled_norm, grad_scale / scale.clone()),
            None => grad_scale,
        };
        let with = Update {
            method: self.method,
            table: &self.table,
            hidden_matrices: &self.hidden_matrices,
            numbers,
            grad_scale: &grad_scale,
            in_place: self.in_place,
        };
        let (task, moments) = update(task, moments, gradients, &with);
        let follow = Follow {
            loss_scale: loss_scale.as_ref(),
            grad_scale: &grad_scale,
            in_place: self.in_place,
        };
        let task = self.running.followed(task, seen, &follow);
        let average = average.map(|average| self.follow(average, &task, numbers));
        let weights = Weights {
            task,
            moments,
            average,
            scaler: scaler.map(|scaler| self.rescaled(&scaler, &scaled_norm)),
        };
        (weights, Made { loss, grad_norm })
    }

    fn rescaled(&self, scaler: &Scaler, scaled_norm: &Tensor<1>) -> Scaler {
        let new = scaler.after(scaled_norm);
        Scaler(match self.in_place {
            true => overwrite(&scaler.0, new),
            false => new,
        })
    }

    /// The averaged weights after a step: `d · average + (1 − d) · weights`.
    fn follow<T: Task>(&self, average: T, task: &T, numbers: &Tensor<1>) -> T {
        let (_, current) = crate::optim::taken(task.clone().valid());
        let mut blend = Blend {
            current,
            numbers,
            first: self.table.average(),
            in_place: self.in_place,
        };
        average.map(&mut blend)
    }
}

struct Blend<'a> {
    current: Pool,
    numbers: &'a Tensor<1>,
    first: usize,
    in_place: bool,
}

impl ModuleMapper for Blend<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(current) = self.current.remove::<D>(param.id) else {
            return param;
        };
        let (numbers, first, in_place) = (self.numbers, self.first, self.in_place);
        param.map(|average| blend(average, current, numbers, first, in_place))
    }
}

/// The mean loss over a batch, shape `[1]` and outside autodiff, and its gradients, those times `loss_scale`, `[1]`, if
/// there is one.
///
/// Each part's mean counts by its share of the samples, so the gradients are those of the whole batch, up to rounding,
/// whatever the sizes of the parts. Behind every phase of a part `done` is called.
///
/// # Errors
///
/// [`TrainError::NothingToTrain`] if the loss depends on no parameter.
pub(crate) fn gradients<T: Task>(
    task: &T,
    operands: &Operands,
    loss_scale: Option<&Tensor<1>>,
    done: &mut impl FnMut(Phase),
) -> Result<(Tensor<1>, GradientsParams), TrainError> {
    let noise = Noise::from_key(operands.key.clone());
    let mut sum = GradientsAccumulator::new();
    let mut total: Option<Tensor<1>> = None;
    for (index, part) in (operands.first_part..).zip(&operands.parts) {
        let loss = task.loss(&part.inputs, &noise.of_part(index));
        if !loss.is_tracked() {
            return Err(TrainError::NothingToTrain);
        }
        let loss = match part.share {
            1.0 => loss,
            share => loss * share,
        };
        let scaled = match loss_scale {
            Some(scale) => loss.clone() * Tensor::from_inner(scale.clone()),
            None => loss.clone(),
        };
        done(Phase::Forward);
        let gradients = GradientsParams::from_grads(scaled.backward(), task);
        let loss = loss.inner();
        if operands.parts.len() == 1 {
            done(Phase::Backward);
            return Ok((loss, gradients));
        }
        sum.accumulate(task, gradients);
        total = Some(match total {
            Some(total) => total + loss,
            None => loss,
        });
        done(Phase::Backward);
    }
    let total = total.ok_or(TrainError::NothingToTrain)?;
    Ok((total, sum.grads()))
}

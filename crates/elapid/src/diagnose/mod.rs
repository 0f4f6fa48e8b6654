//! Looking at a batch from inside, in a step of training or in an evaluation: what every layer computes, and where it stops
//! being finite.

mod layers;
mod number;
mod remarks;
mod values;
mod verdict;
mod watcher;

use burn::module::Module;
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::{Device, Tensor};
use elapid_train::{Inputs, Noise, Packer, ParamRule, StepKey, Task, trained_at};
use serde::Serialize;

pub use layers::{Layer, Scan};
pub use number::three_digits;
pub use values::Values;
pub use verdict::{Culprit, Place};

use watcher::Watcher;

/// A task whose layers can be watched.
pub trait Watched: Task {
    /// The mean loss over a batch, shape `[1]`, with what layers draw from `noise`.
    fn loss_with(&self, inputs: &Inputs, noise: elapid_nn::Noise) -> Tensor<1>;
}

/// What layers draw from the noise of a step.
pub(crate) fn of_layers<'a>(noise: &Noise) -> elapid_nn::Noise<'a> {
    elapid_nn::Noise::new(noise.key(), noise.first_draw())
}

/// What a batch looks like from inside.
#[derive(Clone, Debug, Serialize)]
pub struct Diagnosis {
    /// Mean loss over the batch.
    pub loss: f64,
    /// Norm of all gradients before clipping.
    pub grad_norm: f64,
    /// The layers in the order of the pass, then what stands outside of them.
    pub layers: Vec<Layer>,
    /// What is not finite first; nothing if all is.
    pub culprit: Option<Culprit>,
    /// What to make of it, in words.
    pub verdict: Vec<String>,
}

/// Which step to look at, besides its weights and its batch.
#[derive(Clone, Debug)]
pub struct Step {
    /// Whether layers compute what an evaluation has them compute: nothing is dropped, and batch norms go by running
    /// statistics.
    pub in_evaluation: bool,
    /// Number of the step, counted from 0.
    pub number: u64,
    /// Of the step's noise.
    pub key: StepKey,
    /// The batch is processed in parts of so many samples, as training does it.
    pub micro_batch: Option<usize>,
    /// What losses are multiplied by in front of the backward pass. Gradients are shown without it.
    pub loss_scale: Option<f32>,
}

/// Loss and gradients of a batch on an autodiff `device`, watched; the weights stay as they are. `rules` tells which
/// parameters the step trains.
pub fn diagnose<T: Watched>(
    task: T,
    batch: T::Batch,
    step: &Step,
    rules: impl FnOnce(&T) -> Vec<ParamRule>,
    device: &Device,
) -> Diagnosis {
    let task = Module::train(task).fork(device);
    let rules = rules(&task);
    let task = trained_at(task, &rules, step.number);
    let batch = Packer::new(&task, 1, step.micro_batch).pack(batch);
    let noise = Noise::new(step.key, device);
    let loss_scale = step.loss_scale.unwrap_or(1.0);
    let mut watcher = Watcher::default();
    let mut sum = GradientsAccumulator::new();
    let mut total = 0.0;
    for (index, part) in (0..).zip(batch.into_parts()) {
        watcher.begin_pass();
        let inputs = Inputs::upload(part.inputs, device);
        let noise = of_layers(&noise.of_part(index)).watched_by(&mut watcher);
        let noise = match step.in_evaluation {
            true => noise.in_evaluation(),
            false => noise,
        };
        let loss = task.loss_with(&inputs, noise) * part.share;
        total += loss.clone().inner().into_scalar::<f32>() as f64;
        // A loss without a graph has no gradients: nothing is trained.
        if loss.is_tracked() {
            let gradients = (loss * loss_scale).backward();
            sum.accumulate(&task, GradientsParams::from_grads(gradients, &task));
        }
    }
    let layers = layers::all(&task, &sum.grads(), loss_scale, watcher.found);
    let grad_norm = layers.iter().map(|layer| layer.grad.norm.powi(2)).sum();
    let culprit = verdict::culprit(&layers, total);
    Diagnosis {
        loss: total,
        grad_norm: f64::sqrt(grad_norm),
        verdict: verdict::in_words(&layers, total, culprit.as_ref()),
        layers,
        culprit,
    }
}

//! What a step reads.

use burn::tensor::{Device, Int, Shape, Tensor};
use elapid_kernels::buffers::{overwrite, overwrite_int};
use elapid_kernels::random::random_key;

use crate::inputs::Inputs;
use crate::{StepKey, Task};

/// A batch, the key of the step's noise, and the optimiser's numbers, all in device memory.
#[derive(Clone, Debug)]
pub(crate) struct Operands {
    /// The batch, in the parts in which it is processed.
    pub(crate) parts: Vec<Part>,
    /// `[2]`, on the autodiff device.
    pub(crate) key: Tensor<1, Int>,
    /// See [`Table`](crate::optim::Table); outside autodiff.
    pub(crate) numbers: Tensor<1>,
}

/// Some samples of a batch.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// The samples.
    pub(crate) inputs: Inputs,
    /// How many of the batch's samples these are, from 0 to 1.
    pub(crate) share: f64,
}

/// What changes from step to step besides the batch.
#[derive(Clone, Debug)]
pub(crate) struct Numbers {
    /// Of the step.
    pub(crate) key: StepKey,
    /// Of the optimiser.
    pub(crate) table: Vec<f32>,
}

impl Operands {
    /// Copies a batch and numbers to the autodiff device `device`; the batch in parts of at most `micro_batch` samples.
    pub(crate) fn upload<T: Task>(
        task: &T,
        batch: T::Batch,
        micro_batch: Option<usize>,
        numbers: &Numbers,
        device: &Device,
    ) -> Self {
        let samples = T::batch_len(&batch);
        let parts = match micro_batch {
            Some(size) if size < samples => T::split(batch, size),
            _ => vec![batch],
        };
        let upload = |part: T::Batch| Part {
            share: T::batch_len(&part) as f64 / samples as f64,
            inputs: Inputs::upload(task.inputs(part), device),
        };
        let plain = device.clone().inner();
        Self {
            parts: parts.into_iter().map(upload).collect(),
            key: random_key(numbers.key.word(0), device),
            numbers: Tensor::from_floats(numbers.table.as_slice(), &plain),
        }
    }

    /// What two batches have in common that one recorded step can take.
    pub(crate) fn signature(&self) -> Vec<Vec<(Shape, bool)>> {
        let parts = self.parts.iter();
        parts.map(|part| part.inputs.signature()).collect()
    }

    /// Writes others of the same signature into the memory of these. What comes back has to live until the device was
    /// told to go on.
    pub(crate) fn overwrite(&self, others: &Self) -> Self {
        let parts = self.parts.iter().zip(&others.parts);
        let parts = parts.map(|(part, other)| Part {
            inputs: part.inputs.overwrite(&other.inputs),
            share: part.share,
        });
        Self {
            parts: parts.collect(),
            key: overwrite_int(&self.key.clone().inner(), others.key.clone().inner()),
            numbers: overwrite(&self.numbers, others.numbers.clone()),
        }
    }
}

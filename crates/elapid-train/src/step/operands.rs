//! What a step reads.

use burn::tensor::{Device, Int, Shape, Tensor};
use elapid_kernels::buffers::{overwrite, overwrite_int};
use elapid_kernels::random::random_key;

use crate::StepKey;
use crate::inputs::Inputs;
use crate::packing::{PackedPart, PackedShare};

/// A batch, the key of the step's noise, and the optimiser's numbers, all in device memory.
#[derive(Clone, Debug)]
pub(crate) struct Operands {
    /// The batch, or one device's share of it, in the parts in which it is processed. A share may have none.
    pub(crate) parts: Vec<Part>,
    /// Number of the first of them among those of the batch.
    pub(crate) first_part: u32,
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

/// Of every part, the shape of each input and whether it is of floats.
pub(crate) type Signature = Vec<Vec<(Shape, bool)>>;

/// What changes from step to step besides the batch.
#[derive(Clone, Debug)]
pub(crate) struct Numbers {
    /// Of the step.
    pub(crate) key: StepKey,
    /// Of the optimiser.
    pub(crate) table: Vec<f32>,
}

impl Operands {
    /// Copies a share of a batch, and numbers, to the autodiff device `device`.
    pub(crate) fn upload(share: PackedShare, numbers: &Numbers, device: &Device) -> Self {
        let upload = |part: PackedPart| Part {
            share: part.share,
            inputs: Inputs::upload(part.inputs, device),
        };
        let plain = device.clone().inner();
        Self {
            parts: share.parts.into_iter().map(upload).collect(),
            first_part: share.first_part,
            key: random_key(numbers.key.word(0), device),
            numbers: Tensor::from_floats(numbers.table.as_slice(), &plain),
        }
    }

    /// What two batches have in common that one recorded step can take.
    pub(crate) fn signature(&self) -> Signature {
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
            first_part: self.first_part,
            key: overwrite_int(&self.key.clone().inner(), others.key.clone().inner()),
            numbers: overwrite(&self.numbers, others.numbers.clone()),
        }
    }
}

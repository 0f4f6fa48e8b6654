//! What a step reads.

use burn::tensor::{Device, Int, Shape, Tensor};
use elapid_kernels::buffers::{overwrite, overwrite_int};
use elapid_kernels::random::random_key;

use crate::inputs::Inputs;
use crate::{StepKey, Task};

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

/// What a device gets of a batch.
struct Share<B> {
    parts: Vec<B>,
    first_part: u32,
    /// Of the whole batch.
    of_samples: usize,
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
    /// Copies a batch and numbers to the autodiff device `device`; the batch in parts of at most `micro_batch` samples.
    pub(crate) fn upload<T: Task>(
        task: &T,
        batch: T::Batch,
        micro_batch: Option<usize>,
        numbers: &Numbers,
        device: &Device,
    ) -> Self {
        let samples = T::batch_len(&batch);
        let parts = parts::<T>(batch, micro_batch);
        Self::of(task, Share::all(parts, samples), numbers, device)
    }

    /// Shares of a batch out to several autodiff devices, each in parts of at most `micro_batch` samples. Where it does not
    /// come out even, the last ones have less to do, or nothing.
    ///
    /// A step takes as long as its largest share, so nothing is won by making the others more alike.
    pub(crate) fn upload_shares<T: Task>(
        task: &T,
        batch: T::Batch,
        micro_batch: Option<usize>,
        numbers: &Numbers,
        devices: &[Device],
    ) -> Vec<Self> {
        let samples = T::batch_len(&batch);
        let largest = samples.div_ceil(devices.len()).max(1);
        let mut shares = T::split(batch, largest).into_iter();
        let mut first_part = 0;
        let upload = |device: &Device| {
            let parts = shares.next().map(|share| parts::<T>(share, micro_batch));
            let share = Share {
                first_part,
                ..Share::all(parts.unwrap_or_default(), samples)
            };
            first_part += share.parts.len() as u32;
            Self::of(task, share, numbers, device)
        };
        devices.iter().map(upload).collect()
    }

    fn of<T: Task>(task: &T, share: Share<T::Batch>, numbers: &Numbers, device: &Device) -> Self {
        let upload = |part: T::Batch| Part {
            share: T::batch_len(&part) as f64 / share.of_samples as f64,
            inputs: Inputs::upload(task.inputs(part), device),
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

impl<B> Share<B> {
    fn all(parts: Vec<B>, of_samples: usize) -> Self {
        Self {
            parts,
            first_part: 0,
            of_samples,
        }
    }
}

fn parts<T: Task>(samples: T::Batch, micro_batch: Option<usize>) -> Vec<T::Batch> {
    match micro_batch {
        Some(size) if size < T::batch_len(&samples) => T::split(samples, size),
        _ => vec![samples],
    }
}

//! `[task] kind = "pretrain_patches"`: masked patches of spectrograms, told apart and reconstructed.

use std::sync::Arc;

use burn::module::Module;
use burn::tensor::{DType, Device, Tensor, TensorData};
use elapid_config::{Plan, PretrainPatches};
use elapid_data::audio::MaskedBatch;
use elapid_models::PatchPretrainer;
use elapid_nn::Init;
use elapid_train::{Inputs, Measured, Packing, Tally, Task};

use super::classify::rounded;
use super::sounds::spectrograms;
use super::{Described, batches, storage};
use crate::diagnose::Watched;
use crate::registry::{PlanError, patch_pretrainer};

/// The task that a plan describes.
pub(super) fn build(
    spec: &PretrainPatches,
    plan: &Plan,
    init: &mut Init,
) -> Result<PatchPretraining, PlanError> {
    Ok(PatchPretraining {
        model: patch_pretrainer(init, &plan.model, spec)?,
        storage: storage(plan),
    })
}

/// Pretraining by masked patches. The masks come with the batch: they were drawn on the host.
#[derive(Module, Debug)]
pub struct PatchPretraining {
    /// Encoder and heads.
    pub model: PatchPretrainer,
    #[module(skip)]
    storage: DType,
}

impl PatchPretraining {
    /// What the model makes of every patch, `[B, P, V]`, of spectrograms `[B, T, F]` where those of `mask`, `[B, P]`, are
    /// hidden; on a plain device.
    pub fn reconstruct(&self, spectrograms: Tensor<3>, mask: &Tensor<2>) -> Tensor<3> {
        self.model
            .reconstruct(spectrograms.cast(self.storage), mask)
    }
}

impl Task for PatchPretraining {
    type Tally = PatchTally;
    batches!(MaskedBatch, |batch| batch.sounds.shape[0]);

    fn packing(&self) -> Packing<MaskedBatch> {
        let storage = self.storage;
        Arc::new(move |batch| {
            let shape = [batch.sounds.shape[0], batch.patches()];
            let [first, second] = batch.masks;
            let sounds = batch.sounds;
            vec![
                rounded(sounds.values, sounds.shape, storage),
                TensorData::new(first, shape),
                TensorData::new(second, shape),
            ]
        })
    }

    fn tally(&self) -> PatchTally {
        PatchTally {
            reconstruction: self.model.reconstruction(),
            ..PatchTally::default()
        }
    }

    fn observe(&self, batch: &MaskedBatch, device: &Device, tally: &mut PatchTally) {
        let shape = [batch.sounds.shape[0], batch.patches()];
        let mask = |values: &Vec<f32>| {
            Tensor::<2>::from_data(TensorData::new(values.clone(), shape), device)
        };
        let [first, second] = &batch.masks;
        let sounds = spectrograms(&batch.sounds, device).cast(self.storage);
        let scores = self.model.scores(sounds, [mask(first), mask(second)]);
        let sum = |values: Tensor<1>| values.into_data().iter::<f64>().sum::<f64>();
        tally.sounds += shape[0] as u64;
        tally.accuracy += sum(scores.accuracy);
        tally.contrast += sum(scores.contrast);
        tally.error += sum(scores.error);
    }
}

impl Described for PatchPretraining {}

impl Watched for PatchPretraining {
    fn loss_with(&self, inputs: &Inputs, mut noise: elapid_nn::Noise) -> Tensor<1> {
        let masks = [inputs.float(1), inputs.float(2)];
        let sounds = inputs.float::<3>(0).cast(self.storage);
        self.model.loss(sounds, masks, Some(&mut noise))
    }
}

/// Sums over the sounds of an evaluation.
#[derive(Clone, Debug, Default)]
pub struct PatchTally {
    sounds: u64,
    accuracy: f64,
    contrast: f64,
    error: f64,
    reconstruction: f64,
}

impl Tally for PatchTally {
    fn metrics(&self) -> Vec<Measured> {
        let mean = |sum: f64| sum / self.sounds as f64;
        let loss = self.contrast + self.reconstruction * self.error;
        vec![
            Measured::error("loss", mean(loss)),
            Measured::score("mask_accuracy", mean(self.accuracy)),
            Measured::error("contrast", mean(self.contrast)),
            Measured::error("mse", mean(self.error)),
        ]
    }

    fn is_finite(&self) -> bool {
        (self.contrast + self.error).is_finite()
    }
}

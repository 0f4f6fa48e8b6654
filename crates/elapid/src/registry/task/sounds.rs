//! `[task] kind = "classify"` on sounds: one class a sound.

use std::sync::Arc;

use burn::module::Module;
use burn::tensor::{DType, Device, Tensor, TensorData, activation};
use elapid_config::{ClassLoss, Classify, Plan};
use elapid_data::audio::{AudioTargets, FilterbankBatch};
use elapid_models::SoundClassifier;
use elapid_nn::Init;
use elapid_train::{Inputs, Packing, Task};

use super::classify::{ClassificationTally, classes, rounded};
use super::{Described, batches, storage};
use crate::diagnose::Watched;
use crate::registry::{Facts, PlanError, sound_classifier};

/// The task that a plan describes.
pub(super) fn build(
    spec: &Classify,
    plan: &Plan,
    facts: &Facts,
    init: &mut Init,
) -> Result<SoundClassification, PlanError> {
    let classes = classes(spec.classes, plan, &facts.classes)?;
    let model = sound_classifier(init, &plan.model, spec.pool, classes.len())?;
    Ok(SoundClassification {
        model,
        label_smoothing: spec.label_smoothing,
        loss: spec.loss,
        classes,
        storage: storage(plan),
    })
}

/// A classifier of sounds. Targets are weights of the classes, since sounds may be mixed.
#[derive(Module, Debug)]
pub struct SoundClassification {
    /// Encoder and head.
    pub model: SoundClassifier,
    label_smoothing: f64,
    #[module(skip)]
    loss: ClassLoss,
    #[module(skip)]
    classes: Vec<String>,
    #[module(skip)]
    storage: DType,
}

impl SoundClassification {
    /// Class probabilities, `[B, classes]`, of spectrograms `[B, T, F]` on a plain device.
    pub fn probabilities(&self, spectrograms: Tensor<3>) -> Tensor<2> {
        activation::softmax(self.scores(spectrograms, None), 1)
    }

    fn scores(&self, sounds: Tensor<3>, noise: Option<&mut elapid_nn::Noise>) -> Tensor<2> {
        self.model.forward(sounds.cast(self.storage), noise)
    }

    /// Loss of every sample, `[B]`.
    fn losses(&self, scores: Tensor<2>, targets: Tensor<2>) -> Tensor<1> {
        match self.loss {
            ClassLoss::CrossEntropy => soft_cross_entropy(scores, targets),
            ClassLoss::Bce => binary_cross_entropy(scores, targets),
        }
    }
}

impl Task for SoundClassification {
    type Tally = ClassificationTally;
    batches!(FilterbankBatch, |batch| batch.shape[0]);

    fn packing(&self) -> Packing<FilterbankBatch> {
        packing(self.classes.len(), self.storage)
    }

    fn tally(&self) -> ClassificationTally {
        ClassificationTally::new(self.classes.clone())
    }

    fn observe(&self, batch: &FilterbankBatch, device: &Device, tally: &mut ClassificationTally) {
        let scores = self.scores(spectrograms(batch, device), None);
        let targets = weights(batch, self.classes.len());
        let losses = self.losses(scores.clone(), Tensor::from_data(targets.clone(), device));
        let losses = losses.into_data();
        let scores = scores.into_data().iter::<f64>().collect::<Vec<_>>();
        let targets: Vec<f32> = targets.iter::<f32>().collect();
        let rows = scores.chunks(self.classes.len());
        let rows = rows.zip(targets.chunks(self.classes.len()));
        for ((row, target), loss) in rows.zip(losses.iter::<f64>()) {
            tally.add(row, heaviest(target), loss);
        }
    }
}

impl Described for SoundClassification {
    fn classes(&self) -> &[String] {
        &self.classes
    }
}

impl Watched for SoundClassification {
    fn loss_with(&self, inputs: &Inputs, mut noise: elapid_nn::Noise) -> Tensor<1> {
        let scores = self.scores(inputs.float(0), Some(&mut noise));
        let (targets, s) = (inputs.float::<2>(1), self.label_smoothing);
        let targets = match s {
            0.0 => targets,
            s => targets * (1.0 - s) + s / self.classes.len() as f64,
        };
        self.losses(scores, targets).mean()
    }
}

/// `[B, T, F]`
pub(super) fn spectrograms(batch: &FilterbankBatch, device: &Device) -> Tensor<3> {
    Tensor::from_data(TensorData::new(batch.values.clone(), batch.shape), device)
}

/// Spectrograms, and the weight of each of `classes` in each.
pub(super) fn packing(classes: usize, storage: DType) -> Packing<FilterbankBatch> {
    Arc::new(move |batch| {
        let targets = weights(&batch, classes);
        vec![rounded(batch.values, batch.shape, storage), targets]
    })
}

/// Weight of each of `classes` in each sound, `[B, classes]`. A task may have more classes than the data.
pub(super) fn weights(batch: &FilterbankBatch, classes: usize) -> TensorData {
    let sounds = batch.shape[0];
    let mut rows = vec![0.0; sounds * classes];
    match &batch.targets {
        AudioTargets::Classes(labels) => {
            for (row, label) in rows.chunks_mut(classes).zip(labels) {
                row[*label] = 1.0;
            }
        }
        AudioTargets::Weights(weights) => {
            let known = weights.chunks(weights.len() / sounds.max(1));
            for (row, known) in rows.chunks_mut(classes).zip(known) {
                row[..known.len()].copy_from_slice(known);
            }
        }
    }
    TensorData::new(rows, [sounds, classes])
}

fn heaviest(weights: &[f32]) -> usize {
    let ranked = weights.iter().enumerate();
    let heaviest = ranked.max_by(|a, b| a.1.total_cmp(b.1).then(b.0.cmp(&a.0)));
    heaviest.map_or(0, |(class, _)| class)
}

/// `−Σ t log softmax(x)` of every sample, `[B]`.
fn soft_cross_entropy(scores: Tensor<2>, targets: Tensor<2>) -> Tensor<1> {
    (activation::log_softmax(scores, 1) * targets)
        .sum_dim(1)
        .squeeze_dim::<1>(1)
        .neg()
}

/// Mean over the classes of `−t log σ(x) − (1 − t) log(1 − σ(x))`, `[B]`, as PyTorch's `BCEWithLogitsLoss`.
pub(super) fn binary_cross_entropy(scores: Tensor<2>, targets: Tensor<2>) -> Tensor<1> {
    let softplus = scores.clone().clamp_min(0.0) + scores.clone().abs().neg().exp().log1p();
    (softplus - scores * targets).mean_dim(1).squeeze_dim(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_by_hand() {
        let device = Device::flex();
        let scores = Tensor::<2>::from_data([[2.0_f32, 0.0, -1.0]], &device);
        let targets = Tensor::<2>::from_data([[0.25_f32, 0.75, 0.0]], &device);
        let value = |x: Tensor<1>| f64::from(x.into_scalar::<f32>());
        let (x, t) = ([2.0_f64, 0.0, -1.0], [0.25, 0.75, 0.0]);
        let log_sum = x.iter().map(|x| x.exp()).sum::<f64>().ln();
        let expected: f64 = (0..3).map(|i| t[i] * (log_sum - x[i])).sum();
        let found = value(soft_cross_entropy(scores.clone(), targets.clone()));
        assert!((found - expected).abs() < 1e-6);
        let of = |i: usize| {
            let p = 1.0 / (1.0 + (-x[i]).exp());
            -t[i] * p.ln() - (1.0 - t[i]) * (1.0 - p).ln()
        };
        let expected = (of(0) + of(1) + of(2)) / 3.0;
        assert!((value(binary_cross_entropy(scores, targets)) - expected).abs() < 1e-6);
    }

    #[test]
    fn classes_become_weights() {
        let rows = |targets: AudioTargets, classes| {
            let batch = FilterbankBatch {
                values: Vec::new(),
                targets,
                lengths: vec![0; 2],
                shape: [2, 0, 0],
            };
            weights(&batch, classes).iter::<f32>().collect::<Vec<_>>()
        };
        let of_classes = rows(AudioTargets::Classes(vec![2, 0]), 3);
        assert_eq!(of_classes, [0.0, 0.0, 1.0, 1.0, 0.0, 0.0]);
        let mixed = AudioTargets::Weights(vec![0.5, 0.5, 1.0, 0.0]);
        assert_eq!(rows(mixed, 3), [0.5, 0.5, 0.0, 1.0, 0.0, 0.0]);
        assert_eq!(heaviest(&of_classes[..3]), 2);
        assert_eq!(heaviest(&[0.5, 0.5]), 0);
    }
}

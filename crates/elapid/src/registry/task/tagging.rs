//! `[task] kind = "multi_label"`: any number of classes a sound.

use burn::module::Module;
use burn::tensor::{DType, Device, Tensor, activation};
use elapid_config::{MultiLabel, Plan};
use elapid_data::audio::FilterbankBatch;
use elapid_models::SoundClassifier;
use elapid_nn::Init;
use elapid_train::{Inputs, Measured, Packing, Tally, Task};

use super::classify::classes;
use super::ranking::{average_precision, d_prime, mean_over_labels, roc_area};
use super::sounds::{binary_cross_entropy, packing, spectrograms, weights};
use super::{Described, batches, storage};
use crate::diagnose::Watched;
use crate::registry::{Facts, PlanError, sound_classifier};

/// The task that a plan describes.
pub(super) fn build(
    spec: &MultiLabel,
    plan: &Plan,
    facts: &Facts,
    init: &mut Init,
) -> Result<SoundTagging, PlanError> {
    let classes = classes(spec.classes, plan, &facts.classes)?;
    let model = sound_classifier(init, &plan.model, spec.pool, classes.len())?;
    Ok(SoundTagging {
        model,
        classes,
        storage: storage(plan),
    })
}

/// Sounds with several labels, by binary cross-entropy of every class.
#[derive(Module, Debug)]
pub struct SoundTagging {
    /// Encoder and head.
    pub model: SoundClassifier,
    #[module(skip)]
    classes: Vec<String>,
    #[module(skip)]
    storage: DType,
}

impl SoundTagging {
    /// Probability of each class, `[B, classes]`, in spectrograms `[B, T, F]` on a plain device.
    pub fn probabilities(&self, spectrograms: Tensor<3>) -> Tensor<2> {
        activation::sigmoid(self.scores(spectrograms, None))
    }

    fn scores(&self, sounds: Tensor<3>, noise: Option<&mut elapid_nn::Noise>) -> Tensor<2> {
        self.model.forward(sounds.cast(self.storage), noise)
    }
}

impl Task for SoundTagging {
    type Tally = TaggingTally;
    batches!(FilterbankBatch, |batch| batch.shape[0]);

    fn packing(&self) -> Packing<FilterbankBatch> {
        packing(self.classes.len(), self.storage)
    }

    fn tally(&self) -> TaggingTally {
        TaggingTally {
            loss: 0.0,
            of_class: vec![Vec::new(); self.classes.len()],
        }
    }

    fn observe(&self, batch: &FilterbankBatch, device: &Device, tally: &mut TaggingTally) {
        let scores = self.scores(spectrograms(batch, device), None);
        let targets = weights(batch, self.classes.len());
        let of_batch = Tensor::from_data(targets.clone(), device);
        let losses = binary_cross_entropy(scores.clone(), of_batch).into_data();
        tally.loss += losses.iter::<f64>().sum::<f64>();
        let scores = scores.into_data();
        let pairs = scores.iter::<f32>().zip(targets.iter::<f32>());
        for (at, (score, target)) in pairs.enumerate() {
            tally.of_class[at % self.classes.len()].push((score, target > 0.5));
        }
    }
}

impl Described for SoundTagging {
    fn classes(&self) -> &[String] {
        &self.classes
    }
}

impl Watched for SoundTagging {
    fn loss_with(&self, inputs: &Inputs, mut noise: elapid_nn::Noise) -> Tensor<1> {
        let scores = self.scores(inputs.float(0), Some(&mut noise));
        binary_cross_entropy(scores, inputs.float(1)).mean()
    }
}

/// Every score of an evaluation.
#[derive(Clone, Debug)]
pub struct TaggingTally {
    loss: f64,
    /// Score and truth of every sound, for each class.
    of_class: Vec<Vec<(f32, bool)>>,
}

impl Tally for TaggingTally {
    /// Precision and area are means over the classes that some sounds have and others do not.
    fn metrics(&self) -> Vec<Measured> {
        let sounds = self.of_class.first().map_or(0, Vec::len);
        let mean = |measure| mean_over_labels(&self.of_class, measure);
        let area = mean(roc_area);
        vec![
            Measured::error("loss", self.loss / sounds as f64),
            Measured::score("map", mean(average_precision)),
            Measured::score("auc", area),
            Measured::score("d_prime", d_prime(area)),
        ]
    }

    fn is_finite(&self) -> bool {
        self.loss.is_finite()
    }
}

//! `[task] kind = "classify"` on series: one class a series.

use std::sync::Arc;

use burn::module::Module;
use burn::tensor::{DType, Device, Int, Tensor, TensorData, activation};
use elapid_config::{ClassLoss, Classify, Plan};
use elapid_data::series::SeriesBatch;
use elapid_models::MambaSl;
use elapid_nn::Init;
use elapid_train::{Confusion, Inputs, Measured, Packing, Tally, Task};

use super::classify::{ClassificationTally, Targets, classes, cross_entropy, rounded};
use super::windows::series;
use super::{Described, batches, storage};
use crate::diagnose::Watched;
use crate::registry::{Facts, PlanError, SeriesInput, series_classifier};

/// The task that a plan describes.
pub(super) fn build(
    spec: &Classify,
    plan: &Plan,
    facts: &Facts,
    init: &mut Init,
) -> Result<SeriesClassification, PlanError> {
    if spec.pool.is_some() || spec.loss != ClassLoss::CrossEntropy {
        return Err(PlanError(
            "`pool` and `loss` in [task] are for sounds; series are pooled as their model does, and trained by cross-entropy: leave both out".to_owned(),
        ));
    }
    let input = SeriesInput::of(series("classify", plan, facts)?);
    let classes = classes(spec.classes, plan, &facts.classes)?;
    Ok(SeriesClassification {
        model: series_classifier(init, &plan.model, input, classes.len())?,
        label_smoothing: spec.label_smoothing,
        classes,
        storage: storage(plan),
    })
}

/// A classifier of whole series trained by cross-entropy.
#[derive(Module, Debug)]
pub struct SeriesClassification {
    /// The network.
    pub model: MambaSl,
    label_smoothing: f64,
    #[module(skip)]
    classes: Vec<String>,
    #[module(skip)]
    storage: DType,
}

impl SeriesClassification {
    /// Class probabilities, `[B, classes]`, on a plain device.
    pub fn probabilities(&self, batch: &SeriesBatch, device: &Device) -> Tensor<2> {
        activation::softmax(self.evaluated(batch, device), 1)
    }

    fn evaluated(&self, batch: &SeriesBatch, device: &Device) -> Tensor<2> {
        let values = TensorData::new(batch.values.clone(), batch.shape);
        let values = Tensor::<3>::from_data(values, device).cast(self.storage);
        let mask = Tensor::from_data(mask_data(batch), device);
        self.model.forward(values, mask, None)
    }
}

impl Task for SeriesClassification {
    type Tally = SeriesClassTally;
    batches!(SeriesBatch, |batch| batch.shape[0]);

    fn packing(&self) -> Packing<SeriesBatch> {
        let storage = self.storage;
        Arc::new(move |batch| {
            let (mask, labels) = (mask_data(&batch), label_data(&batch));
            let values = rounded(batch.values, batch.shape, storage);
            vec![values, mask, labels]
        })
    }

    fn tally(&self) -> SeriesClassTally {
        SeriesClassTally(ClassificationTally::new(self.classes.clone()))
    }

    fn observe(&self, batch: &SeriesBatch, device: &Device, tally: &mut SeriesClassTally) {
        let scores = self.evaluated(batch, device);
        let targets = Targets {
            labels: Tensor::<1, Int>::from_data(label_data(batch), device),
            partners: None,
        };
        let losses = cross_entropy(scores.clone(), targets, 0.0).into_data();
        let scores: Vec<f64> = scores.into_data().iter::<f64>().collect();
        let rows = scores.chunks(self.model.classes());
        for ((row, label), loss) in rows.zip(&batch.labels).zip(losses.iter::<f64>()) {
            tally.0.add(row, *label, loss);
        }
    }
}

impl Described for SeriesClassification {
    fn classes(&self) -> &[String] {
        &self.classes
    }
}

impl Watched for SeriesClassification {
    fn loss_with(&self, inputs: &Inputs, mut noise: elapid_nn::Noise) -> Tensor<1> {
        let values = inputs.float::<3>(0).cast(self.storage);
        let scores = self
            .model
            .forward(values, inputs.float(1), Some(&mut noise));
        let targets = Targets {
            labels: inputs.int(2),
            partners: None,
        };
        cross_entropy(scores, targets, self.label_smoothing).mean()
    }
}

fn label_data(batch: &SeriesBatch) -> TensorData {
    let labels: Vec<i32> = batch.labels.iter().map(|label| *label as i32).collect();
    let count = labels.len();
    TensorData::new(labels, [count])
}

/// 1 at the steps of each series and 0 at padding, `[B, L]`.
fn mask_data(batch: &SeriesBatch) -> TensorData {
    let [count, length, _] = batch.shape;
    let rows = batch.lengths.iter();
    let of = |row: usize| (0..length).map(move |step| f32::from(u8::from(step < row)));
    TensorData::new(
        rows.flat_map(|row| of(*row)).collect::<Vec<_>>(),
        [count, length],
    )
}

/// Exact sums over an evaluation of classes, with the mean of their F1.
#[derive(Clone, Debug)]
pub struct SeriesClassTally(ClassificationTally);

impl Tally for SeriesClassTally {
    fn metrics(&self) -> Vec<Measured> {
        let mut metrics = self.0.metrics();
        metrics.push(Measured::score("macro_f1", self.0.macro_f1()));
        metrics
    }

    fn is_finite(&self) -> bool {
        self.0.is_finite()
    }

    fn confusion(&self) -> Option<Confusion> {
        self.0.confusion()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_is_masked() {
        let batch = SeriesBatch {
            values: vec![0.0; 6],
            lengths: vec![1, 3],
            labels: vec![1, 0],
            shape: [2, 3, 1],
        };
        let mask: Vec<f32> = mask_data(&batch).iter::<f32>().collect();
        assert_eq!(mask, [1.0, 0.0, 0.0, 1.0, 1.0, 1.0]);
    }
}

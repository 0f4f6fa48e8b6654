//! `[task] kind = "impute"`: values of a series that are missing.

use burn::module::Module;
use burn::tensor::{DType, Device, Tensor, TensorData};
use elapid_config::{Impute, Plan};
use elapid_data::series::{WindowBatch, known_values};
use elapid_models::Forecaster;
use elapid_nn::{Init, dropout};
use elapid_train::{Inputs, Measured, Packing, Tally, Task};

use super::windows::{on_device, past_packing, series};
use super::{Described, batches, storage};
use crate::diagnose::Watched;
use crate::registry::{Facts, PlanError, SeriesInput, reconstructor};

/// The task that a plan describes.
pub(super) fn build(
    spec: &Impute,
    plan: &Plan,
    facts: &Facts,
    init: &mut Init,
) -> Result<Imputation, PlanError> {
    let input = SeriesInput::of(series("impute", plan, facts)?);
    Ok(Imputation {
        model: reconstructor(init, &plan.model, input)?,
        mask_rate: spec.mask_rate,
        storage: storage(plan),
    })
}

/// A network that fills in values which are hidden at random.
#[derive(Module, Debug)]
pub struct Imputation {
    /// The network; its forecast stands for its lookback.
    pub model: Forecaster,
    mask_rate: f64,
    #[module(skip)]
    storage: DType,
}

impl Imputation {
    /// Whole windows from what is known of them. Each series is normalised by what is known of it, as in
    /// Time-Series-Library.
    ///
    /// # Shapes
    ///
    /// - past, output `[B, L, C]`
    /// - known `[B, L, C]`, 1 where a value is known and 0 where it is hidden
    /// - marks `[B, L, M]`
    pub fn fill(
        &self,
        past: Tensor<3>,
        known: Tensor<3>,
        marks: Option<Tensor<3>>,
        noise: Option<&mut elapid_nn::Noise>,
    ) -> Tensor<3> {
        let past = past.cast(DType::F32);
        let count = known.clone().sum_dim(1).clamp_min(1.0);
        let mean = (past.clone() * known.clone()).sum_dim(1) / count.clone();
        let centred = (past - mean.clone()) * known;
        let variance = (centred.clone() * centred.clone()).sum_dim(1) / count;
        let scale = (variance + 1e-5).sqrt();
        let input = (centred / scale.clone()).cast(self.storage);
        self.model.forward(input, marks, noise) * scale + mean
    }
}

impl Task for Imputation {
    type Tally = ImputationTally;
    batches!(WindowBatch, |batch| batch.batch);

    fn packing(&self) -> Packing<WindowBatch> {
        past_packing(self.storage)
    }

    fn tally(&self) -> ImputationTally {
        ImputationTally::default()
    }

    fn observe(&self, batch: &WindowBatch, device: &Device, tally: &mut ImputationTally) {
        let shape = [batch.batch, batch.lookback, batch.variates];
        let known = known_values(batch, self.mask_rate);
        let (past, marks) = on_device(batch, self.storage, device);
        let mask = Tensor::from_data(TensorData::new(known.clone(), shape), device);
        let filled = self.fill(past, mask, marks, None).into_data();
        for ((filled, truth), known) in filled.iter::<f64>().zip(&batch.past).zip(known) {
            if known == 0.0 {
                tally.add(filled - f64::from(*truth));
            }
        }
    }
}

impl Described for Imputation {}

impl Watched for Imputation {
    /// The mean over all values of the error of hidden ones, divided by their expected share: so the loss of a batch is
    /// the mean of the losses of its parts.
    fn loss_with(&self, inputs: &Inputs, mut noise: elapid_nn::Noise) -> Tensor<1> {
        let past = inputs.float::<3>(0).cast(DType::F32);
        let marks = (inputs.count() > 1).then(|| inputs.float(1));
        let factors = dropout(past.ones_like(), self.mask_rate, Some(&mut noise));
        let known = factors.sign();
        let filled = self.fill(past.clone(), known.clone(), marks, Some(&mut noise));
        let error = (filled - past) * (known.neg() + 1.0);
        (error.clone() * error).mean() / self.mask_rate
    }
}

/// Sums over the hidden values of an evaluation.
#[derive(Clone, Debug, Default)]
pub struct ImputationTally {
    values: u64,
    squared: f64,
    absolute: f64,
}

impl ImputationTally {
    fn add(&mut self, error: f64) {
        self.values += 1;
        self.squared += error * error;
        self.absolute += error.abs();
    }
}

impl Tally for ImputationTally {
    /// On standardised values.
    fn metrics(&self) -> Vec<Measured> {
        let mean = |sum: f64| sum / self.values as f64;
        vec![
            Measured::error("loss", mean(self.squared)),
            Measured::error("mse", mean(self.squared)),
            Measured::error("mae", mean(self.absolute)),
        ]
    }

    fn is_finite(&self) -> bool {
        self.squared.is_finite()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use elapid_models::{RLinear, RLinearConfig};
    use elapid_nn::SeriesNormMode;

    #[test]
    fn hidden_values_have_no_say() {
        let device = Device::flex();
        let config = RLinearConfig {
            lookback: 4,
            horizon: 4,
            norm: SeriesNormMode::InstanceDetached,
            dropout: 0.0,
        };
        let model = RLinear::new(&mut Init::new(0, &device), &config, 1);
        let task = Imputation {
            model: Forecaster::RLinear(model),
            mask_rate: 0.25,
            storage: DType::F32,
        };
        let known = Tensor::<3>::from_data([[[1.0], [0.0], [1.0], [1.0]]], &device);
        let of = |hidden: f32| {
            let past = Tensor::from_data([[[1.0], [hidden], [2.0], [4.0]]], &device);
            task.fill(past, known.clone(), None, None).into_data()
        };
        assert_eq!(of(0.0), of(100.0));
        let mut tally = task.tally();
        tally.add(2.0);
        tally.add(-1.0);
        let values: Vec<f64> = tally.metrics().iter().map(|m| m.value).collect();
        assert_eq!(values, [2.5, 2.5, 1.5]);
    }
}

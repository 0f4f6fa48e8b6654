//! `[task] kind = "forecast"`: what follows a window of a series.

use burn::module::Module;
use burn::tensor::{DType, Device, Tensor, TensorData, s};
use elapid_config::{Forecast, ForecastLoss, Plan};
use elapid_data::series::WindowBatch;
use elapid_models::Forecaster;
use elapid_nn::{Init, Probe};
use elapid_train::{Inputs, Measured, Noise, Tally, Task};

use super::windows::{future_data, mark_data, on_device, past_data, series};
use super::{Described, storage};
use crate::diagnose::Watched;
use crate::registry::{Facts, PlanError, SeriesInput, forecaster};

/// The task that a plan describes.
pub(super) fn build(
    spec: &Forecast,
    plan: &Plan,
    facts: &Facts,
    init: &mut Init,
) -> Result<SeriesForecasting, PlanError> {
    let series = series("forecast", plan, facts)?;
    let model = forecaster(init, &plan.model, SeriesInput::of(series))?;
    let (variates, targets) = (series.columns.len(), series.targets);
    let std = facts.normalisation.as_ref().map(|scaler| &scaler.std[..]);
    // Without a scaler the values are in original units already.
    let std = std.filter(|std| std.len() == variates);
    let unit = |column: usize| std.map_or(1.0, |std| f64::from(std[column]));
    Ok(SeriesForecasting {
        model,
        loss: spec.loss,
        units: (variates - targets..variates).map(unit).collect(),
        storage: storage(plan),
    })
}

/// A forecaster trained on windows of standardised series.
#[derive(Module, Debug)]
pub struct SeriesForecasting {
    /// The network.
    pub model: Forecaster,
    #[module(skip)]
    loss: ForecastLoss,
    /// Standard deviation of each target in the training rows: one standardised unit in the original ones.
    #[module(skip)]
    units: Vec<f64>,
    #[module(skip)]
    storage: DType,
}

impl SeriesForecasting {
    /// What follows each window, `[B, H, T]`, standardised, on a plain device.
    pub fn forecast(&self, batch: &WindowBatch, device: &Device) -> Tensor<3> {
        let (past, marks) = on_device(batch, self.storage, device);
        let forecast = self.model.forward(past, marks, None);
        forecast.slice(s![.., .., batch.variates - self.units.len()..])
    }

    fn loss_with(&self, inputs: &Inputs, mut noise: elapid_nn::Noise) -> Tensor<1> {
        let past = inputs.float::<3>(0).cast(self.storage);
        let marks = (inputs.count() > 2).then(|| inputs.float(2));
        let [forecast, truth] =
            self.model
                .supervised(past, inputs.float(1), marks, Some(&mut noise));
        losses(self.loss, forecast - truth).mean()
    }
}

/// What each error costs.
fn losses(loss: ForecastLoss, error: Tensor<3>) -> Tensor<3> {
    match loss {
        ForecastLoss::Mse => error.clone() * error,
        ForecastLoss::Mae => error.abs(),
        ForecastLoss::Huber => {
            let size = error.abs();
            let near = size.clone().clamp_max(1.0);
            near.clone() * (size - near * 0.5)
        }
    }
}

impl Task for SeriesForecasting {
    type Batch = WindowBatch;
    type Tally = ForecastTally;

    fn inputs(&self, batch: WindowBatch) -> Vec<TensorData> {
        let mut inputs = vec![past_data(&batch, self.storage), future_data(&batch)];
        inputs.extend(mark_data(&batch));
        inputs
    }

    fn loss(&self, inputs: &Inputs, noise: &Noise) -> Tensor<1> {
        let noise = elapid_nn::Noise::new(noise.key(), noise.first_draw());
        self.loss_with(inputs, noise)
    }

    fn tally(&self) -> ForecastTally {
        ForecastTally::new(self.units.clone())
    }

    fn observe(&self, batch: &WindowBatch, device: &Device, tally: &mut ForecastTally) {
        let forecast = self.forecast(batch, device);
        let truth = Tensor::from_data(future_data(batch), device);
        let loss = losses(self.loss, forecast.clone() - truth).sum();
        let loss = f64::from(loss.into_scalar::<f32>());
        let forecast: Vec<f32> = forecast.into_data().iter::<f32>().collect();
        tally.add(&forecast, &batch.future, batch.horizon, loss);
    }

    fn batch_len(batch: &WindowBatch) -> usize {
        batch.batch
    }

    fn split(batch: WindowBatch, samples: usize) -> Vec<WindowBatch> {
        batch.split(samples)
    }
}

impl Described for SeriesForecasting {
    fn classes(&self) -> &[String] {
        &[]
    }
}

impl Watched for SeriesForecasting {
    fn watched_loss(&self, inputs: &Inputs, noise: &Noise, probe: &mut dyn Probe) -> Tensor<1> {
        let noise = elapid_nn::Noise::new(noise.key(), noise.first_draw());
        self.loss_with(inputs, noise.watched_by(probe))
    }
}

/// Sums of squared and absolute errors.
#[derive(Clone, Copy, Debug, Default)]
struct Errors {
    squared: f64,
    absolute: f64,
}

/// Sums over the windows of an evaluation.
#[derive(Clone, Debug)]
pub struct ForecastTally {
    /// One standardised unit of each target in original ones.
    units: Vec<f64>,
    values: u64,
    loss: f64,
    /// Of each step ahead.
    steps: Vec<Errors>,
    /// Of each target.
    targets: Vec<Errors>,
}

impl ForecastTally {
    fn new(units: Vec<f64>) -> Self {
        Self {
            values: 0,
            loss: 0.0,
            steps: Vec::new(),
            targets: vec![Errors::default(); units.len()],
            units,
        }
    }

    /// Adds windows `[B, H, T]` with the sum of their losses.
    fn add(&mut self, forecast: &[f32], truth: &[f32], horizon: usize, loss: f64) {
        let targets = self.targets.len();
        self.steps.resize(horizon, Errors::default());
        self.loss += loss;
        self.values += truth.len() as u64;
        let rows = forecast.chunks(targets).zip(truth.chunks(targets));
        for (row, (forecast, truth)) in rows.enumerate() {
            let step = &mut self.steps[row % horizon];
            for (column, (forecast, truth)) in forecast.iter().zip(truth).enumerate() {
                let error = f64::from(*forecast) - f64::from(*truth);
                for sums in [&mut *step, &mut self.targets[column]] {
                    sums.squared += error * error;
                    sums.absolute += error.abs();
                }
            }
        }
    }

    /// Mean squared error of the steps in a part of the horizon.
    fn mse_of(&self, steps: std::ops::Range<usize>) -> f64 {
        let [from, to] = [steps.start, steps.end].map(|step| step.min(self.steps.len()));
        let each = self.values as f64 / self.steps.len().max(1) as f64;
        let sum: f64 = self.steps[from..to].iter().map(|step| step.squared).sum();
        sum / (each * (to - from) as f64)
    }

    /// The steps of a quarter of the horizon; at least one.
    fn quarter(&self, quarter: usize) -> std::ops::Range<usize> {
        let horizon = self.steps.len();
        let from = (quarter * horizon / 4).min(horizon.saturating_sub(1));
        from..((quarter + 1) * horizon / 4).max(from + 1)
    }
}

impl Tally for ForecastTally {
    /// Plain means over all windows, steps and targets, on standardised values but for the last two.
    fn metrics(&self) -> Vec<Measured> {
        let count = self.values as f64;
        let sum = |of: fn(&Errors) -> f64| self.targets.iter().map(of).sum::<f64>() / count;
        let units = self.targets.iter().zip(&self.units);
        let squared = units.clone().map(|(sums, unit)| sums.squared * unit * unit);
        let absolute = units.map(|(sums, unit)| sums.absolute * unit);
        let last = self.steps.len().saturating_sub(1);
        let measured = |name, value| Measured {
            name,
            value,
            higher_is_better: false,
        };
        vec![
            measured("loss", self.loss / count),
            measured("mse", sum(|sums| sums.squared)),
            measured("mae", sum(|sums| sums.absolute)),
            measured("mse_first", self.mse_of(0..1)),
            measured("mse_q1", self.mse_of(self.quarter(0))),
            measured("mse_q2", self.mse_of(self.quarter(1))),
            measured("mse_q3", self.mse_of(self.quarter(2))),
            measured("mse_q4", self.mse_of(self.quarter(3))),
            measured("mse_last", self.mse_of(last..last + 1)),
            measured("mse_original", squared.sum::<f64>() / count),
            measured("mae_original", absolute.sum::<f64>() / count),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_by_hand() {
        let error = Tensor::<3>::from_data([[[-3.0_f32, 0.5, 1.0]]], &Device::flex());
        let of = |loss| {
            let values = losses(loss, error.clone()).into_data();
            values.try_to_vec::<f32>().unwrap()
        };
        assert_eq!(of(ForecastLoss::Mse), [9.0, 0.25, 1.0]);
        assert_eq!(of(ForecastLoss::Mae), [3.0, 0.5, 1.0]);
        assert_eq!(of(ForecastLoss::Huber), [2.5, 0.125, 0.5]);
    }

    #[test]
    fn metrics_by_hand() {
        let mut tally = ForecastTally::new(vec![10.0, 1.0]);
        let value = |tally: &ForecastTally, name| {
            let metrics = tally.metrics();
            metrics.iter().find(|m| m.name == name).unwrap().value
        };
        // Two windows of four steps and two targets; errors 1 and 0 in the first step, 0 and 2 in the last.
        let truth = [0.0; 8];
        tally.add(&[1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -2.0], &truth, 4, 5.0);
        tally.add(&[0.0; 8], &truth, 4, 0.0);
        assert_eq!(value(&tally, "loss"), 5.0 / 16.0);
        assert_eq!(value(&tally, "mse"), 5.0 / 16.0);
        assert_eq!(value(&tally, "mae"), 3.0 / 16.0);
        assert_eq!(value(&tally, "mse_first"), 0.25);
        assert_eq!(value(&tally, "mse_q1"), 0.25);
        assert_eq!(value(&tally, "mse_q2"), 0.0);
        assert_eq!(value(&tally, "mse_last"), 1.0);
        assert_eq!(value(&tally, "mse_original"), (100.0 + 4.0) / 16.0);
        assert_eq!(value(&tally, "mae_original"), (10.0 + 2.0) / 16.0);
    }

    #[test]
    fn a_horizon_of_fewer_than_four_steps_has_quarters() {
        let mut tally = ForecastTally::new(vec![1.0]);
        tally.add(&[1.0, 3.0], &[0.0, 0.0], 2, 0.0);
        let metrics = tally.metrics();
        assert!(metrics.iter().all(|metric| metric.value.is_finite()));
        assert_eq!(tally.quarter(0), 0..1);
        assert_eq!(tally.quarter(3), 1..2);
    }
}

//! `[task] kind = "forecast"`: what follows a window of a series.

use std::sync::Arc;

use burn::module::Module;
use burn::tensor::{DType, Device, Tensor, s};
use elapid_config::{Forecast, ForecastLoss, Plan};
use elapid_data::series::WindowBatch;
use elapid_models::{CausalMamba, Forecaster, Stream};
use elapid_nn::Init;
use elapid_train::{Inputs, Packing, Task};

use super::forecast_tally::{ForecastTally, Target};
use super::windows::{future_data, mark_data, on_device, past_data, series};
use super::{Described, batches, storage};
use crate::diagnose::Watched;
use crate::registry::{Facts, PlanError, SeriesInput, forecaster, series_shape};

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
    check_season(spec.season, plan)?;
    // Without a scaler the values are in original units already.
    let scaler = facts.normalisation.as_ref();
    let scaler = scaler.filter(|scaler| scaler.std.len() == variates);
    let target = |column: usize| Target {
        name: series.columns[column].clone(),
        mean: scaler.map_or(0.0, |scaler| f64::from(scaler.mean[column])),
        unit: scaler.map_or(1.0, |scaler| f64::from(scaler.std[column])),
    };
    Ok(SeriesForecasting {
        model,
        loss: spec.loss,
        season: spec.season,
        targets: (variates - targets..variates).map(target).collect(),
        storage: storage(plan),
    })
}

/// The last season must be in the lookback.
fn check_season(season: Option<usize>, plan: &Plan) -> Result<(), PlanError> {
    let lookback = series_shape(&plan.model)?.lookback;
    match season.filter(|season| *season > lookback) {
        None => Ok(()),
        Some(season) => Err(PlanError(format!(
            "`season` in [task] is {season}, but `lookback` in [model] is {lookback}, so no window holds a whole season; raise `lookback`, or leave `season` out"
        ))),
    }
}

/// A forecaster trained on windows of standardised series.
#[derive(Module, Debug)]
pub struct SeriesForecasting {
    /// The network.
    pub model: Forecaster,
    #[module(skip)]
    loss: ForecastLoss,
    #[module(skip)]
    season: Option<usize>,
    #[module(skip)]
    targets: Vec<Target>,
    #[module(skip)]
    storage: DType,
}

impl SeriesForecasting {
    /// What follows each window, `[B, H, T]`, standardised, on a plain device.
    pub fn forecast(&self, batch: &WindowBatch, device: &Device) -> Tensor<3> {
        let (past, marks) = on_device(batch, self.storage, device);
        let forecast = self.model.forward(past, marks, None);
        forecast.slice(s![.., .., batch.variates - self.targets.len()..])
    }

    /// The model, if it can go on with a series where it stopped.
    pub fn recurrent(&self) -> Option<&CausalMamba> {
        match &self.model {
            Forecaster::CausalMamba(model) => Some(model),
            _ => None,
        }
    }

    /// What follows each patch of a series, `[B, patches, H, T]`, with the state that reading it leaves. Without a state
    /// reading begins; with one it goes on.
    ///
    /// `None` if the model cannot.
    pub fn read(
        &self,
        batch: &WindowBatch,
        state: Option<Stream>,
        device: &Device,
    ) -> Option<(Tensor<4>, Stream)> {
        let model = self.recurrent()?;
        let (past, marks) = on_device(batch, self.storage, device);
        let (forecasts, state) = match state {
            None => model.start(past, marks),
            Some(state) => model.resume(past, marks, state),
        };
        let first = batch.variates - self.targets.len();
        Some((forecasts.slice(s![.., .., .., first..]), state))
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
    type Tally = ForecastTally;
    batches!(WindowBatch, |batch| batch.batch);

    fn packing(&self) -> Packing<WindowBatch> {
        let storage = self.storage;
        Arc::new(move |batch| {
            let mut inputs = vec![past_data(&batch, storage), future_data(&batch)];
            inputs.extend(mark_data(&batch));
            inputs
        })
    }

    fn tally(&self) -> ForecastTally {
        ForecastTally::new(self.targets.clone(), self.season)
    }

    fn observe(&self, batch: &WindowBatch, device: &Device, tally: &mut ForecastTally) {
        let forecast = self.forecast(batch, device);
        let truth = Tensor::from_data(future_data(batch), device);
        let loss = losses(self.loss, forecast.clone() - truth).sum();
        let loss = f64::from(loss.into_scalar::<f32>());
        let forecast: Vec<f32> = forecast.into_data().iter::<f32>().collect();
        tally.add(&forecast, batch, loss);
    }
}

impl Described for SeriesForecasting {}

impl Watched for SeriesForecasting {
    fn loss_with(&self, inputs: &Inputs, mut noise: elapid_nn::Noise) -> Tensor<1> {
        let past = inputs.float::<3>(0).cast(self.storage);
        let marks = (inputs.count() > 2).then(|| inputs.float(2));
        let [forecast, truth] =
            self.model
                .supervised(past, inputs.float(1), marks, Some(&mut noise));
        losses(self.loss, forecast - truth).mean()
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
}

//! Models of series of numbers over time: forecasters, and a classifier of whole series.
//!
//! A new forecaster is one file here, one variant of [`Forecaster`] and one line in its functions.
//!
//! Shape letters: B batch, L steps of the lookback, H steps of the forecast, C variates, M time marks, D model width.

mod causal_mamba;
mod dlinear;
mod mambasl;
mod rlinear;
mod smamba;
mod time_machine;

use burn::module::Module;
use burn::tensor::{Tensor, s};
use elapid_nn::Noise;

pub use causal_mamba::{CausalMamba, CausalMambaConfig, Stream};
pub use dlinear::{DLinear, DLinearConfig};
pub use mambasl::{MambaSl, MambaSlConfig};
pub use rlinear::{RLinear, RLinearConfig};
pub use smamba::{SMamba, SMambaConfig};
pub use time_machine::{TimeMachine, TimeMachineConfig};

/// What a series was and what it will be.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)] // one a run, and a module cannot be boxed
pub enum Forecaster {
    /// S-Mamba, a scan over variates.
    SMamba(SMamba),
    /// A linear map of the normalised lookback.
    RLinear(RLinear),
    /// Linear maps of trend and remainder.
    DLinear(DLinear),
    /// Four Mambas at two resolutions.
    TimeMachine(TimeMachine),
    /// A causal scan over time.
    CausalMamba(CausalMamba),
}

impl Forecaster {
    /// The forecast of all variates. Marks are for [`SMamba`] and [`CausalMamba`]; the others have no use for them.
    ///
    /// # Shapes
    ///
    /// - past `[B, L, C]`
    /// - marks `[B, L, M]`
    /// - output `[B, H, C]`, 32-bit
    pub fn forward(
        &self,
        past: Tensor<3>,
        marks: Option<Tensor<3>>,
        noise: Option<&mut Noise>,
    ) -> Tensor<3> {
        match self {
            Self::SMamba(model) => model.forward(past, marks, noise),
            Self::RLinear(model) => model.forward(past, noise),
            Self::DLinear(model) => model.forward(past),
            Self::TimeMachine(model) => model.forward(past, noise),
            Self::CausalMamba(model) => model.forward(past, marks, noise),
        }
    }

    /// The forecasts that count in training, and what they should be: those from the whole lookback, and of
    /// [`CausalMamba`] those from earlier patches as well, whose future is partly known from the lookback.
    ///
    /// # Shapes
    ///
    /// - past `[B, L, C]`
    /// - future `[B, H, T]`, the last T variates
    /// - marks `[B, L, M]`
    /// - outputs `[B, K, T]`, 32-bit, where K is a multiple of H
    pub fn supervised(
        &self,
        past: Tensor<3>,
        future: Tensor<3>,
        marks: Option<Tensor<3>>,
        noise: Option<&mut Noise>,
    ) -> [Tensor<3>; 2] {
        let [batch, horizon, targets] = future.dims();
        let first = past.dims()[2] - targets;
        let Self::CausalMamba(model) = self else {
            let forecast = self.forward(past, marks, noise);
            return [forecast.slice(s![.., .., first..]), future];
        };
        let known = past.clone().slice(s![.., .., first..]).cast(future.dtype());
        let behind = (model.first_counted() + 1) * model.patch();
        let series = Tensor::cat(vec![known, future], 1).slice(s![.., behind.., ..]);
        let truth = series.unfold::<4, _>(1, horizon, model.patch());
        let truth = truth.swap_dims(2, 3);
        let forecasts = model.dense(past, marks, noise);
        let flat = [batch, forecasts.dims()[1] * horizon, targets];
        let forecasts = forecasts.slice(s![.., .., .., first..]);
        [forecasts.reshape(flat), truth.reshape(flat)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;
    use elapid_nn::mixer::MambaConfig;
    use elapid_nn::{Init, SeriesNormMode};

    #[test]
    fn every_counted_patch_is_held_against_what_lies_behind_it() {
        let device = Device::flex();
        let config = CausalMambaConfig {
            lookback: 8,
            horizon: 3,
            patch: 2,
            layers: 1,
            mamba: MambaConfig::new(8),
            norm: SeriesNormMode::None,
            norm_steps: 4,
            marks: 0,
            dropout: 0.0,
        };
        let model = CausalMamba::new(&mut Init::new(0, &device), &config, 2);
        let steps = |range: std::ops::Range<i64>| {
            let steps = Tensor::<1, burn::tensor::Int>::arange(range, &device).float();
            steps.reshape([1, -1, 1])
        };
        let past = Tensor::cat(vec![steps(100..108), steps(0..8)], 2);
        let model = Forecaster::CausalMamba(model);
        let [forecast, truth] = model.supervised(past, steps(8..11), None, None);
        assert_eq!(forecast.dims(), [1, 9, 1]);
        let truth = truth.into_data().try_to_vec::<f32>().unwrap();
        assert_eq!(truth, [4.0, 5.0, 6.0, 6.0, 7.0, 8.0, 8.0, 9.0, 10.0]);
    }
}

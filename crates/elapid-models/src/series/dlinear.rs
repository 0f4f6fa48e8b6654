//! DLinear: a linear map of the trend and one of the remainder (arXiv 2205.13504).
//!
//! Follows `models/DLinear.py` of thuml/Time-Series-Library. Checked against that code in `tests/golden/series`.

use burn::module::Module;
use burn::tensor::{DType, Tensor};
use elapid_nn::{Init, Linear, moving_average};

/// Hyper-parameters; names and defaults are those of the official code.
#[derive(Clone, Debug)]
pub struct DLinearConfig {
    /// Steps of the lookback L.
    pub lookback: usize,
    /// Steps of the forecast H.
    pub horizon: usize,
    /// Steps of the moving average, an odd number.
    pub moving_avg: usize,
    /// Whether each variate has maps of its own.
    pub individual: bool,
}

/// The forecaster. The official names are `Linear_Seasonal` and `Linear_Trend`.
#[derive(Module, Debug)]
pub struct DLinear {
    /// Of the remainder, `[H, L]`: one for all variates, or one each.
    pub linear_seasonal: Maps,
    /// Of the trend.
    pub linear_trend: Maps,
    moving_avg: usize,
}

/// Linear maps from lookback to forecast.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)] // two a model, and a module cannot be boxed
pub enum Maps {
    /// The same for all variates.
    Shared(Linear),
    /// One each.
    Individual(Vec<Linear>),
}

impl DLinear {
    /// Official initialisation: every weight `1 / L`, so that a forecast starts as the mean of the lookback.
    /// `variates` counts only where they have maps of their own.
    pub fn new(init: &mut Init, config: &DLinearConfig, variates: usize) -> Self {
        Self {
            linear_seasonal: Maps::new(init, config, variates),
            linear_trend: Maps::new(init, config, variates),
            moving_avg: config.moving_avg,
        }
    }

    /// # Shapes
    ///
    /// - past `[B, L, C]`
    /// - output `[B, H, C]`, 32-bit
    pub fn forward(&self, past: Tensor<3>) -> Tensor<3> {
        let trend = moving_average(past.clone(), self.moving_avg);
        let seasonal = self.linear_seasonal.forward(past - trend.clone());
        (seasonal + self.linear_trend.forward(trend)).cast(DType::F32)
    }
}

impl Maps {
    fn new(init: &mut Init, config: &DLinearConfig, variates: usize) -> Self {
        let mut map = || {
            let mut map = Linear::new(init, config.lookback, config.horizon, true);
            let even = 1.0 / config.lookback as f64;
            map.weight = init.constant([config.horizon, config.lookback], even);
            map
        };
        match config.individual {
            true => Self::Individual((0..variates).map(|_| map()).collect()),
            false => Self::Shared(map()),
        }
    }

    /// `[B, L, C]` to `[B, H, C]`.
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let x = x.swap_dims(1, 2);
        let y = match self {
            Self::Shared(map) => map.forward(x),
            Self::Individual(maps) => {
                let each = maps.iter().enumerate();
                let each = each.map(|(c, map)| map.forward(x.clone().narrow(1, c, 1)));
                Tensor::cat(each.collect(), 1)
            }
        };
        y.swap_dims(1, 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, TensorData, Tolerance};

    #[test]
    fn it_starts_as_the_mean_of_the_lookback() {
        let device = Device::flex();
        for individual in [false, true] {
            let config = DLinearConfig {
                lookback: 4,
                horizon: 2,
                moving_avg: 3,
                individual,
            };
            let mut model = DLinear::new(&mut Init::new(0, &device), &config, 2);
            for maps in [&mut model.linear_seasonal, &mut model.linear_trend] {
                let maps = match maps {
                    Maps::Shared(map) => std::slice::from_mut(map),
                    Maps::Individual(maps) => &mut maps[..],
                };
                for map in maps {
                    map.bias = None;
                }
            }
            let past = [[[1.0, 0.0], [2.0, 0.0], [3.0, 4.0], [6.0, 0.0]]];
            let y = model.forward(Tensor::from_data(past, &device)).into_data();
            let expected = TensorData::from([[[3.0_f32, 1.0], [3.0, 1.0]]]);
            y.assert_approx_eq::<f32>(&expected, Tolerance::rel_abs(1e-6, 1e-6));
        }
    }
}

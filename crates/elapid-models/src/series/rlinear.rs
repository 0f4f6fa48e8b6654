//! RLinear: one linear map from the normalised lookback to the forecast (arXiv 2305.10721).

use burn::module::Module;
use burn::tensor::Tensor;
use elapid_nn::{Init, Linear, Noise, SeriesNorm, SeriesNormMode, dropout};

/// Hyper-parameters.
#[derive(Clone, Debug)]
pub struct RLinearConfig {
    /// Steps of the lookback L.
    pub lookback: usize,
    /// Steps of the forecast H.
    pub horizon: usize,
    /// Normalisation of each series; the paper's is RevIN.
    pub norm: SeriesNormMode,
    /// Dropout rate of the normalised lookback.
    pub dropout: f64,
}

/// The forecaster; all variates share the map.
#[derive(Module, Debug)]
pub struct RLinear {
    /// Normalisation.
    pub rev: SeriesNorm,
    /// `[H, L]`
    pub linear: Linear,
    dropout: f64,
}

impl RLinear {
    /// PyTorch's default initialisation. `variates` counts only where the norm learns something of each.
    pub fn new(init: &mut Init, config: &RLinearConfig, variates: usize) -> Self {
        Self {
            rev: SeriesNorm::new(init, config.norm, variates),
            linear: Linear::new(init, config.lookback, config.horizon, true),
            dropout: config.dropout,
        }
    }

    /// # Shapes
    ///
    /// - past `[B, L, C]`
    /// - output `[B, H, C]`, 32-bit
    pub fn forward(&self, past: Tensor<3>, noise: Option<&mut Noise>) -> Tensor<3> {
        let dtype = past.dtype();
        let statistics = self.rev.statistics(&past);
        let values = self.rev.normalise(past, &statistics).cast(dtype);
        let values = dropout(values, self.dropout, noise).swap_dims(1, 2);
        let forecast = self.linear.forward(values).swap_dims(1, 2);
        self.rev.denormalise(forecast, &statistics)
    }
}

//! TimeMachine: four Mambas at two resolutions (arXiv 2403.09898).
//!
//! Follows `models/TimeMachine.py` of Atik-Ahamed/TimeMachine. Checked against that code in `tests/golden/series`.

use burn::module::Module;
use burn::tensor::Tensor;
use elapid_nn::mixer::{Mamba, MambaConfig};
use elapid_nn::{Init, Linear, Noise, Seen, SeriesNorm, SeriesNormMode, dropout, show};

/// Hyper-parameters; names and defaults are those of the official code.
#[derive(Clone, Debug)]
pub struct TimeMachineConfig {
    /// Steps of the lookback L.
    pub lookback: usize,
    /// Steps of the forecast H.
    pub horizon: usize,
    /// Width of the finer embedding.
    pub n1: usize,
    /// Width of the coarser one.
    pub n2: usize,
    /// States per channel N.
    pub d_state: usize,
    /// Taps of the convolution K.
    pub d_conv: usize,
    /// Inner width over width.
    pub expand: usize,
    /// Whether variates are series of their own (`ch_ind`); otherwise they are the tokens.
    pub independent: bool,
    /// Whether both embeddings are added to what is made of them.
    pub residual: bool,
    /// Normalisation of each series; the official `revin` is [`SeriesNormMode::RevinAffine`].
    pub norm: SeriesNormMode,
    /// Dropout rate behind both embeddings.
    pub dropout: f64,
}

/// The forecaster. Fields are named as in the official checkpoints.
///
/// ```text
/// u = W₁ x          a = M₃(u) + M₄ᵀ(u)
/// v = W₂ u          b = W₃ (M₂(v) + M₁ᵀ(v) + v) + u
/// y = W₄ [b, a]
/// ```
///
/// Of independent variates `M₁ᵀ` and `M₄ᵀ` scan along the embedding, one number a token, while `M₂` and `M₃` see a
/// single token; otherwise all four scan along the variates.
#[derive(Module, Debug)]
pub struct TimeMachine {
    /// Normalisation.
    pub revin_layer: SeriesNorm,
    /// `[n1, L]`
    pub lin1: Linear,
    /// `[n2, n1]`
    pub lin2: Linear,
    /// Along the coarser embedding.
    pub mamba1: Mamba,
    /// Of width n2.
    pub mamba2: Mamba,
    /// Of width n1.
    pub mamba3: Mamba,
    /// Along the finer embedding.
    pub mamba4: Mamba,
    /// `[n1, n2]`
    pub lin3: Linear,
    /// `[H, 2 n1]`
    pub lin4: Linear,
    independent: bool,
    residual: bool,
    dropout: f64,
}

impl TimeMachine {
    /// Official initialisation. `variates` counts only where the norm learns something of each.
    pub fn new(init: &mut Init, config: &TimeMachineConfig, variates: usize) -> Self {
        let (n1, n2) = (config.n1, config.n2);
        let mixer = |init: &mut Init, d_model| {
            let mamba = MambaConfig {
                d_state: config.d_state,
                d_conv: config.d_conv,
                expand: config.expand,
                ..MambaConfig::new(d_model)
            };
            Mamba::new(init, &mamba)
        };
        let along = |width| if config.independent { 1 } else { width };
        Self {
            revin_layer: SeriesNorm::new(init, config.norm, variates),
            lin1: Linear::new(init, config.lookback, n1, true),
            lin2: Linear::new(init, n1, n2, true),
            mamba1: mixer(init, along(n2)),
            mamba2: mixer(init, n2),
            mamba3: mixer(init, n1),
            mamba4: mixer(init, along(n1)),
            lin3: Linear::new(init, n2, n1, true),
            lin4: Linear::new(init, 2 * n1, config.horizon, true),
            independent: config.independent,
            residual: config.residual,
            dropout: config.dropout,
        }
    }

    /// # Shapes
    ///
    /// - past `[B, L, C]`
    /// - output `[B, H, C]`, 32-bit
    pub fn forward(&self, past: Tensor<3>, mut noise: Option<&mut Noise>) -> Tensor<3> {
        let (dtype, [batch, length, variates]) = (past.dtype(), past.dims());
        let statistics = self.revin_layer.statistics(&past);
        let values = self.revin_layer.normalise(past, &statistics).cast(dtype);
        let series = values.swap_dims(1, 2);
        let series = match self.independent {
            true => series.reshape([batch * variates, 1, length]),
            false => series,
        };
        let fine = self.lin1.forward(series);
        let u = dropout(fine.clone(), self.dropout, noise.as_deref_mut());
        show(noise.as_deref_mut(), || Seen::output(&self.lin1, u.clone()));
        let scanned = self.mamba3.forward(u.clone(), None) + self.across(&self.mamba4, u.clone());
        let coarse = self.lin2.forward(u);
        let v = dropout(coarse.clone(), self.dropout, noise);
        let mixed = self.across(&self.mamba1, v.clone()) + self.mamba2.forward(v, None);
        let mixed = match self.residual {
            true => self.lin3.forward(mixed + coarse) + fine,
            false => self.lin3.forward(mixed),
        };
        let forecast = self.lin4.forward(Tensor::cat(vec![mixed, scanned], 2));
        let [_, _, horizon] = forecast.dims();
        let forecast = forecast.reshape([batch, variates, horizon]).swap_dims(1, 2);
        self.revin_layer.denormalise(forecast, &statistics)
    }

    /// Along the embedding of independent variates, `[B·C, 1, n]`, or along the tokens.
    fn across(&self, mixer: &Mamba, x: Tensor<3>) -> Tensor<3> {
        match self.independent {
            true => mixer.forward(x.swap_dims(1, 2), None).swap_dims(1, 2),
            false => mixer.forward(x, None),
        }
    }
}

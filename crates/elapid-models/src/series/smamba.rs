//! S-Mamba: variates as tokens, scanned in both directions (arXiv 2403.11144).
//!
//! Follows `model/S_Mamba.py` and `layers/Mamba_EncDec.py` of wzhwzhwzh0921/S-D-Mamba, without the three modules that its
//! layers build and never call. Checked against that code in `tests/golden/series`.

use burn::module::{Module, list_param_ids};
use burn::tensor::{Tensor, s};
use elapid_nn::mixer::{Mamba, MambaConfig};
use elapid_nn::{
    Init, LayerNorm, Linear, Noise, PointwiseConv1d, Seen, SeriesNorm, SeriesNormMode, dropout,
    gelu, show,
};

/// Hyper-parameters; names and defaults are those of the official code.
#[derive(Clone, Debug)]
pub struct SMambaConfig {
    /// Steps of the lookback L.
    pub lookback: usize,
    /// Steps of the forecast H.
    pub horizon: usize,
    /// Number of layers.
    pub layers: usize,
    /// Inner width of the feed-forward part.
    pub d_ff: usize,
    /// Both mixers of every layer; its `d_model` is the model width.
    pub mamba: MambaConfig,
    /// Normalisation of each series by its own statistics (`use_norm` is [`SeriesNormMode::Instance`]).
    pub norm: SeriesNormMode,
    /// Dropout rate behind the embedding and in the feed-forward part.
    pub dropout: f64,
}

impl SMambaConfig {
    /// The official mixers at a model width: two taps, no expansion.
    pub fn mamba(d_model: usize, d_state: usize) -> MambaConfig {
        MambaConfig {
            d_state,
            d_conv: 2,
            expand: 1,
            ..MambaConfig::new(d_model)
        }
    }
}

/// Series to tokens.
#[derive(Module, Debug)]
pub struct InvertedEmbedding {
    /// `[D, L]`
    pub value_embedding: Linear,
}

/// Mamba in both directions and a feed-forward part, each followed by its norm.
///
/// ```text
/// u ← LN₁(u + M(u) + flip(M_r(flip(u))))
/// u ← LN₂(u + W₂ GELU(W₁ u))
/// ```
#[derive(Module, Debug)]
pub struct EncoderLayer {
    /// Forward direction.
    pub attention: Mamba,
    /// Backward direction.
    pub attention_r: Mamba,
    /// Into the feed-forward part, `[D_ff, D, 1]`.
    pub conv1: PointwiseConv1d,
    /// Out of it, `[D, D_ff, 1]`.
    pub conv2: PointwiseConv1d,
    /// Behind the mixers.
    pub norm1: LayerNorm,
    /// Behind the feed-forward part.
    pub norm2: LayerNorm,
    dropout: f64,
}

/// The layers.
#[derive(Module, Debug)]
pub struct Encoder {
    /// One behind the other.
    pub attn_layers: Vec<EncoderLayer>,
    /// Behind the last.
    pub norm: LayerNorm,
}

/// The forecaster. Fields are named as in the official checkpoints.
#[derive(Module, Debug)]
pub struct SMamba {
    /// Series to tokens.
    pub enc_embedding: InvertedEmbedding,
    /// Tokens to tokens.
    pub encoder: Encoder,
    /// Tokens to forecasts, `[H, D]`.
    pub projector: Linear,
    norm: SeriesNorm,
    dropout: f64,
}

impl SMamba {
    /// Official initialisation: PyTorch's defaults around Mamba's own. `variates` counts only where the norm learns
    /// something of each.
    pub fn new(init: &mut Init, config: &SMambaConfig, variates: usize) -> Self {
        let width = config.mamba.d_model;
        let value_embedding = Linear::new(init, config.lookback, width, true);
        let layers = 0..config.layers;
        let attn_layers = layers.map(|_| EncoderLayer::new(init, config)).collect();
        Self {
            enc_embedding: InvertedEmbedding { value_embedding },
            encoder: Encoder {
                attn_layers,
                norm: LayerNorm::new(init, width, 1e-5),
            },
            projector: Linear::new(init, width, config.horizon, true),
            norm: SeriesNorm::new(init, config.norm, variates),
            dropout: config.dropout,
        }
    }

    /// # Shapes
    ///
    /// - past `[B, L, C]`
    /// - marks `[B, L, M]`, which become M more tokens
    /// - output `[B, H, C]`, 32-bit
    pub fn forward(
        &self,
        past: Tensor<3>,
        marks: Option<Tensor<3>>,
        mut noise: Option<&mut Noise>,
    ) -> Tensor<3> {
        let (dtype, [_, _, variates]) = (past.dtype(), past.dims());
        let statistics = self.norm.statistics(&past);
        let values = self.norm.normalise(past, &statistics).cast(dtype);
        let series = match marks {
            Some(marks) => Tensor::cat(vec![values, marks.cast(dtype)], 2),
            None => values,
        };
        let embedding = &self.enc_embedding.value_embedding;
        let tokens = embedding.forward(series.swap_dims(1, 2));
        let mut tokens = dropout(tokens, self.dropout, noise.as_deref_mut());
        show(noise.as_deref_mut(), || {
            Seen::output(embedding, tokens.clone())
        });
        for layer in &self.encoder.attn_layers {
            tokens = layer.forward(tokens, noise.as_deref_mut());
        }
        let tokens = self.encoder.norm.forward(tokens).cast(dtype);
        let tokens = tokens.slice(s![.., ..variates, ..]);
        let forecast = self.projector.forward(tokens).swap_dims(1, 2);
        self.norm.denormalise(forecast, &statistics)
    }
}

impl EncoderLayer {
    fn new(init: &mut Init, config: &SMambaConfig) -> Self {
        let width = config.mamba.d_model;
        Self {
            attention: Mamba::new(init, &config.mamba),
            attention_r: Mamba::new(init, &config.mamba),
            conv1: PointwiseConv1d::new(init, width, config.d_ff),
            conv2: PointwiseConv1d::new(init, config.d_ff, width),
            norm1: LayerNorm::new(init, width, 1e-5),
            norm2: LayerNorm::new(init, width, 1e-5),
            dropout: config.dropout,
        }
    }

    /// Tokens, `[B, C + M, D]`.
    fn forward(&self, tokens: Tensor<3>, mut noise: Option<&mut Noise>) -> Tensor<3> {
        let dtype = tokens.dtype();
        let mixed = self.attention.forward(tokens.clone(), None)
            + self.attention_r.forward_mirrored(tokens.clone());
        show(noise.as_deref_mut(), || self.seen(&tokens, &mixed));
        let tokens = self.norm1.forward(tokens + mixed).cast(dtype);
        let inner = gelu(self.conv1.forward(tokens.clone()));
        let inner = dropout(inner, self.dropout, noise.as_deref_mut());
        let outer = dropout(self.conv2.forward(inner), self.dropout, noise);
        self.norm2.forward(tokens + outer).cast(dtype)
    }

    fn seen(&self, tokens: &Tensor<3>, mixed: &Tensor<3>) -> Seen {
        let mut dynamics = self.attention.dynamics(tokens.clone(), None);
        dynamics.extend(self.attention_r.dynamics(tokens.clone().flip([1]), None));
        Seen {
            params: list_param_ids(self),
            stream: Some(tokens.clone()),
            output: mixed.clone(),
            dynamics,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    fn config(d_model: usize, layers: usize) -> SMambaConfig {
        SMambaConfig {
            lookback: 96,
            horizon: 96,
            layers,
            d_ff: d_model,
            mamba: SMambaConfig::mamba(d_model, 2),
            norm: SeriesNormMode::Instance,
            dropout: 0.1,
        }
    }

    #[test]
    fn parameter_counts_are_those_of_the_published_settings() {
        // ETT and Weather, less what the official layers build and never call.
        for (config, count) in [(config(256, 2), 1_145_696), (config(512, 3), 6_631_008)] {
            let model = SMamba::new(&mut Init::new(0, &Device::flex()), &config, 7);
            assert_eq!(model.num_params(), count);
        }
    }

    #[test]
    fn a_series_moved_and_scaled_is_forecast_moved_and_scaled() {
        let device = Device::flex();
        let config = SMambaConfig {
            lookback: 12,
            horizon: 5,
            ..config(16, 2)
        };
        let model = SMamba::new(&mut Init::new(0, &device), &config, 3);
        let normal = burn::tensor::Distribution::Normal(0.0, 1.0);
        let x = Tensor::<3>::random([2, 12, 3], normal, &device);
        let y = model.forward(x.clone(), None, None);
        assert_eq!(y.dims(), [2, 5, 3]);
        let moved = model.forward(x * 3.0 + 7.0, None, None);
        let apart = (moved - (y * 3.0 + 7.0)).abs().max();
        assert!(apart.into_scalar::<f32>() < 1e-3);
    }
}

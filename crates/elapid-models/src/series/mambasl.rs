//! MambaSL: classes of whole series by a single Mamba layer (openreview YDl4vqQqGP).
//!
//! Follows `models/MambaSingleLayer.py` of thuml/Time-Series-Library. Checked against that code in `tests/golden/series`.

#![allow(non_snake_case)] // parameters are named as in the official checkpoints

use burn::module::Module;
use burn::tensor::{DType, Tensor, activation};
use elapid_nn::mixer::{MambaConfig, TimeVariantMamba, Varying};
use elapid_nn::{
    Init, LayerNorm, Linear, Noise, ReplicateConv1d, Seen, dropout, show, sinusoid_positions,
};

/// Hyper-parameters.
#[derive(Clone, Debug)]
pub struct MambaSlConfig {
    /// The mixer; its `d_model` is the model width.
    pub mamba: MambaConfig,
    /// What of the scan follows from its input.
    pub varying: Varying,
    /// Whether the scan has a skip coefficient D (official `use_D`).
    pub skip: bool,
    /// Taps of the embedding (official `num_kernels`).
    pub kernel: usize,
    /// Weights that the pooling over time takes the largest of (official `n_heads`).
    pub heads: usize,
    /// Dropout rate behind the embedding and in front of the scores.
    pub dropout: f64,
}

/// Steps to tokens.
#[derive(Module, Debug)]
pub struct StepEmbedding {
    /// The convolution, under its official name.
    pub value_embedding: TokenEmbedding,
}

/// A convolution over the steps.
#[derive(Module, Debug)]
pub struct TokenEmbedding {
    /// `[D, C, K]`
    pub tokenConv: ReplicateConv1d,
}

/// Mixer and norm; the official `nn.Sequential` numbers them.
#[derive(Module, Debug)]
pub struct SingleLayer {
    /// Mixes steps.
    pub mixer: TimeVariantMamba,
    /// In front of the SiLU.
    pub norm: LayerNorm,
}

/// A linear map with a number of its own in the official code.
#[derive(Module, Debug)]
pub struct Scores {
    /// `[out, D]`
    pub linear: Linear,
}

/// The classifier. Fields are named as in the official checkpoints.
#[derive(Module, Debug)]
pub struct MambaSl {
    /// Steps to tokens.
    pub embedding: StepEmbedding,
    /// Tokens to tokens.
    pub mamba: SingleLayer,
    /// Scores of every step, `[classes, D]`.
    pub out_layer: Scores,
    /// Weights of every step, `[heads, D]`.
    pub attn_weight: Scores,
    dropout: f64,
}

impl MambaSl {
    /// Official initialisation: all steps count alike.
    pub fn new(init: &mut Init, config: &MambaSlConfig, variates: usize, classes: usize) -> Self {
        let width = config.mamba.d_model;
        let mixer = TimeVariantMamba::new(init, &config.mamba, config.varying, config.skip);
        let norm = LayerNorm::new(init, width, 1e-5);
        let tokenConv = ReplicateConv1d::new(init, variates, width, config.kernel);
        let mut scores = Linear::new(init, width, classes, false);
        let xavier = (6.0 / (width + classes) as f64).sqrt();
        scores.weight = init.uniform([classes, width], xavier);
        let weights = Linear {
            weight: init.constant([config.heads, width], 0.0),
            bias: Some(init.constant([config.heads], 1.0)),
        };
        Self {
            embedding: StepEmbedding {
                value_embedding: TokenEmbedding { tokenConv },
            },
            mamba: SingleLayer { mixer, norm },
            out_layer: Scores { linear: scores },
            attn_weight: Scores { linear: weights },
            dropout: config.dropout,
        }
    }

    /// Scores of the classes: those of the steps, weighted by a softmax over time. Padding has weight, as in the
    /// official code, but no scores.
    ///
    /// # Shapes
    ///
    /// - series `[B, L, C]`
    /// - mask `[B, L]`, 1 at steps that count and 0 at padding
    /// - output `[B, classes]`, 32-bit
    pub fn forward(
        &self,
        series: Tensor<3>,
        mask: Tensor<2>,
        mut noise: Option<&mut Noise>,
    ) -> Tensor<2> {
        let (dtype, [_, length, _]) = (series.dtype(), series.dims());
        let conv = &self.embedding.value_embedding.tokenConv;
        let tokens = conv.forward(series);
        let [_, _, width] = tokens.dims();
        let positions = sinusoid_positions(length, width, &tokens.device());
        let tokens = tokens + positions.cast(dtype).unsqueeze();
        let tokens = dropout(tokens, self.dropout, noise.as_deref_mut());
        show(noise.as_deref_mut(), || Seen::output(conv, tokens.clone()));
        let mixed = self.mamba.mixer.forward(tokens);
        show(noise.as_deref_mut(), || {
            Seen::output(&self.mamba.mixer, mixed.clone())
        });
        let steps = activation::silu(self.mamba.norm.forward(mixed)).cast(dtype);
        let weights = self.attn_weight.linear.forward(steps.clone()).max_dim(2);
        let weights = activation::softmax(weights.cast(DType::F32), 1);
        let steps = dropout(steps, self.dropout, noise);
        let scores = self.out_layer.linear.forward(steps).cast(DType::F32);
        let counted = weights * mask.cast(DType::F32).unsqueeze_dim::<3>(2);
        (scores * counted).sum_dim(1).squeeze_dim::<2>(1)
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.out_layer.linear.weight.dims()[0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn padding_behind_a_series_changes_its_scores_by_a_factor() {
        let device = Device::flex();
        let config = MambaSlConfig {
            mamba: MambaConfig {
                d_state: 2,
                expand: 1,
                ..MambaConfig::new(8)
            },
            varying: Varying {
                dt: true,
                b: false,
                c: true,
            },
            skip: false,
            kernel: 1,
            heads: 3,
            dropout: 0.1,
        };
        let model = MambaSl::new(&mut Init::new(0, &device), &config, 2, 4);
        let series = Tensor::<3>::ones([1, 5, 2], &device);
        let alone = model.forward(series.clone(), Tensor::ones([1, 5], &device), None);
        let padded = Tensor::cat(vec![series, Tensor::zeros([1, 5, 2], &device)], 1);
        let ones = Tensor::<2>::ones([1, 5], &device);
        let mask = Tensor::cat(vec![ones.clone(), ones * 0.0], 1);
        let padded = model.forward(padded, mask, None);
        // Half of the weight lies on the padding at first.
        let apart = (alone - padded * 2.0).abs().max().into_scalar::<f32>();
        assert!(apart < 1e-5, "{apart}");
        assert_eq!(model.classes(), 4);
    }
}

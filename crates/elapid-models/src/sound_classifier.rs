//! Spectrograms to class scores.

use burn::module::Module;
use burn::tensor::{DType, Tensor, TensorData, s};
use elapid_nn::{Init, LayerNorm, Linear, Noise, Seen, show};

use crate::checkpoint::{self, Checkpoint, SpectrogramGrid};
use crate::{Ssamba, SsambaConfig};

/// How tokens become one vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenPool {
    /// The mean of the patches (official `ft_avgtok`).
    Mean,
    /// The class token (official `ft_cls`).
    ClassToken,
}

/// Norm and linear map, the official `mlp_head`.
#[derive(Module, Debug)]
pub struct MlpHead {
    /// In front of the scores.
    pub norm: LayerNorm,
    /// `[classes, D]`
    pub linear: Linear,
}

/// An encoder of spectrograms with a head on its pooled tokens. Fields are named as in the official checkpoints.
#[derive(Module, Debug)]
pub struct SoundClassifier {
    /// Spectrograms to tokens.
    pub v: Ssamba,
    /// Pooled tokens to scores.
    pub mlp_head: MlpHead,
    #[module(skip)]
    pool: TokenPool,
    #[module(skip)]
    grid: SpectrogramGrid,
    /// Patches along frequency when they lie side by side.
    beside: usize,
}

impl SoundClassifier {
    /// Head as PyTorch initialises it.
    pub fn new(init: &mut Init, config: &SsambaConfig, pool: TokenPool, classes: usize) -> Self {
        let width = config.embed_dim();
        let v = Ssamba::new(init, config);
        let norm = LayerNorm::new(init, width, 1e-5);
        let linear = Linear::new(init, width, classes, true);
        Self {
            v,
            mlp_head: MlpHead { norm, linear },
            pool,
            grid: config.grid(),
            beside: config.bins / config.patch[0],
        }
    }

    /// # Shapes
    ///
    /// - spectrograms `[B, T, F]`, whose type is that of all stored activations
    /// - output `[B, classes]`, scores before the softmax or sigmoid, 32-bit
    pub fn forward(&self, spectrograms: Tensor<3>, mut noise: Option<&mut Noise>) -> Tensor<2> {
        let patches = self.v.embed(spectrograms);
        let tokens = self.v.encode(patches, noise.as_deref_mut());
        let pooled = match self.pool {
            TokenPool::Mean => tokens.slice(s![.., 1.., ..]).cast(DType::F32).mean_dim(1),
            TokenPool::ClassToken => tokens.slice(s![.., 0..1, ..]),
        };
        let normal = self.mlp_head.norm.forward(pooled.squeeze_dim::<2>(1));
        let scores = self.mlp_head.linear.forward(normal);
        show(noise, || {
            Seen::output(&self.mlp_head.linear, scores.clone().unsqueeze_dim(1))
        });
        scores
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.mlp_head.linear.weight.dims()[0]
    }

    /// The same model with tokens pooled in another way.
    #[must_use]
    pub fn pooled_by(self, pool: TokenPool) -> Self {
        Self { pool, ..self }
    }

    /// Brings the position table of an official file, or of one of ours, to the grid of this model, as the official
    /// fine-tuning does; the grids before and after if they differ.
    pub fn fit_positions(&self, weights: &mut Checkpoint) -> Option<[SpectrogramGrid; 2]> {
        checkpoint::fit_spectrogram_positions(weights, self.grid, self.beside)
    }

    /// A single position table at the grid of this model; `None` if its rows are of no grid. `pretrained` says that it
    /// comes from pretraining, where patches lie side by side.
    pub fn resized_positions(&self, table: &TensorData, pretrained: bool) -> Option<TensorData> {
        let rows = *table.shape().get(1)?;
        let from = self.grid.of_file(rows, pretrained, self.beside)?;
        self.grid.resized(table, from)
    }
}

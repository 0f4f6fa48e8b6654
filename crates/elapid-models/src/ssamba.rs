//! SSAMBA, audio spectrograms through bidirectional Mamba blocks (arXiv 2405.11831).
//!
//! Follows `src/models/both_models.py` of SiavashShams/ssamba at 019b276, whose encoder is the Vim of hustvl/Vim: patches of a
//! log-mel spectrogram, a class token in front, absolute positions, add–norm–mix blocks with bidirectional Mamba-1. Checked
//! against that code in `tests/golden/ssamba`.

use crate::transformer::transformer_layers;
use burn::module::{Module, Param};
use burn::tensor::Tensor;
use elapid_nn::mixer::{BackwardBranch, BidirectionalMamba, DtBias, MambaConfig, Mixer};
use elapid_nn::{Block, Init, Noise, Norm, PatchEmbed, Seen, drop_path_rates, show};

use crate::checkpoint::SpectrogramGrid;

/// Hyper-parameters; the defaults of [`SsambaConfig::new`] are those of the official training scripts.
#[derive(Clone, Debug)]
pub struct SsambaConfig {
    /// Mel bins of the spectrogram.
    pub bins: usize,
    /// Frames of the spectrogram.
    pub frames: usize,
    /// Bins and frames of a patch.
    pub patch: [usize; 2],
    /// Bins and frames from a patch to the next.
    pub stride: [usize; 2],
    /// Number of blocks.
    pub depth: usize,
    /// The mixer of every block; its `d_model` is the model width.
    pub mamba: MambaConfig,
    /// Heads of attention: with them, every layer is attention and a perceptron of four times the width, as in SSAST, and
    /// nothing of Mamba.
    pub heads: Option<usize>,
    /// What the official code does beside a plain stack of blocks (`if_bidirectional`): blocks come in pairs, whose second
    /// member sees the sequence in reverse order, and the residual streams of both are added, so that the stream
    /// doubles with each pair; the last norm is applied twice.
    pub official_quirks: bool,
    /// ε of the norms.
    pub norm_epsilon: f64,
    /// Drop rate of the last block's output; earlier ones ramp up to it.
    pub drop_path_rate: f64,
}

impl SsambaConfig {
    /// The official encoder at a model width: tiny is 192, small 384, base 768, all of depth 24, for ten seconds of sound.
    pub fn new(embed_dim: usize) -> Self {
        Self {
            bins: 128,
            frames: 1024,
            patch: [16, 16],
            stride: [16, 16],
            depth: 24,
            mamba: MambaConfig::new(embed_dim),
            heads: None,
            official_quirks: true,
            norm_epsilon: 1e-5,
            drop_path_rate: 0.1,
        }
    }

    /// Model width D.
    pub fn embed_dim(&self) -> usize {
        self.mamba.d_model
    }

    /// Patches along frequency and time.
    pub fn grid(&self) -> SpectrogramGrid {
        let side =
            |size, axis: usize| PatchEmbed::grid_side(size, self.patch[axis], self.stride[axis]);
        SpectrogramGrid {
            frequency: side(self.bins, 0),
            time: side(self.frames, 1),
        }
    }
}

/// The encoder: spectrograms to tokens.
#[derive(Module, Debug)]
pub struct Ssamba {
    /// Spectrograms to patches.
    pub patch_embed: PatchEmbed,
    /// `[1, 1, D]`
    pub cls_token: Param<Tensor<3>>,
    /// `[1, 1 + P, D]`: the class token, then P patches, frequency by frequency.
    pub pos_embed: Param<Tensor<3>>,
    /// Blocks.
    pub layers: Vec<Block>,
    /// Norm behind the last block.
    pub norm_f: Norm,
    official_quirks: bool,
    last_drop_path: f64,
}

impl Ssamba {
    /// Initialisation as in effect in the official code: PyTorch's defaults for patches, N(0, 0.02) for positions and class
    /// token, output projections scaled by `1/√depth`, step-size biases of the backward direction at zero.
    pub fn new(init: &mut Init, config: &SsambaConfig) -> Self {
        let width = config.embed_dim();
        let (patch, stride) = (config.patch, config.stride);
        let patch_embed = PatchEmbed::torch_default(init, 1, width, patch, stride);
        let cls_token = init.truncated_normal([1, 1, width], 0.02);
        let positions = [1, 1 + config.grid().patches(), width];
        let pos_embed = init.truncated_normal(positions, 0.02);
        let (layers, last_drop_path) = layers(init, config);
        Self {
            patch_embed,
            cls_token,
            pos_embed,
            layers,
            norm_f: Norm::new(init, false, width, config.norm_epsilon),
            official_quirks: config.official_quirks,
            last_drop_path,
        }
    }

    /// The patches of spectrograms, before positions.
    ///
    /// # Shapes
    ///
    /// - spectrograms `[B, T, F]`, normalised log-mel values
    /// - output `[B, P, D]`, frequency by frequency
    pub fn embed(&self, spectrograms: Tensor<3>) -> Tensor<3> {
        self.patch_embed.forward(as_image(spectrograms))
    }

    /// The tokens of embedded patches.
    ///
    /// # Shapes
    ///
    /// - patches `[B, P, D]`
    /// - output `[B, 1 + P, D]`, the class token first
    pub fn encode(&self, patches: Tensor<3>, mut noise: Option<&mut Noise>) -> Tensor<3> {
        let [batch, _, width] = patches.dims();
        let dtype = patches.dtype();
        let class = self.cls_token.val().cast(dtype).expand([batch, 1, width]);
        let hidden = Tensor::cat(vec![class, patches], 1) + self.pos_embed.val().cast(dtype);
        show(noise.as_deref_mut(), || {
            Seen::output(&self.patch_embed, hidden.clone())
        });
        let (hidden, residual) = match self.official_quirks {
            true => self.pairs(hidden, noise.as_deref_mut()),
            false => self.stack(hidden, noise.as_deref_mut()),
        };
        let tokens = match residual {
            Some(residual) => {
                Block::finish(&self.norm_f, hidden, residual, self.last_drop_path, noise)
            }
            None => self.norm_f.forward(hidden).cast(dtype),
        };
        match self.official_quirks {
            true => self.norm_f.forward(tokens).cast(dtype),
            false => tokens,
        }
    }

    /// One block behind the other.
    fn stack(
        &self,
        mut hidden: Tensor<3>,
        mut noise: Option<&mut Noise>,
    ) -> (Tensor<3>, Option<Tensor<3>>) {
        let mut residual = None;
        for layer in &self.layers {
            let (next, stream) = layer.forward(hidden, residual, noise.as_deref_mut());
            (hidden, residual) = (next, Some(stream));
        }
        (hidden, residual)
    }

    /// Two blocks beside one another, one of them on the reversed sequence; both streams are added up. A block without a
    /// partner is not reached, as in the official loop.
    fn pairs(
        &self,
        mut hidden: Tensor<3>,
        mut noise: Option<&mut Noise>,
    ) -> (Tensor<3>, Option<Tensor<3>>) {
        let mut residual = None;
        for pair in self.layers.chunks_exact(2) {
            let (forward, stream) =
                pair[0].forward(hidden.clone(), residual.clone(), noise.as_deref_mut());
            let (mirrored, other) =
                pair[1].forward_mirrored(hidden, residual, noise.as_deref_mut());
            hidden = forward + mirrored;
            residual = Some(stream + other);
        }
        (hidden, residual)
    }

    /// Model width D.
    pub fn width(&self) -> usize {
        self.patch_embed.proj.weight.dims()[0]
    }

    /// Bins and frames of a patch.
    pub fn patch(&self) -> [usize; 2] {
        let [_, _, bins, frames] = self.patch_embed.proj.weight.dims();
        [bins, frames]
    }
}

/// `[B, T, F]` as images `[B, 1, F, T]`.
pub(crate) fn as_image(spectrograms: Tensor<3>) -> Tensor<4> {
    spectrograms.swap_dims(1, 2).unsqueeze_dim(1)
}

/// The blocks, and the drop rate behind the last.
fn layers(init: &mut Init, config: &SsambaConfig) -> (Vec<Block>, f64) {
    let (depth, width) = (config.depth, config.embed_dim());
    if let Some(heads) = config.heads {
        let (rates, last) = drop_path_rates(config.drop_path_rate, 2 * depth);
        let norm = |init: &mut Init| Norm::new(init, false, width, config.norm_epsilon);
        return (transformer_layers(init, rates, width, heads, norm), last);
    }
    let (rates, last) = drop_path_rates(config.drop_path_rate, depth);
    let blocks = rates.into_iter();
    (blocks.map(|rate| block(init, config, rate)).collect(), last)
}

fn block(init: &mut Init, config: &SsambaConfig, drop_path: f64) -> Block {
    let norm = Norm::new(init, false, config.embed_dim(), config.norm_epsilon);
    let mamba = MambaConfig {
        out_scale: 1.0 / (config.depth as f64).sqrt(),
        ..config.mamba.clone()
    };
    let branch = BackwardBranch::OwnParameters {
        dt_bias: DtBias::Zero,
    };
    let mixer = BidirectionalMamba::new(init, &mamba, branch, true);
    Block::new(norm, Mixer::Bidirectional(mixer), drop_path, true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PatchPretrainer, named_params};
    use burn::tensor::Device;

    #[test]
    fn parameter_counts_are_those_of_the_official_encoder() {
        // The published totals hold the 1000-way head of the Vim class as well, which is never used.
        for (width, encoder, total) in [
            (192, 6_922_176, 7_288_298),
            (384, 25_345_920, 26_224_106),
            (768, 96_698_112, 99_042_794),
        ] {
            let config = SsambaConfig::new(width);
            let model = PatchPretrainer::new(&mut Init::new(0, &Device::flex()), &config, 10.0);
            assert_eq!(model.v.num_params(), encoder);
            let unused = 1000 * (width + 1) + 2;
            assert_eq!(model.num_params() + unused, total);
        }
    }

    #[test]
    fn grids_are_those_of_the_official_tasks() {
        for (frames, stride, grid) in [
            (1024, 10, [12, 101]),
            (512, 10, [12, 50]),
            (128, 10, [12, 12]),
            (6144, 16, [8, 384]),
            (1024, 16, [8, 64]),
        ] {
            let config = SsambaConfig {
                frames,
                stride: [stride; 2],
                ..SsambaConfig::new(192)
            };
            let found = config.grid();
            assert_eq!([found.frequency, found.time], grid);
        }
    }

    #[test]
    fn tokens_come_out_with_and_without_quirks() {
        for (official_quirks, depth) in [(true, 4), (false, 3)] {
            let config = SsambaConfig {
                frames: 48,
                bins: 32,
                stride: [16, 8],
                depth,
                official_quirks,
                ..SsambaConfig::new(16)
            };
            let device = Device::flex();
            let encoder = Ssamba::new(&mut Init::new(0, &device), &config);
            let mut noise = Noise::seeded(0, &device);
            let patches = encoder.embed(Tensor::ones([2, 48, 32], &device));
            let tokens = encoder.encode(patches, Some(&mut noise));
            assert_eq!(tokens.dims(), [2, 1 + 2 * 5, 16]);
            assert_eq!(named_params(&encoder).len(), 6 + 18 * depth);
        }
    }
}

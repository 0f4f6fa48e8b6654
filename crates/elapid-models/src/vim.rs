//! Vision Mamba (Vim), arXiv 2401.09417.
//!
//! Follows `vim/models_mamba.py` of hustvl/Vim at dd0358a: patch embedding, a class token in the
//! middle of the sequence, absolute positions, a stack of add–norm–mix blocks with bidirectional
//! Mamba-1, a final norm. Checked against that code in `tests/golden/vim_*`.

use crate::checkpoint::{PositionLayout, PositionRule, resize_positions};
use crate::transformer::transformer_layers;
use burn::module::{Module, Param};
use burn::tensor::{Tensor, TensorData, s};
use elapid_nn::mixer::{BackwardBranch, BidirectionalMamba, DtBias, Mamba, MambaConfig, Mixer};
use elapid_nn::{Block, Init, Noise, Norm, PatchEmbed, Seen, drop_path_rates, dropout, show};

/// Where class tokens stand, and so what is read out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClassToken {
    /// One in the middle of the patches.
    Middle,
    /// One in front of them.
    Head,
    /// One in front and one behind; the read-out is their mean.
    Double,
    /// None; the patches are pooled.
    None,
}

/// How patches are read out without a class token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pool {
    /// Mean of the tokens.
    Mean,
    /// All tokens; the head takes the largest score of each class.
    Max,
}

/// What is read behind a block for dense prediction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TapValue {
    /// The output of its mixer.
    Hidden,
    /// The residual stream with that output added.
    Residual,
}

/// Hyper-parameters; names are the official ones where they exist.
#[derive(Clone, Debug)]
pub struct VimConfig {
    /// Side of the square input, pixels.
    pub image_size: usize,
    /// Side of a patch, pixels.
    pub patch_size: usize,
    /// Distance between patches, pixels.
    pub stride: usize,
    /// Image channels.
    pub channels: usize,
    /// Number of blocks.
    pub depth: usize,
    /// The mixer of every block; its `d_model` is the model width.
    pub mamba: MambaConfig,
    /// Heads of attention: with them, every layer is attention and a perceptron of four times the width, as in ViT and DeiT, and
    /// nothing of Mamba. With `class_token` in front, layer norms of ε 1e-6 and depth 12 this is DeiT.
    pub heads: Option<usize>,
    /// Backward direction; `None` is plain causal Mamba.
    pub backward: Option<BackwardBranch>,
    /// Halve the sum of both directions (`if_divide_out`).
    pub divide_out: bool,
    /// Class tokens.
    pub class_token: ClassToken,
    /// Read-out without a class token (`final_pool_type`).
    pub pool: Pool,
    /// Learned absolute positions (`if_abs_pos_embed`).
    pub abs_pos_embed: bool,
    /// RMS norm instead of layer norm.
    pub rms_norm: bool,
    /// ε of the norms.
    pub norm_epsilon: f64,
    /// Keep the residual stream in 32 bits.
    pub residual_in_fp32: bool,
    /// Dropout behind the position embedding.
    pub drop_rate: f64,
    /// Drop rate of the last block's output; earlier ones ramp up to it.
    pub drop_path_rate: f64,
}

impl VimConfig {
    /// The official `vim_tiny_patch16_224` at another width: `vim_tiny` is 192, `vim_small` 384,
    /// `vim_base` 768, all of depth 24.
    pub fn patch16_224(embed_dim: usize) -> Self {
        Self {
            image_size: 224,
            patch_size: 16,
            stride: 16,
            channels: 3,
            depth: 24,
            mamba: MambaConfig::new(embed_dim),
            heads: None,
            backward: Some(BackwardBranch::OwnParameters {
                dt_bias: DtBias::Zero,
            }),
            divide_out: true,
            class_token: ClassToken::Middle,
            pool: Pool::Mean,
            abs_pos_embed: true,
            rms_norm: true,
            norm_epsilon: 1e-5,
            residual_in_fp32: true,
            drop_rate: 0.0,
            drop_path_rate: 0.0,
        }
    }

    /// Model width D.
    pub fn embed_dim(&self) -> usize {
        self.mamba.d_model
    }

    /// Number of patches M.
    pub fn patches(&self) -> usize {
        PatchEmbed::grid_side(self.image_size, self.patch_size, self.stride).pow(2)
    }

    /// Number of tokens L, class tokens included.
    pub fn tokens(&self) -> usize {
        let class_tokens = match self.class_token {
            ClassToken::Middle | ClassToken::Head => 1,
            ClassToken::Double => 2,
            ClassToken::None => 0,
        };
        self.patches() + class_tokens
    }
}

/// The backbone: images to read-out tokens.
#[derive(Module, Debug)]
pub struct Vim {
    /// Images to patches.
    pub patch_embed: PatchEmbed,
    /// `[1, 1, D]`
    pub cls_token: Option<Param<Tensor<3>>>,
    /// `[1, 1, D]`
    pub cls_token_head: Option<Param<Tensor<3>>>,
    /// `[1, 1, D]`
    pub cls_token_tail: Option<Param<Tensor<3>>>,
    /// `[1, L, D]`, in the order of the final sequence.
    pub pos_embed: Option<Param<Tensor<3>>>,
    /// Blocks.
    pub layers: Vec<Block>,
    /// Norm behind the last block.
    pub norm_f: Norm,
    #[module(skip)]
    class_token: ClassToken,
    #[module(skip)]
    pool: Pool,
    drop_rate: f64,
    last_drop_path: f64,
}

impl Vim {
    /// Official initialisation: LeCun-normal patches, N(0, 0.02) positions and class tokens,
    /// output projections scaled by `1/√depth`.
    pub fn new(init: &mut Init, config: &VimConfig) -> Self {
        let width = config.embed_dim();
        let (patch, stride) = ([config.patch_size; 2], [config.stride; 2]);
        let patch_embed = PatchEmbed::new(init, config.channels, width, patch, stride);
        let mut token = |wanted: bool| wanted.then(|| init.truncated_normal([1, 1, width], 0.02));
        let class = config.class_token;
        let cls_token = token(matches!(class, ClassToken::Middle | ClassToken::Head));
        let cls_token_head = token(class == ClassToken::Double);
        let cls_token_tail = token(class == ClassToken::Double);
        let positions = [1, config.tokens(), width];
        let pos_embed = config
            .abs_pos_embed
            .then(|| init.truncated_normal(positions, 0.02));
        let (layers, last_drop_path) = layers(init, config);
        let norm_f = Norm::new(init, config.rms_norm, width, config.norm_epsilon);
        Self {
            patch_embed,
            cls_token,
            cls_token_head,
            cls_token_tail,
            pos_embed,
            layers,
            norm_f,
            class_token: class,
            pool: config.pool,
            drop_rate: config.drop_rate,
            last_drop_path,
        }
    }

    /// # Shapes
    ///
    /// - images `[B, C, H, W]`
    /// - output `[B, T, D]`: the read-out tokens, T = 1 but for max pooling
    ///
    /// The type of the images is that of all stored activations; parameters, statistics and, if so
    /// configured, the residual stream stay in 32 bits.
    pub fn forward(&self, images: Tensor<4>, mut noise: Option<&mut Noise>) -> Tensor<3> {
        let (mut hidden, count) = self.embed(images, noise.as_deref_mut());
        let mut residual = None;
        for layer in &self.layers {
            let (next, stream) = layer.forward(hidden, residual, noise.as_deref_mut());
            (hidden, residual) = (next, Some(stream));
        }
        let tokens = match residual {
            Some(residual) => {
                Block::finish(&self.norm_f, hidden, residual, self.last_drop_path, noise)
            }
            None => self.norm_f.forward(hidden.clone()).cast(hidden.dtype()),
        };
        self.read_out(tokens, count)
    }

    /// Feature maps for dense prediction: what is read behind the blocks `taps`, counted from 0 and ascending, without class
    /// tokens.
    ///
    /// The official segmentation code reads the mixer's output behind block i in its tiny model, and in its small one the
    /// residual stream in front of the mixer of block i + 1, which holds that output.
    ///
    /// # Shapes
    ///
    /// - images `[B, C, H, W]`
    /// - outputs `[B, rows, columns, D]`, one for each tap, in the type of the images or in that of the residual stream
    ///
    /// # Panics
    ///
    /// Panics if there is no block of some tap.
    pub fn taps(
        &self,
        images: Tensor<4>,
        taps: &[usize],
        value: TapValue,
        mut noise: Option<&mut Noise>,
    ) -> Vec<Tensor<4>> {
        let [batch, _, height, width] = images.dims();
        let grid = self.patch_embed.grid([height, width]);
        let (mut hidden, count) = self.embed(images, noise.as_deref_mut());
        let map = |tokens: Tensor<3>| {
            let patches = self.without_class_tokens(tokens, count);
            patches.reshape([batch, grid[0], grid[1], self.width()])
        };
        let last = taps.last().copied().unwrap_or(0);
        let mut maps = Vec::with_capacity(taps.len());
        let mut residual = None;
        for (index, layer) in self.layers[..=last].iter().enumerate() {
            let (next, stream) = layer.forward(hidden, residual, noise.as_deref_mut());
            let before = index.wrapping_sub(1);
            if value == TapValue::Residual && taps.contains(&before) {
                maps.push(map(stream.clone()));
            }
            if value == TapValue::Hidden && taps.contains(&index) {
                maps.push(map(next.clone()));
            }
            (hidden, residual) = (next, Some(stream));
        }
        if let (TapValue::Residual, Some(residual)) = (value, residual) {
            let stream = hidden.cast(residual.dtype()) + residual;
            maps.push(map(stream));
        }
        maps
    }

    /// The tokens in front of the first block, and the number of patches among them.
    fn embed(&self, images: Tensor<4>, mut noise: Option<&mut Noise>) -> (Tensor<3>, usize) {
        let patches = self.patch_embed.forward(images);
        let count = patches.dims()[1];
        let mut hidden = self.with_class_tokens(patches);
        if let Some(positions) = &self.pos_embed {
            hidden = hidden.clone() + positions.val().cast(hidden.dtype());
        }
        hidden = dropout(hidden, self.drop_rate, noise.as_deref_mut());
        show(noise, || Seen::output(&self.patch_embed, hidden.clone()));
        (hidden, count)
    }

    /// Number of blocks.
    pub fn depth(&self) -> usize {
        self.layers.len()
    }

    /// Distance between patches, pixels.
    pub fn stride(&self) -> usize {
        let [stride, _] = self.patch_embed.stride();
        stride
    }

    /// Model width D.
    pub fn width(&self) -> usize {
        self.patch_embed.proj.weight.dims()[0]
    }

    /// See [`ImageClassifier::resized_positions`](crate::ImageClassifier::resized_positions).
    pub(crate) fn resized_positions(
        &self,
        table: &TensorData,
        rule: PositionRule,
    ) -> Option<TensorData> {
        let layout = |rows| PositionLayout::of_rows(rows, self.class_token);
        let from = layout(*table.shape().get(1)?)?;
        let to = layout(self.pos_embed.as_ref()?.dims()[1])?;
        Some(resize_positions(table, from, to, rule))
    }

    fn with_class_tokens(&self, patches: Tensor<3>) -> Tensor<3> {
        let [batch, count, width] = patches.dims();
        let dtype = patches.dtype();
        let expand = |token: &Param<Tensor<3>>| token.val().cast(dtype).expand([batch, 1, width]);
        match (&self.cls_token, &self.cls_token_head, &self.cls_token_tail) {
            (Some(token), _, _) => {
                let position = self.class_position(count);
                let front = patches.clone().slice(s![.., ..position, ..]);
                let back = patches.slice(s![.., position.., ..]);
                let parts = [front, expand(token), back];
                Tensor::cat(
                    parts
                        .into_iter()
                        .filter(|part| part.dims()[1] > 0)
                        .collect(),
                    1,
                )
            }
            (None, Some(head), Some(tail)) => {
                Tensor::cat(vec![expand(head), patches, expand(tail)], 1)
            }
            _ => patches,
        }
    }

    fn without_class_tokens(&self, tokens: Tensor<3>, patches: usize) -> Tensor<3> {
        let part = |from: usize, to: usize| tokens.clone().slice(s![.., from..to, ..]);
        match self.class_token {
            ClassToken::None => tokens,
            ClassToken::Head | ClassToken::Double => part(1, patches + 1),
            ClassToken::Middle => match self.class_position(patches) {
                0 => part(1, patches + 1),
                at => Tensor::cat(vec![part(0, at), part(at + 1, patches + 1)], 1),
            },
        }
    }

    fn read_out(&self, tokens: Tensor<3>, patches: usize) -> Tensor<3> {
        let at = |position: usize| tokens.clone().slice(s![.., position..position + 1, ..]);
        match (self.class_token, self.pool) {
            (ClassToken::Middle | ClassToken::Head, _) => at(self.class_position(patches)),
            (ClassToken::Double, _) => (at(0) + at(patches + 1)) * 0.5,
            (ClassToken::None, Pool::Mean) => tokens.mean_dim(1),
            (ClassToken::None, Pool::Max) => tokens,
        }
    }

    fn class_position(&self, patches: usize) -> usize {
        if self.class_token == ClassToken::Middle {
            patches / 2
        } else {
            0
        }
    }
}

/// The blocks, and the drop rate behind the last.
fn layers(init: &mut Init, config: &VimConfig) -> (Vec<Block>, f64) {
    let (depth, width) = (config.depth, config.embed_dim());
    let norm = |init: &mut Init| Norm::new(init, config.rms_norm, width, config.norm_epsilon);
    if let Some(heads) = config.heads {
        let (rates, last) = drop_path_rates(config.drop_path_rate, 2 * depth);
        return (transformer_layers(init, rates, width, heads, norm), last);
    }
    let (rates, last) = drop_path_rates(config.drop_path_rate, depth);
    let blocks = rates.into_iter();
    let blocks = blocks.map(|rate| {
        let norm = norm(init);
        block(init, config, norm, rate)
    });
    (blocks.collect(), last)
}

fn block(init: &mut Init, config: &VimConfig, norm: Norm, drop_path: f64) -> Block {
    let out_scale = 1.0 / (config.depth as f64).sqrt();
    let mamba = MambaConfig {
        out_scale,
        ..config.mamba.clone()
    };
    let mixer = match config.backward {
        None => Mixer::Mamba(Mamba::new(init, &mamba)),
        Some(branch) => Mixer::Bidirectional(BidirectionalMamba::new(
            init,
            &mamba,
            branch,
            config.divide_out,
        )),
    };
    Block::new(norm, mixer, drop_path, config.residual_in_fp32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ImageBackbone, ImageClassifier};
    use burn::tensor::{Device, Distribution, Tolerance};

    fn classifier(config: &VimConfig, classes: usize) -> ImageClassifier {
        let mut init = Init::new(0, &Device::flex());
        let backbone = ImageBackbone::Vim(Vim::new(&mut init, config));
        ImageClassifier::new(&mut init, backbone, classes)
    }

    #[test]
    fn parameter_counts_equal_the_official_ones() {
        for (width, stride, expected) in [
            (192, 16, 7_148_008),
            (192, 8, 7_250_344),
            (384, 16, 25_796_584),
            (384, 8, 26_001_256),
            (768, 16, 97_598_440),
        ] {
            let config = VimConfig {
                stride,
                ..VimConfig::patch16_224(width)
            };
            assert_eq!(classifier(&config, 1000).num_params(), expected);
        }
    }

    #[test]
    fn taps_are_the_patches_without_class_tokens() {
        let device = Device::flex();
        for class_token in [
            ClassToken::Middle,
            ClassToken::Head,
            ClassToken::Double,
            ClassToken::None,
        ] {
            let config = VimConfig {
                image_size: 12,
                patch_size: 4,
                stride: 4,
                depth: 3,
                class_token,
                ..VimConfig::patch16_224(8)
            };
            let vim = Vim::new(&mut Init::new(0, &device), &config);
            let images = Tensor::<4>::random([2, 3, 12, 12], Distribution::Default, &device);
            let of = |value, taps: &[usize]| vim.taps(images.clone(), taps, value, None);
            let hidden = of(TapValue::Hidden, &[0, 2]);
            assert_eq!((hidden.len(), hidden[1].dims()), (2, [2, 3, 3, 8]));
            let stream = of(TapValue::Residual, &[0, 1, 2]);
            let data = |map: &Tensor<4>| map.clone().into_data();
            assert_eq!(data(&stream[1]), data(&of(TapValue::Residual, &[1])[0]));
            // Behind the last block the stream is what the final norm sees: pooled, it is the official read-out.
            if class_token == ClassToken::None {
                let patches = stream[2].clone().reshape([2, 9, 8]);
                let expected = vim.norm_f.forward(patches).mean_dim(1).into_data();
                let found = vim.forward(images.clone(), None).into_data();
                found.assert_approx_eq::<f32>(&expected, Tolerance::absolute(1e-5));
            }
        }
    }

    #[test]
    fn every_read_out_gives_scores() {
        for class_token in [
            ClassToken::Middle,
            ClassToken::Head,
            ClassToken::Double,
            ClassToken::None,
        ] {
            for pool in [Pool::Mean, Pool::Max] {
                let config = VimConfig {
                    image_size: 12,
                    patch_size: 4,
                    stride: 4,
                    depth: 2,
                    class_token,
                    pool,
                    drop_rate: 0.1,
                    drop_path_rate: 0.1,
                    ..VimConfig::patch16_224(8)
                };
                let model = classifier(&config, 5);
                let images = Tensor::<4>::ones([2, 3, 12, 12], &Device::flex());
                let mut noise = Noise::seeded(0, &Device::flex());
                assert_eq!(model.forward(images, Some(&mut noise)).dims(), [2, 5]);
            }
        }
    }
}

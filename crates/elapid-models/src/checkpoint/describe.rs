//! What model a checkpoint is of.

use super::import::class_token;
use super::{Checkpoint, DecoderDescription, PositionLayout, mmseg};
use crate::{ClassToken, Pool, VimConfig};
use elapid_nn::mixer::{BackwardBranch, DtBias, MambaConfig};

/// A Vision Mamba told from its weights. What weights do not tell (which way the directions are
/// summed, initial values, drop rates) is as in the official models.
#[derive(Clone, Debug)]
pub struct Description {
    /// The backbone.
    pub config: VimConfig,
    /// Classes of the head, if there is one.
    pub classes: Option<usize>,
    /// A dense head of mmsegmentation, if there is one.
    pub decoder: Option<DecoderDescription>,
}

/// Names under which the official code registers its models, by width and stride.
const REGISTERED: [(usize, usize, &str); 5] = [
    (
        192,
        16,
        "vim_tiny_patch16_224_bimambav2_final_pool_mean_abs_pos_embed_with_midclstok_div2",
    ),
    (
        192,
        8,
        "vim_tiny_patch16_stride8_224_bimambav2_final_pool_mean_abs_pos_embed_with_midclstok_div2",
    ),
    (
        384,
        16,
        "vim_small_patch16_224_bimambav2_final_pool_mean_abs_pos_embed_with_midclstok_div2",
    ),
    (
        384,
        8,
        "vim_small_patch16_stride8_224_bimambav2_final_pool_mean_abs_pos_embed_with_midclstok_div2",
    ),
    (
        768,
        16,
        "vim_base_patch16_224_bimambav2_final_pool_mean_abs_pos_embed_with_middle_cls_token_div2",
    ),
];

impl Description {
    /// The name under which the official code registers the model, if it does.
    pub fn registered(&self) -> Option<&'static str> {
        let config = &self.config;
        let sizes = (config.embed_dim(), config.stride);
        let of_size = REGISTERED
            .iter()
            .find(|(width, stride, _)| (*width, *stride) == sizes);
        let official = VimConfig {
            stride: config.stride,
            ..VimConfig::patch16_224(config.embed_dim())
        };
        let same = format!("{config:?}") == format!("{official:?}");
        of_size.filter(|_| same).map(|(.., name)| *name)
    }
}

/// The model of the weights below `prefix` (see [`super::locate`]); nothing if they are not those of a Vision Mamba. A single class token is taken to stand in the middle. Where a stride makes the number of patches that of
/// a 224-pixel image, the image has that size; otherwise patches lie side by side.
pub fn describe(file: &Checkpoint, prefix: &str) -> Option<Description> {
    let tensor = |name: &str| file.get(&format!("{prefix}{name}"));
    let shape = |name: &str| tensor(name).map(|data| data.shape().to_vec());
    let has = |name: &str| tensor(name).is_some();
    let mixer = |name: &str| shape(&format!("layers.0.mixer.{name}"));
    let [width, channels, patch_size, _] = shape("patch_embed.proj.weight")?[..] else {
        return None;
    };
    let [inner, states] = mixer("A_log")?[..] else {
        return None;
    };
    let depth = (0..)
        .take_while(|i| has(&format!("layers.{i}.norm.weight")))
        .count();
    let class_token = class_token(has, ClassToken::Middle);
    let rows = shape("pos_embed").map(|shape| shape[1]);
    let side = match rows {
        Some(rows) => PositionLayout::of_rows(rows, class_token)?.side,
        None => (224 / patch_size).max(1),
    };
    let (image_size, stride) = grid(side, patch_size);
    let dt_bias = DtBias::Zero;
    let mamba = MambaConfig {
        d_state: states,
        d_conv: *mixer("conv1d.weight")?.last()?,
        expand: inner / width,
        dt_rank: rank(width, *mixer("dt_proj.weight")?.last()?),
        conv_bias: mixer("conv1d.bias").is_some(),
        bias: mixer("in_proj.bias").is_some(),
        layer_scale: mixer("gamma").map(|_| 1.0),
        ..MambaConfig::new(width)
    };
    let config = VimConfig {
        image_size,
        patch_size,
        stride,
        channels,
        depth,
        mamba,
        backward: match (mixer("conv1d_b.weight"), mixer("A_b_log")) {
            (Some(_), _) => Some(BackwardBranch::OwnParameters { dt_bias }),
            (None, Some(_)) => Some(BackwardBranch::SharedParameters),
            (None, None) => None,
        },
        class_token,
        pool: Pool::Mean,
        abs_pos_embed: rows.is_some(),
        rms_norm: !has("layers.0.norm.bias"),
        ..VimConfig::patch16_224(width)
    };
    let classes = shape("head.weight").map(|shape| shape[0]);
    Some(Description {
        config,
        classes,
        decoder: mmseg::describe(file),
    })
}

/// Image size and stride that give a grid of this side.
fn grid(side: usize, patch_size: usize) -> (usize, usize) {
    let apart = |stride: &usize| stride * (side - 1) + patch_size == 224;
    match (1..=patch_size).find(apart) {
        Some(stride) if side > 1 => (224, stride),
        _ => (side * patch_size, patch_size),
    }
}

/// The rank of the step-size projection, left out where it follows from the width.
fn rank(width: usize, rank: usize) -> Option<usize> {
    (rank != MambaConfig::new(width).dt_rank()).then_some(rank)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grids_of_224_pixels_are_recognised() {
        assert_eq!(grid(14, 16), (224, 16));
        assert_eq!(grid(27, 16), (224, 8));
        assert_eq!(grid(3, 8), (24, 8));
        assert_eq!(grid(1, 4), (4, 4));
    }

    /// Empty tensors with the shapes of an official model.
    fn official(width: usize, side: usize) -> Checkpoint {
        let inner = 2 * width;
        let mut shapes = vec![
            ("patch_embed.proj.weight".to_owned(), vec![width, 3, 16, 16]),
            ("cls_token".to_owned(), vec![1, 1, width]),
            ("pos_embed".to_owned(), vec![1, side * side + 1, width]),
            ("head.weight".to_owned(), vec![1000, width]),
        ];
        for (name, shape) in [
            ("A_log", vec![inner, 16]),
            ("conv1d.weight", vec![inner, 1, 4]),
            ("conv1d.bias", vec![inner]),
            ("conv1d_b.weight", vec![inner, 1, 4]),
            ("dt_proj.weight", vec![inner, width / 16]),
        ] {
            shapes.push((format!("layers.0.mixer.{name}"), shape));
        }
        shapes.extend((0..24).map(|i| (format!("layers.{i}.norm.weight"), vec![width])));
        let tensors = shapes.into_iter().map(|(name, shape)| {
            let zeros = vec![0.0_f32; shape.iter().product()];
            (name, burn::tensor::TensorData::new(zeros, shape))
        });
        tensors.collect()
    }

    #[test]
    fn every_registered_model_is_recognised() {
        for (width, stride, name) in REGISTERED {
            let side = if stride == 16 { 14 } else { 27 };
            let found = describe(&official(width, side), "").unwrap();
            assert_eq!(found.registered(), Some(name));
            assert_eq!(found.classes, Some(1000));
        }
        let other = describe(&official(64, 14), "").unwrap();
        assert_eq!(other.registered(), None);
    }
}

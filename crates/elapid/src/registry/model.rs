//! `[model]`: specification to backbone.

use elapid_config::{self as config, ModelSpec};
use elapid_models::checkpoint::PositionLayout;
use elapid_models::{ClassToken, Cost, ImageBackbone, ImageClassifier, Pool, Vim, VimConfig};
use elapid_nn::Init;
use elapid_nn::mixer::{BackwardBranch, DtBias, DtInit, MambaConfig};

/// The image backbone that a plan names.
pub fn image_backbone(init: &mut Init, spec: &ModelSpec) -> ImageBackbone {
    match spec {
        ModelSpec::Vim(spec) => ImageBackbone::Vim(Vim::new(init, &vim(spec))),
    }
}

/// Backbone and linear head.
pub fn image_classifier(init: &mut Init, spec: &ModelSpec, classes: usize) -> ImageClassifier {
    let backbone = image_backbone(init, spec);
    ImageClassifier::new(init, backbone, classes)
}

/// What a forward pass of one sample costs, with a linear head.
pub fn cost(spec: &ModelSpec, classes: usize) -> Cost {
    match spec {
        ModelSpec::Vim(spec) => vim(spec).cost(classes),
    }
}

/// What the rows of a model's position table belong to.
pub fn position_layout(spec: &ModelSpec) -> PositionLayout {
    match spec {
        ModelSpec::Vim(spec) => PositionLayout::of(&vim(spec)),
    }
}

/// Channels, height and width of the images that a model takes.
pub fn input_shape(spec: &ModelSpec) -> [usize; 3] {
    match spec {
        ModelSpec::Vim(spec) => [spec.channels, spec.image_size, spec.image_size],
    }
}

fn vim(spec: &config::Vim) -> VimConfig {
    VimConfig {
        image_size: spec.image_size,
        patch_size: spec.patch_size,
        stride: spec.stride,
        channels: spec.channels,
        depth: spec.depth,
        mamba: mamba(spec),
        backward: match spec.bimamba {
            config::Scan::None => None,
            config::Scan::V1 => Some(BackwardBranch::SharedParameters),
            config::Scan::V2 => Some(BackwardBranch::OwnParameters {
                dt_bias: match spec.paper_dt_init_backward {
                    true => DtBias::Zero,
                    false => DtBias::InverseSoftplus,
                },
            }),
        },
        divide_out: spec.divide_out,
        class_token: match spec.class_token {
            config::ClassToken::Middle => ClassToken::Middle,
            config::ClassToken::Head => ClassToken::Head,
            config::ClassToken::Double => ClassToken::Double,
            config::ClassToken::None => ClassToken::None,
        },
        pool: match spec.pool {
            config::Pool::Mean => Pool::Mean,
            config::Pool::Max => Pool::Max,
        },
        abs_pos_embed: spec.abs_pos_embed,
        rms_norm: spec.rms_norm,
        norm_epsilon: spec.norm_epsilon,
        residual_in_fp32: spec.residual_in_fp32,
        drop_rate: spec.drop_rate,
        drop_path_rate: spec.drop_path_rate,
    }
}

fn mamba(spec: &config::Vim) -> MambaConfig {
    MambaConfig {
        d_model: spec.embed_dim,
        d_state: spec.d_state,
        d_conv: spec.d_conv,
        expand: spec.expand,
        dt_rank: match spec.dt_rank {
            config::DtRank::Auto => None,
            config::DtRank::Fixed(rank) => Some(rank),
        },
        dt_min: spec.dt_min,
        dt_max: spec.dt_max,
        dt_init: match spec.dt_init {
            config::DtInit::Random => DtInit::Random,
            config::DtInit::Constant => DtInit::Constant,
        },
        dt_scale: spec.dt_scale,
        dt_init_floor: spec.dt_init_floor,
        conv_bias: spec.conv_bias,
        bias: spec.bias,
        layer_scale: spec.init_layer_scale,
        out_scale: 1.0,
    }
}

//! `[model]`: specification to backbone.

use elapid_config::{self as config, ModelSpec};
use elapid_models::checkpoint::PositionLayout;
use elapid_models::{
    ClassToken, Cost, ImageBackbone, ImageClassifier, ImageSegmenter, PatchPretrainer, Pool,
    SegmenterConfig, SegmenterHead, SoundClassifier, SsambaConfig, TapValue, TokenPool, Vim,
    VimConfig,
};
use elapid_nn::Init;
use elapid_nn::mixer::{BackwardBranch, DtBias, DtInit, MambaConfig};

use super::PlanError;
use super::series::{SeriesInput, series_cost};

/// The image backbone that a plan names.
///
/// # Errors
///
/// If the backbone takes something else than images; so for all functions of images below.
pub fn image_backbone(init: &mut Init, spec: &ModelSpec) -> Result<ImageBackbone, PlanError> {
    match spec {
        ModelSpec::Vim(spec) => Ok(ImageBackbone::Vim(Vim::new(init, &vim(spec)))),
        _ => Err(not_of_images(spec)),
    }
}

/// Backbone and linear head.
pub fn image_classifier(
    init: &mut Init,
    spec: &ModelSpec,
    classes: usize,
) -> Result<ImageClassifier, PlanError> {
    let backbone = image_backbone(init, spec)?;
    Ok(ImageClassifier::new(init, backbone, classes))
}

/// Backbone and dense head.
pub fn image_segmenter(
    init: &mut Init,
    spec: &ModelSpec,
    task: &config::Segment,
    classes: usize,
) -> Result<ImageSegmenter, PlanError> {
    let backbone = image_backbone(init, spec)?;
    let config = SegmenterConfig {
        head: match task.head {
            config::DenseHead::Light => SegmenterHead::Light,
            config::DenseHead::UperNet => SegmenterHead::UperNet,
        },
        taps: task.taps,
        value: match task.tap_value {
            config::TapValue::Hidden => TapValue::Hidden,
            config::TapValue::Residual => TapValue::Residual,
        },
        width: task.width.unwrap_or(backbone.width()),
        dropout: task.dropout,
        auxiliary: (task.aux_weight > 0.0).then_some(task.aux_width),
    };
    Ok(ImageSegmenter::new(init, backbone, &config, classes))
}

/// What a forward pass of one sample costs, of images and sounds with a linear head, of series with the sizes of the data.
pub fn cost(spec: &ModelSpec, classes: usize, series: SeriesInput) -> Cost {
    match spec {
        ModelSpec::Vim(spec) => vim(spec).cost(classes),
        ModelSpec::Ssamba(spec) => ssamba(spec).cost(classes),
        ModelSpec::SMamba(_)
        | ModelSpec::RLinear(_)
        | ModelSpec::DLinear(_)
        | ModelSpec::TimeMachine(_)
        | ModelSpec::CausalMamba(_)
        | ModelSpec::MambaSl(_) => series_cost(spec, series, classes),
        // That depends on the graphs.
        ModelSpec::GraphMamba(_) | ModelSpec::Gmn(_) | ModelSpec::NeuralWalker(_) => {
            Cost::default()
        }
    }
}

/// What the rows of a model's position table belong to.
pub fn position_layout(spec: &ModelSpec) -> Result<PositionLayout, PlanError> {
    match spec {
        ModelSpec::Vim(spec) => Ok(PositionLayout::of(&vim(spec))),
        _ => Err(not_of_images(spec)),
    }
}

/// Channels, height and width of the images that a model takes.
pub fn input_shape(spec: &ModelSpec) -> Result<[usize; 3], PlanError> {
    match spec {
        ModelSpec::Vim(spec) => Ok([spec.channels, spec.image_size, spec.image_size]),
        _ => Err(not_of_images(spec)),
    }
}

/// The encoder of spectrograms that a plan names.
///
/// # Errors
///
/// If the backbone takes something else than sounds.
pub fn sound_encoder(spec: &ModelSpec) -> Result<SsambaConfig, PlanError> {
    match spec {
        ModelSpec::Ssamba(spec) => Ok(ssamba(spec)),
        _ => Err(PlanError(format!(
            "the backbone `{}` takes no sounds; use `backbone = \"ssamba\"` in [model], or a data set that it is for",
            spec.name()
        ))),
    }
}

/// Encoder and head on its pooled tokens.
///
/// # Errors
///
/// As [`sound_encoder`].
pub fn sound_classifier(
    init: &mut Init,
    spec: &ModelSpec,
    pool: Option<config::TokenPool>,
    classes: usize,
) -> Result<SoundClassifier, PlanError> {
    let pool = match pool {
        None | Some(config::TokenPool::AvgTok) => TokenPool::Mean,
        Some(config::TokenPool::Cls) => TokenPool::ClassToken,
    };
    Ok(SoundClassifier::new(
        init,
        &sound_encoder(spec)?,
        pool,
        classes,
    ))
}

/// Encoder and heads of pretraining.
///
/// # Errors
///
/// As [`sound_encoder`].
pub fn patch_pretrainer(
    init: &mut Init,
    spec: &ModelSpec,
    task: &config::PretrainPatches,
) -> Result<PatchPretrainer, PlanError> {
    let encoder = sound_encoder(spec)?;
    if encoder.stride != encoder.patch {
        let ([f, t], [pf, pt]) = (encoder.stride, encoder.patch);
        return Err(PlanError(format!(
            "`stride` in [model] is [{f}, {t}], but pretraining tells patches apart that lie side by side; leave `stride` out, or make it `patch`, [{pf}, {pt}]"
        )));
    }
    Ok(PatchPretrainer::new(init, &encoder, task.reconstruction))
}

fn not_of_images(spec: &ModelSpec) -> PlanError {
    PlanError(format!(
        "the backbone `{}` takes no images; use `backbone = \"vim\"` in [model], or a data set that it is for",
        spec.name()
    ))
}

fn ssamba(spec: &config::Ssamba) -> SsambaConfig {
    SsambaConfig {
        bins: spec.bins,
        frames: spec.frames,
        patch: spec.patch,
        stride: spec.stride,
        depth: spec.depth,
        mamba: MambaConfig {
            d_state: spec.d_state,
            d_conv: spec.d_conv,
            expand: spec.expand,
            ..MambaConfig::new(spec.embed_dim)
        },
        heads: heads(spec.mixer, spec.heads),
        official_quirks: spec.official_quirks,
        norm_epsilon: spec.norm_epsilon,
        drop_path_rate: spec.drop_path_rate,
    }
}

fn heads(mixer: config::VimMixer, heads: usize) -> Option<usize> {
    (mixer == config::VimMixer::Attention).then_some(heads)
}

fn vim(spec: &config::Vim) -> VimConfig {
    VimConfig {
        image_size: spec.image_size,
        patch_size: spec.patch_size,
        stride: spec.stride,
        channels: spec.channels,
        depth: spec.depth,
        mamba: mamba(spec),
        heads: heads(spec.mixer, spec.heads),
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

//! `[model]` with `backbone = "vim"`.
//!
//! Names and defaults are those of the official code (hustvl/Vim, vim_tiny), spelt without its
//! `if_` prefixes.

use serde::{Serialize, Serializer};

use crate::document::{Raw, string_text};
use crate::error::{ConfigError, ErrorKind};
use crate::options::{choice, options};
use crate::range::{FRACTION, Range, above, within};
use crate::reader::SectionReader;
use crate::value::{Form, Kind, Problem, Value};

/// Counts of pixels, channels, layers: bounded so that no product of a few can overflow.
const SIZE: Range = within(1.0, 65_536.0);

options! {
    /// Vision Mamba (arXiv:2401.09417).
    pub struct Vim, checked by sizes_agree {
        /// A published size: sets `embed_dim` and `depth` where they are left out.
        size: Option<VimSize> = unset;
        /// Height and width of the input, in pixels.
        image_size: usize = 224, SIZE;
        /// Height and width of a patch, in pixels.
        patch_size: usize = 16, SIZE;
        /// Distance between neighbouring patches, in pixels; below `patch_size` they overlap.
        stride: usize = ("`patch_size`", patch_size), SIZE;
        /// Channels of the input image.
        channels: usize = 3, SIZE;
        /// Width of a token.
        embed_dim: usize = ("192, or from `size`", size.map_or(192, VimSize::embed_dim)), SIZE;
        /// Number of blocks.
        depth: usize = ("24, or from `size`", size.map_or(24, VimSize::depth)), SIZE;
        /// What mixes the tokens.
        mixer: VimMixer = "mamba";
        /// Heads of `mixer = "attention"`.
        heads: usize = ("`embed_dim` / 64", (embed_dim / 64).max(1)), SIZE;
        /// States per inner channel.
        d_state: usize = 16, within(1.0, 256.0);
        /// Taps of the causal convolution.
        d_conv: usize = 4, within(1.0, 64.0);
        /// Inner channels per channel of a token.
        expand: usize = 2, within(1.0, 64.0);
        /// Rank of the step-size projection; `"auto"` is `embed_dim` / 16, rounded up.
        dt_rank: DtRank = "auto", SIZE;
        /// Smallest step size at initialisation.
        dt_min: f64 = 0.001, above(0.0);
        /// Largest step size at initialisation.
        dt_max: f64 = 0.1, above(0.0);
        /// How the weight of the step-size projection starts.
        dt_init: DtInit = "random";
        /// Factor on that starting weight.
        dt_scale: f64 = 1.0, above(0.0);
        /// Step sizes drawn below this start at it.
        dt_init_floor: f64 = 1e-4, above(0.0);
        /// Bias in the convolutions.
        conv_bias: bool = true;
        /// Bias in the input and output projections.
        bias: bool = false;
        /// In which directions a block scans, and what the directions share.
        bimamba: Scan = "v2";
        /// Halve the sum of the two directions (official `if_divide_out`).
        divide_out: bool = true;
        /// Where the class token stands among the patches.
        class_token: ClassToken = "middle";
        /// How tokens become one vector when there is no class token.
        pool: Pool = "mean";
        /// Learned absolute position embedding.
        abs_pos_embed: bool = true;
        /// RMSNorm; otherwise LayerNorm.
        rms_norm: bool = true;
        /// Added to the variance inside every norm.
        norm_epsilon: f64 = 1e-5, above(0.0);
        /// Keep the residual stream in fp32.
        residual_in_fp32: bool = true;
        /// Dropout after the position embedding.
        drop_rate: f64 = 0.0, FRACTION;
        /// Drop path of the last block; it grows linearly from 0 at the first.
        drop_path_rate: f64 = 0.0, FRACTION;
        /// Start of a learned scale on each block's output; left out, there is none.
        init_layer_scale: Option<f64> = unset, above(0.0);
        /// Start the backward direction's step-size bias at 0 as the official code does; false
        /// starts it like the forward direction's.
        paper_dt_init_backward: bool = true;
    }
}

choice! {
    /// What mixes the tokens of Vim and SSAMBA.
    pub enum VimMixer {
        /// Selective state spaces.
        Mamba = "mamba",
        /// Self-attention, followed by a perceptron of four times the width: a ViT of `depth` layers, to compare with. The
        /// options of Mamba have no effect then.
        Attention = "attention",
    }
}

choice! {
    /// The published sizes of Vim and SSAMBA.
    pub enum VimSize {
        /// 192 wide, 24 deep.
        Tiny = "tiny",
        /// 384 wide, 24 deep.
        Small = "small",
        /// 768 wide, 24 deep.
        Base = "base",
    }
}

impl VimSize {
    /// Width of a token.
    pub fn embed_dim(self) -> usize {
        match self {
            Self::Tiny => 192,
            Self::Small => 384,
            Self::Base => 768,
        }
    }

    /// Number of blocks.
    pub fn depth(self) -> usize {
        24
    }
}

choice! {
    /// How the weight of the step-size projection starts.
    pub enum DtInit {
        /// Uniform in ± dt_scale / √dt_rank.
        Random = "random",
        /// dt_scale / √dt_rank everywhere.
        Constant = "constant",
    }
}

choice! {
    /// In which directions a block scans.
    pub enum Scan {
        /// Forward only.
        None = "none",
        /// Both, sharing everything but the state matrix.
        V1 = "v1",
        /// Both, each with its own convolution, projections and state matrix.
        V2 = "v2",
    }
}

choice! {
    /// Where the class token stands.
    pub enum ClassToken {
        /// Between the two halves of the patches.
        Middle = "middle",
        /// Before all patches.
        Head = "head",
        /// One at each end.
        Double = "double",
        /// Nowhere.
        None = "none",
    }
}

choice! {
    /// How tokens become one vector.
    pub enum Pool {
        /// Their mean.
        Mean = "mean",
        /// Their largest value in each channel.
        Max = "max",
    }
}

/// Rank of the step-size projection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DtRank {
    /// A sixteenth of the token's width, rounded up.
    Auto,
    /// This rank.
    Fixed(usize),
}

impl Value for DtRank {
    const KIND: Kind = Kind::new(Form::IntegerOrAuto, "integer or `\"auto\"`", "\"auto\"");

    fn from_raw(raw: &Raw) -> Result<Self, Problem> {
        match raw {
            Raw::String(text) if text == "auto" => Ok(Self::Auto),
            raw => usize::from_raw(raw).map(Self::Fixed),
        }
    }

    fn to_toml(&self) -> Option<String> {
        match self {
            Self::Auto => Some(string_text("auto")),
            Self::Fixed(rank) => rank.to_toml(),
        }
    }

    fn numbers(&self) -> Vec<f64> {
        match self {
            Self::Auto => Vec::new(),
            Self::Fixed(rank) => rank.numbers(),
        }
    }
}

/// As in TOML: the string `auto` or an integer.
impl Serialize for DtRank {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str("auto"),
            Self::Fixed(rank) => rank.serialize(serializer),
        }
    }
}

/// Refuses heads that do not share the width evenly.
pub(super) fn heads_divide(
    mixer: VimMixer,
    width: usize,
    heads: usize,
    section: &SectionReader<'_>,
) -> Result<(), ConfigError> {
    if mixer == VimMixer::Mamba || width.is_multiple_of(heads) {
        return Ok(());
    }
    let message = format!("`embed_dim` {width} is no multiple of `heads` {heads}");
    let error = section.error(ErrorKind::Conflict, &["heads", "embed_dim"], message);
    Err(error.hint("every head has an equal share of the width"))
}

fn sizes_agree(vim: &Vim, section: &SectionReader<'_>) -> Result<(), ConfigError> {
    let conflict = |keys: &[&str], message: String, hint: &str| {
        Err(section.error(ErrorKind::Conflict, keys, message).hint(hint))
    };
    if vim.image_size < vim.patch_size {
        let message = format!(
            "`image_size` {} is below `patch_size` {}",
            vim.image_size, vim.patch_size
        );
        let hint = "at least one patch must fit into the image";
        return conflict(&["patch_size", "image_size"], message, hint);
    }
    if vim.stride > vim.patch_size {
        let message = format!(
            "`stride` {} is above `patch_size` {}",
            vim.stride, vim.patch_size
        );
        let hint = "pixels between the patches would be lost; leave `stride` out for patches side \
                    by side";
        return conflict(&["stride", "patch_size"], message, hint);
    }
    heads_divide(vim.mixer, vim.embed_dim, vim.heads, section)?;
    if vim.dt_min > vim.dt_max {
        let message = format!("`dt_min` {} is above `dt_max` {}", vim.dt_min, vim.dt_max);
        return conflict(
            &["dt_min", "dt_max"],
            message,
            "step sizes are drawn between the two",
        );
    }
    if vim.pool == Pool::Max && vim.class_token != ClassToken::None {
        let message = format!(
            "`pool = \"max\"` has no effect with `class_token = \"{}\"`",
            vim.class_token
        );
        let hint = "set `class_token = \"none\"` to pool, or leave `pool` out";
        return conflict(&["pool"], message, hint);
    }
    Ok(())
}

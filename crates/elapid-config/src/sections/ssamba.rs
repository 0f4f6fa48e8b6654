//! `[model]` with `backbone = "ssamba"`.
//!
//! Defaults are those of the official training scripts (SiavashShams/ssamba), but for `official_quirks`.

use crate::error::{ConfigError, ErrorKind};
use crate::options::options;
use crate::range::{FRACTION, Range, above, within};
use crate::reader::SectionReader;
use crate::sections::vim::heads_divide;
use crate::sections::{VimMixer, VimSize};

/// Counts of bins, frames, channels, layers: bounded so that no product of a few can overflow.
const SIZE: Range = within(1.0, 65_536.0);

options! {
    /// Self-supervised audio Mamba (arXiv:2405.11831).
    pub struct Ssamba, checked by sizes_agree {
        /// A published size: sets `embed_dim` and `depth` where they are left out.
        size: Option<VimSize> = unset;
        /// Mel bins of the spectrogram.
        bins: usize = 128, SIZE;
        /// Frames of the spectrogram; longer sounds are cut, shorter ones padded.
        frames: usize = 1024, SIZE;
        /// Bins and frames of a patch.
        patch: [usize; 2] = [16, 16], SIZE;
        /// Bins and frames from a patch to the next; below `patch` they overlap.
        stride: [usize; 2] = ("`patch`", patch), SIZE;
        /// Width of a token.
        embed_dim: usize = ("192, or from `size`", size.map_or(192, VimSize::embed_dim)), SIZE;
        /// Number of blocks.
        depth: usize = ("24, or from `size`", size.map_or(24, VimSize::depth)), SIZE;
        /// What mixes the tokens; `"attention"` with `depth = 12` is the transformer of SSAST.
        mixer: VimMixer = "mamba";
        /// Heads of `mixer = "attention"`.
        heads: usize = ("`embed_dim` / 64", (embed_dim / 64).max(1)), SIZE;
        /// States per inner channel.
        d_state: usize = 16, within(1.0, 256.0);
        /// Taps of the causal convolution.
        d_conv: usize = 4, within(1.0, 64.0);
        /// Inner channels per channel of a token.
        expand: usize = 2, within(1.0, 64.0);
        /// Compute as the official code does, for its checkpoints: blocks in pairs, whose second member sees the tokens in
        /// reverse order, so that the residual stream doubles with each pair, and the last norm twice. False is a plain
        /// stack of bidirectional blocks.
        official_quirks: bool = false;
        /// Added to the variance inside every norm.
        norm_epsilon: f64 = 1e-5, above(0.0);
        /// Drop path of the last block; it grows linearly from 0 at the first.
        drop_path_rate: f64 = 0.1, FRACTION;
    }
}

fn sizes_agree(model: &Ssamba, section: &SectionReader<'_>) -> Result<(), ConfigError> {
    let conflict = |keys: &[&str], message: String, hint: &str| {
        Err(section.error(ErrorKind::Conflict, keys, message).hint(hint))
    };
    let axes = [("bins", model.bins), ("frames", model.frames)];
    for (axis, (name, size)) in axes.into_iter().enumerate() {
        let (patch, stride) = (model.patch[axis], model.stride[axis]);
        if size < patch {
            let message = format!("`{name}` {size} is below {patch}, its part of `patch`");
            let hint = "at least one patch must fit into the spectrogram";
            return conflict(&["patch", name], message, hint);
        }
        if stride > patch {
            let message = format!("`stride` {stride} is above {patch} in `patch`, along {name}");
            let hint = "values between the patches would be lost; leave `stride` out for patches \
                        side by side";
            return conflict(&["stride", "patch"], message, hint);
        }
    }
    heads_divide(model.mixer, model.embed_dim, model.heads, section)?;
    if model.official_quirks && model.mixer == VimMixer::Attention {
        let message =
            "`official_quirks` are those of Mamba blocks in pairs, but `mixer` is `\"attention\"`";
        return conflict(
            &["official_quirks", "mixer"],
            message.to_owned(),
            "leave one of them out",
        );
    }
    if model.official_quirks && model.depth % 2 == 1 {
        let message = format!(
            "`depth` {} is odd, but with `official_quirks` blocks come in pairs",
            model.depth
        );
        return conflict(&["depth", "official_quirks"], message, "make it even");
    }
    Ok(())
}

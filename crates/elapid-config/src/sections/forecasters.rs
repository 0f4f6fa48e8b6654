//! `[model]` of series: forecasters, and the classifier of whole series.
//!
//! Defaults are those of the official programs, named beside each model.

use crate::error::{ConfigError, ErrorKind};
use crate::options::{choice, options};
use crate::range::{FRACTION, Range, within};
use crate::reader::SectionReader;

/// Counts of steps, variates, channels, layers: bounded so that no product of a few can overflow.
const SIZE: Range = within(1.0, 65_536.0);
/// Steps of a lookback.
const STEPS: Range = within(1.0, 1_048_576.0);
/// States per channel.
const STATES: Range = within(1.0, 256.0);
/// Taps of a causal convolution, and inner channels per channel.
const FEW: Range = within(1.0, 64.0);

choice! {
    /// What is taken out of each series in front of a model, and put back behind it. Statistics are over the lookback.
    pub enum SeriesNorm {
        /// Nothing.
        None = "none",
        /// Mean and standard deviation, as S-Mamba and iTransformer.
        Instance = "instance",
        /// The same, without gradients through either.
        InstanceDetached = "instance_detached",
        /// The same, then a learned gain and offset of each variate (RevIN).
        RevinAffine = "revin_affine",
        /// The last value.
        LastValue = "last_value",
        /// The mean.
        MeanOnly = "mean_only",
    }
}

options! {
    /// S-Mamba (arXiv:2403.11144; wzhwzhwzh0921/S-D-Mamba).
    pub struct SMamba {
        /// Steps that a forecast is made from.
        lookback: usize = 96, STEPS;
        /// Steps that are forecast.
        horizon: usize = 96, SIZE;
        /// Variates of a series; left out, the data set's.
        variates: Option<usize> = unset, SIZE;
        /// Width of a token.
        d_model: usize = 512, SIZE;
        /// Inner width of the feed-forward part.
        d_ff: usize = ("`d_model`, as the official scripts", d_model), SIZE;
        /// Number of layers.
        layers: usize = 2, SIZE;
        /// States per inner channel.
        d_state: usize = 32, STATES;
        /// Taps of the causal convolution.
        d_conv: usize = 2, FEW;
        /// Inner channels per channel of a token.
        expand: usize = 1, FEW;
        /// Dropout behind the embedding and in the feed-forward part.
        dropout: f64 = 0.1, FRACTION;
        /// Normalise each series by its own statistics.
        use_norm: bool = true;
        /// By which.
        norm: SeriesNorm = ("`instance`; `none` where `use_norm` is false", norm_of(use_norm));
    }
}

fn norm_of(use_norm: bool) -> SeriesNorm {
    match use_norm {
        true => SeriesNorm::Instance,
        false => SeriesNorm::None,
    }
}

options! {
    /// RLinear (arXiv:2305.10721): the control that a model must beat.
    pub struct RLinear {
        /// Steps that a forecast is made from.
        lookback: usize = 96, STEPS;
        /// Steps that are forecast.
        horizon: usize = 96, SIZE;
        /// Variates of a series; left out, the data set's.
        variates: Option<usize> = unset, SIZE;
        /// Normalisation of each series.
        norm: SeriesNorm = "revin_affine";
        /// Dropout of the normalised lookback.
        dropout: f64 = 0.0, FRACTION;
    }
}

options! {
    /// DLinear (arXiv:2205.13504; thuml/Time-Series-Library).
    pub struct DLinear, checked by average_is_odd {
        /// Steps that a forecast is made from.
        lookback: usize = 96, STEPS;
        /// Steps that are forecast.
        horizon: usize = 96, SIZE;
        /// Variates of a series; left out, the data set's.
        variates: Option<usize> = unset, SIZE;
        /// Steps of the moving average that is the trend; an odd number.
        moving_avg: usize = 25, SIZE;
        /// Maps of its own for each variate.
        individual: bool = false;
    }
}

fn average_is_odd(model: &DLinear, section: &SectionReader<'_>) -> Result<(), ConfigError> {
    if model.moving_avg % 2 == 1 {
        return Ok(());
    }
    let message = format!(
        "`moving_avg` {} is even, and has no step in its middle",
        model.moving_avg
    );
    let error = section.error(ErrorKind::Conflict, &["moving_avg"], message);
    Err(error.hint(format!("use {}", model.moving_avg + 1)))
}

options! {
    /// TimeMachine (arXiv:2403.09898; Atik-Ahamed/TimeMachine).
    pub struct TimeMachine {
        /// Steps that a forecast is made from.
        lookback: usize = 96, STEPS;
        /// Steps that are forecast.
        horizon: usize = 96, SIZE;
        /// Variates of a series; left out, the data set's.
        variates: Option<usize> = unset, SIZE;
        /// Width of the finer embedding, official n1.
        fine: usize = 256, SIZE;
        /// Width of the coarser embedding, official n2.
        coarse: usize = 128, SIZE;
        /// Variates are series of their own, official ch_ind; otherwise they are the tokens.
        independent: bool = true;
        /// Add the embeddings to what is made of them.
        residual: bool = true;
        /// States per inner channel.
        d_state: usize = 256, STATES;
        /// Taps of the causal convolutions.
        d_conv: usize = 2, FEW;
        /// Inner channels per channel.
        expand: usize = 1, FEW;
        /// Dropout behind both embeddings.
        dropout: f64 = 0.05, FRACTION;
        /// Normalisation of each series; official revin = 0 is `instance`.
        norm: SeriesNorm = "revin_affine";
    }
}

options! {
    /// A causal scan over time whose state can be carried from window to window.
    pub struct CausalMamba, checked by patches_fit {
        /// Steps that a forecast is made from.
        lookback: usize = 512, STEPS;
        /// Steps that are forecast.
        horizon: usize = 96, SIZE;
        /// Variates of a series; left out, the data set's.
        variates: Option<usize> = unset, SIZE;
        /// Time marks of a step; left out, the data set's.
        marks: Option<usize> = unset, within(0.0, 65_536.0);
        /// Steps of a patch, which is a token; `lookback` is a multiple of it.
        patch: usize = 8, SIZE;
        /// Width of a token.
        d_model: usize = 128, SIZE;
        /// Number of blocks.
        layers: usize = 4, SIZE;
        /// States per inner channel.
        d_state: usize = 16, STATES;
        /// Taps of the causal convolution.
        d_conv: usize = 4, FEW;
        /// Inner channels per channel of a token.
        expand: usize = 2, FEW;
        /// Dropout behind the embedding and of every block's output.
        dropout: f64 = 0.1, FRACTION;
        /// Normalisation of each series.
        norm: SeriesNorm = "instance_detached";
        /// Steps at the start of the lookback that its statistics are taken from; training counts the forecast from every
        /// patch from there on. Below `lookback`, forecasts of a series that goes on are made as they were trained.
        norm_steps: usize = ("`lookback`", lookback), STEPS;
    }
}

fn patches_fit(model: &CausalMamba, section: &SectionReader<'_>) -> Result<(), ConfigError> {
    let (lookback, patch) = (model.lookback, model.patch);
    if !lookback.is_multiple_of(patch) {
        let message =
            format!("`lookback` {lookback} is no multiple of {patch}, the steps of a `patch`");
        let error = section.error(ErrorKind::Conflict, &["patch", "lookback"], message);
        let below = (lookback / patch).max(1) * patch;
        return Err(error.hint(format!("use `lookback = {below}`, or another `patch`")));
    }
    if model.norm_steps > lookback {
        let message = format!(
            "`norm_steps` {} is above `lookback`, {lookback}",
            model.norm_steps
        );
        let error = section.error(ErrorKind::Conflict, &["norm_steps", "lookback"], message);
        return Err(error.hint("leave it out, or make it smaller"));
    }
    Ok(())
}

options! {
    /// MambaSL (thuml/Time-Series-Library, models/MambaSingleLayer.py).
    pub struct MambaSl, checked by width_is_even {
        /// Variates of a series; left out, the data set's.
        variates: Option<usize> = unset, SIZE;
        /// Width of a token, an even number.
        d_model: usize = 128, SIZE;
        /// States per inner channel, official d_ff.
        d_state: usize = 8, STATES;
        /// What of the scan follows from its input; the rest is constant. Official tv_dt, tv_B and tv_C.
        varying: Varying = "all";
        /// A skip coefficient in the scan, official use_D.
        skip: bool = false;
        /// Taps of the causal convolution.
        d_conv: usize = 4, FEW;
        /// Inner channels per channel of a token.
        expand: usize = 1, FEW;
        /// Taps of the embedding, official num_kernels.
        kernel: usize = 3, SIZE;
        /// Weights that the pooling over time takes the largest of, official n_heads.
        heads: usize = 8, SIZE;
        /// Dropout behind the embedding and in front of the scores.
        dropout: f64 = 0.1, FRACTION;
    }
}

choice! {
    /// What of a selective scan follows from its input: step size, input matrix B, output matrix C.
    pub enum Varying {
        /// Nothing.
        None = "none",
        /// Step size.
        Dt = "dt",
        /// B.
        B = "b",
        /// C.
        C = "c",
        /// Step size and B.
        DtB = "dt_b",
        /// Step size and C.
        DtC = "dt_c",
        /// B and C.
        BC = "b_c",
        /// All three.
        All = "all",
    }
}

fn width_is_even(model: &MambaSl, section: &SectionReader<'_>) -> Result<(), ConfigError> {
    if model.d_model.is_multiple_of(2) {
        return Ok(());
    }
    let message = format!(
        "`d_model` {} is odd, but its positions come in pairs",
        model.d_model
    );
    let error = section.error(ErrorKind::Conflict, &["d_model"], message);
    Err(error.hint("make it even"))
}

//! `[train]`: how long, in what batches, and how often to save.

use serde::{Serialize, Serializer};

use crate::document::{Raw, string_text};
use crate::error::{ConfigError, ErrorKind};
use crate::interval::Interval;
use crate::options::{choice, options};
use crate::range::{FRACTION, above, at_least};
use crate::reader::SectionReader;
use crate::value::{Form, Kind, Problem, Value};

options! {
    /// Length, batches and checkpoints.
    pub struct Train, checked by has_one_length {
        /// Passes over the training data; either this or `steps`.
        epochs: Option<u64> = unset, at_least(1.0);
        /// Optimiser steps; either this or `epochs`.
        steps: Option<u64> = unset, at_least(1.0);
        /// Examples in one optimiser step.
        batch_size: usize = required, at_least(1.0);
        /// Examples that are processed at a time, to save memory: the gradients of the parts of a batch are added
        /// with their shares, so a step is that of the whole batch; left out, all at once. `"auto"` takes the largest
        /// power-of-two part of the batch that fits into memory, found out before the first step.
        micro_batch: Option<MicroBatch> = unset, at_least(1.0);
        /// Number format of matrix products and stored activations.
        precision: Precision = "fp32";
        /// Steps as hardware graphs.
        graph: Graph = "auto";
        /// Weights to start from: a file of official names (.safetensors, .pth, .pt, .bin), a `.bpk` of elapid, a checkpoint, or
        /// a run, of which the best checkpoint is taken. A head for another number of classes is left out, and positions
        /// are resized. Left out, weights are drawn.
        init_from: Option<String> = unset;
        /// How positions of another image size are resized.
        init_positions: InitPositions = "grid";
        /// Parameters that stay as they are.
        freeze: Option<Frozen> = unset;
        /// How long they do; left out, for the whole run.
        unfreeze: Option<Interval> = unset, above(0.0);
        /// What the learning rate is multiplied by for each layer further from the head, as in fine-tuning; left out, all
        /// layers learn alike.
        layer_decay: Option<f64> = unset, FRACTION;
        /// What the learning rate of embeddings, positions and class tokens is multiplied by, besides.
        input_lr_factor: f64 = 1.0, above(0.0);
        /// What the learning rate of the head is multiplied by.
        head_lr_factor: f64 = 1.0, above(0.0);
        /// Decay of an exponential moving average of the weights, which is evaluated in their place; left out, there is
        /// none. Early steps decay faster.
        ema: Option<f64> = unset, FRACTION;
        /// Steps that may be left out because their loss or gradient is not finite: the run repeats all others since its
        /// last checkpoint. One more, and it goes on from there at half the learning rate, three times at most; 0
        /// stops at the first.
        max_skips: usize = 5, at_least(0.0);
        /// Validations without a better value of `eval.best` after which the run ends early; left out, it makes all its steps.
        patience: Option<u64> = unset, at_least(1.0);
        /// Minutes after which a process stops with a checkpoint; `elapid resume` goes on.
        max_minutes: Option<f64> = unset, above(0.0);
        /// How often to save a checkpoint.
        checkpoint: Interval = "1 epoch", above(0.0);
        /// How many of the checkpoints with the best validations to keep.
        keep_best: usize = 1, at_least(1.0);
        /// Checkpoints to keep besides the best.
        keep_last: usize = 2, at_least(1.0);
        /// How often a checkpoint is kept for good; left out, never.
        keep_every: Option<Interval> = unset, above(0.0);
    }
}

choice! {
    /// Number format of matrix products and stored activations.
    pub enum Precision {
        /// 32-bit floats everywhere.
        Fp32 = "fp32",
        /// bf16 matrix products and stored activations; parameters, statistics of norms, states of scans, the
        /// residual stream, loss and optimiser stay in 32 bits. Needs a device with bf16.
        Bf16 = "bf16",
        /// As `bf16`, in fp16, with dynamic loss scaling: a step whose gradients overflow is not made, and the scale
        /// halved. For devices without bf16.
        Fp16 = "fp16",
    }
}

choice! {
    /// Steps as hardware graphs.
    pub enum Graph {
        /// A step is recorded once and then launched as a whole, where the device can: with a small model the host is
        /// the slower part. Losses are the same.
        Auto = "auto",
        /// Every operation is launched for itself.
        Off = "off",
    }
}

choice! {
    /// How positions of another image size are resized.
    pub enum InitPositions {
        /// Those of the patches as a picture, by bicubic interpolation; those of class tokens stay.
        Grid = "grid",
        /// The same, taking the first rows for those of the class tokens wherever these stand, as the official code of Vim does.
        Official = "official",
    }
}

choice! {
    /// Parameters that stay as they are.
    pub enum Frozen {
        /// All but the head.
        Backbone = "backbone",
        /// Embeddings, positions and class tokens.
        Input = "input",
        /// The dynamics of the state-space layers: `A_log`, `D` and the projections of the step size.
        Ssm = "ssm",
    }
}

/// Examples that are processed at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MicroBatch {
    /// As many as fit into memory.
    Auto,
    /// So many.
    Of(usize),
}

impl Value for MicroBatch {
    const KIND: Kind = Kind::new(Form::IntegerOrAuto, "integer or `\"auto\"`", "\"auto\"");

    fn from_raw(raw: &Raw) -> Result<Self, Problem> {
        match raw {
            Raw::String(text) if text == "auto" => Ok(Self::Auto),
            raw => usize::from_raw(raw).map(Self::Of),
        }
    }

    fn to_toml(&self) -> Option<String> {
        match self {
            Self::Auto => Some(string_text("auto")),
            Self::Of(samples) => samples.to_toml(),
        }
    }

    fn numbers(&self) -> Vec<f64> {
        match self {
            Self::Auto => Vec::new(),
            Self::Of(samples) => samples.numbers(),
        }
    }
}

/// As in TOML: the string `auto` or an integer.
impl Serialize for MicroBatch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str("auto"),
            Self::Of(samples) => samples.serialize(serializer),
        }
    }
}

impl Train {
    /// How long to train, from whichever of `epochs` and `steps` is set.
    pub fn length(&self) -> Interval {
        match (self.steps, self.epochs) {
            (Some(steps), _) => Interval::Steps(steps),
            (None, epochs) => Interval::Epochs(epochs.unwrap_or(0) as f64),
        }
    }
}

fn has_one_length(train: &Train, section: &SectionReader<'_>) -> Result<(), ConfigError> {
    match (train.epochs, train.steps) {
        (Some(_), Some(_)) => {
            let message = "`epochs` and `steps` in [train] both say how long to train";
            Err(section
                .error(ErrorKind::Conflict, &["steps", "epochs"], message)
                .hint("keep one of them"))
        }
        (None, None) => {
            let message = "[train] does not say how long to train";
            Err(section
                .error(ErrorKind::Missing, &[], message)
                .hint("add `epochs = 20` or `steps = 10000` under [train]"))
        }
        _ => Ok(()),
    }
}

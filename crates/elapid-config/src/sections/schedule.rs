//! `[schedule]`: the learning rate over the run.

use crate::interval::Interval;
use crate::options::{options, tagged};
use crate::range::{above, at_least};

tagged! {
    /// The learning rate over the run.
    pub enum ScheduleSpec {
        /// Which curve.
        tag: "kind" = "cosine";
        /// Linear warm-up, then half a cosine down to `min_lr`.
        "cosine" => Cosine(Cosine),
        /// Linear warm-up, then the peak learning rate.
        "constant" => Constant(Constant),
        /// Linear warm-up, then a straight line down to `min_lr`.
        "linear" => Linear(Linear),
        /// Linear warm-up, then a power of what is left of the run, down to `min_lr`.
        "polynomial" => Polynomial(Polynomial),
        /// Linear warm-up, then the peak, then a straight line down to `min_lr` (warm-up, stable, decay).
        "wsd" => Wsd(Wsd),
        /// Linear warm-up, then a drop by a factor every so often.
        "step" => Step(Step),
        /// Linear warm-up, then a drop by a factor whenever validation stops getting better.
        "plateau" => Plateau(Plateau),
        /// Up from a small rate along half a cosine, then down to a smaller one, over the whole run.
        "one_cycle" => OneCycle(OneCycle),
    }
}

options! {
    /// Linear warm-up, then half a cosine.
    pub struct Cosine {
        /// Length of the warm-up.
        warmup: Interval = "0 epochs", at_least(0.0);
        /// Learning rate at the start of the warm-up.
        warmup_lr: f64 = 1e-6, at_least(0.0);
        /// Learning rate at the end of the run.
        min_lr: f64 = 1e-5, at_least(0.0);
    }
}

options! {
    /// Linear warm-up, then the peak learning rate.
    pub struct Constant {
        /// Length of the warm-up.
        warmup: Interval = "0 epochs", at_least(0.0);
        /// Learning rate at the start of the warm-up.
        warmup_lr: f64 = 1e-6, at_least(0.0);
    }
}

options! {
    /// Linear warm-up, then a straight line.
    pub struct Linear {
        /// Length of the warm-up.
        warmup: Interval = "0 epochs", at_least(0.0);
        /// Learning rate at the start of the warm-up.
        warmup_lr: f64 = 1e-6, at_least(0.0);
        /// Learning rate at the end of the run.
        min_lr: f64 = 0.0, at_least(0.0);
    }
}

options! {
    /// Linear warm-up, then a power of what is left of the run.
    pub struct Polynomial {
        /// Length of the warm-up.
        warmup: Interval = "0 epochs", at_least(0.0);
        /// Learning rate at the start of the warm-up.
        warmup_lr: f64 = 1e-6, at_least(0.0);
        /// Learning rate at the end of the run.
        min_lr: f64 = 0.0, at_least(0.0);
        /// The power.
        power: f64 = 2.0, above(0.0);
        /// Count what is left from the first step of the run, and multiply the rates of the warm-up by it as well, as mmcv's `poly`
        /// does; otherwise it is counted from the end of the warm-up.
        whole_run: bool = false;
    }
}

options! {
    /// Linear warm-up, the peak, and a straight line at the end (arXiv 2404.06395).
    pub struct Wsd {
        /// Length of the warm-up.
        warmup: Interval = "0 epochs", at_least(0.0);
        /// Learning rate at the start of the warm-up.
        warmup_lr: f64 = 1e-6, at_least(0.0);
        /// Length of the line at the end of the run.
        decay: Interval = required, above(0.0);
        /// Learning rate at the end of the run.
        min_lr: f64 = 0.0, at_least(0.0);
    }
}

options! {
    /// Linear warm-up, then a drop every so often, as PyTorch's `StepLR`. Halving after every epoch but the first, the `type1`
    /// of forecasting benchmarks, is `first = "2 epochs"`, `every = "1 epoch"`, `gamma = 0.5`.
    pub struct Step {
        /// Length of the warm-up.
        warmup: Interval = "0 epochs", at_least(0.0);
        /// Learning rate at the start of the warm-up.
        warmup_lr: f64 = 1e-6, at_least(0.0);
        /// How often the rate drops, counted from the end of the warm-up.
        every: Interval = required, above(0.0);
        /// When it drops for the first time, counted likewise; left out, after `every`.
        first: Option<Interval> = unset, above(0.0);
        /// What it is multiplied by then.
        gamma: f64 = 0.1, above(0.0);
    }
}

options! {
    /// Linear warm-up, then a drop whenever validation stops getting better, as PyTorch's `ReduceLROnPlateau`.
    pub struct Plateau {
        /// Length of the warm-up.
        warmup: Interval = "0 epochs", at_least(0.0);
        /// Learning rate at the start of the warm-up.
        warmup_lr: f64 = 1e-6, at_least(0.0);
        /// What the rate is multiplied by.
        factor: f64 = 0.1, above(0.0);
        /// Validations without progress that are borne; `eval.best` says what is measured.
        patience: u64 = 10, at_least(0.0);
        /// Progress is a change by more than this share of the best value.
        threshold: f64 = 1e-4, at_least(0.0);
        /// The lowest learning rate.
        min_lr: f64 = 0.0, at_least(0.0);
    }
}

options! {
    /// One cycle (arXiv 1708.07120), as PyTorch's `OneCycleLR`.
    pub struct OneCycle {
        /// Share of the run in which the rate rises.
        rise: f64 = 0.3, above(0.0);
        /// The peak over the rate at the start.
        div_factor: f64 = 25.0, above(0.0);
        /// The rate at the start over the rate at the end.
        final_div_factor: f64 = 1e4, above(0.0);
    }
}

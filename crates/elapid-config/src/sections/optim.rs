//! `[optim]`: the optimiser.

use crate::options::{options, tagged};
use crate::range::{FRACTION, above, at_least};

tagged! {
    /// The optimiser.
    pub enum OptimSpec {
        /// Which optimiser.
        tag: "kind" = "adamw";
        /// Adam with decoupled weight decay (arXiv:1711.05101).
        "adamw" => AdamW(AdamW),
    }
}

options! {
    /// Adam with decoupled weight decay.
    pub struct AdamW {
        /// Peak learning rate.
        lr: f64 = 1e-3, above(0.0);
        /// Decay of the running mean of gradients and of that of their squares.
        betas: [f64; 2] = [0.9, 0.999], FRACTION;
        /// Added to the denominator.
        eps: f64 = 1e-8, above(0.0);
        /// Share of a weight removed in each step, per unit of learning rate.
        weight_decay: f64 = 0.05, at_least(0.0);
        /// Decay `A_log` too, as the official Vim recipe does.
        decay_ssm_a: bool = false;
        /// Largest global norm of the gradient; longer ones are scaled down to it. 0 turns
        /// clipping off.
        grad_clip: f64 = 1.0, at_least(0.0);
    }
}

impl AdamW {
    /// Largest global norm of the gradient, or `None` when clipping is off.
    pub fn clip_norm(&self) -> Option<f64> {
        (self.grad_clip > 0.0).then_some(self.grad_clip)
    }
}

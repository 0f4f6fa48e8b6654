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
        /// Adam as it was published (arXiv:1412.6980): weight decay is part of the gradient.
        "adam" => Adam(Adam),
        /// The sign of a running mean of gradients (arXiv:2302.06675). Its learning rate is about a tenth of AdamW's.
        "lion" => Lion(Lion),
        /// Orthogonalised momentum for the matrices between hidden states, AdamW for everything else.
        "muon" => Muon(Muon),
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

options! {
    /// Adam whose weight decay is part of the gradient, as `torch.optim.Adam`.
    pub struct Adam {
        /// Peak learning rate.
        lr: f64 = 1e-3, above(0.0);
        /// Decay of the running mean of gradients and of that of their squares.
        betas: [f64; 2] = [0.9, 0.999], FRACTION;
        /// Added to the denominator.
        eps: f64 = 1e-8, above(0.0);
        /// Share of a weight added to its gradient in each step.
        weight_decay: f64 = 0.0, at_least(0.0);
        /// Decay `A_log` too, as the official Vim recipe does.
        decay_ssm_a: bool = false;
        /// Decay every parameter, with biases, norms and positions, as PyTorch does where nobody says which.
        decay_all: bool = false;
        /// Largest global norm of the gradient; longer ones are scaled down to it. 0 turns
        /// clipping off.
        grad_clip: f64 = 1.0, at_least(0.0);
    }
}

options! {
    /// The sign of a running mean of gradients.
    pub struct Lion {
        /// Peak learning rate.
        lr: f64 = 1e-4, above(0.0);
        /// Weight of the running mean in a step, and decay of the running mean.
        betas: [f64; 2] = [0.9, 0.99], FRACTION;
        /// Share of a weight removed in each step, per unit of learning rate.
        weight_decay: f64 = 0.5, at_least(0.0);
        /// Decay `A_log` too, as the official Vim recipe does.
        decay_ssm_a: bool = false;
        /// Largest global norm of the gradient; longer ones are scaled down to it. 0 turns
        /// clipping off.
        grad_clip: f64 = 1.0, at_least(0.0);
    }
}

options! {
    /// Orthogonalised momentum, its steps as large as AdamW's (arXiv:2502.16982).
    pub struct Muon {
        /// Peak learning rate.
        lr: f64 = 1e-3, above(0.0);
        /// Decay of the momentum of matrices.
        momentum: f64 = 0.95, FRACTION;
        /// Decays of AdamW's running means, for the other parameters.
        betas: [f64; 2] = [0.9, 0.999], FRACTION;
        /// Added to AdamW's denominator.
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

/// What all optimisers have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OptimCommon {
    /// Peak learning rate.
    pub lr: f64,
    /// Share of a weight removed in each step, per unit of learning rate; with Adam, share added to its gradient.
    pub weight_decay: f64,
    /// `A_log` decays too.
    pub decay_ssm_a: bool,
    /// Everything decays.
    pub decay_all: bool,
    /// Largest global norm of the gradient, or `None` when clipping is off.
    pub clip_norm: Option<f64>,
}

impl OptimSpec {
    /// What all optimisers have.
    pub fn common(&self) -> OptimCommon {
        macro_rules! common {
            ($o:expr, $decay_all:expr) => {
                OptimCommon {
                    lr: $o.lr,
                    weight_decay: $o.weight_decay,
                    decay_ssm_a: $o.decay_ssm_a,
                    decay_all: $decay_all,
                    clip_norm: ($o.grad_clip > 0.0).then_some($o.grad_clip),
                }
            };
        }
        match self {
            Self::AdamW(o) => common!(o, false),
            Self::Adam(o) => common!(o, o.decay_all),
            Self::Lion(o) => common!(o, false),
            Self::Muon(o) => common!(o, false),
        }
    }
}

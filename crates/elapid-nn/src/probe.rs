//! Looking into a model while it computes.
//!
//! A training pass, or [an evaluation that is looked into](Noise::in_evaluation), carries a [`Noise`] through every layer.
//! If that noise is [watched](Noise::watched_by), the layers show the watcher what they computed; otherwise they compute
//! nothing for it and keep no tensor alive. Blocks show themselves, so a backbone made of them needs no code for it.

use std::fmt::Debug;

use burn::module::{Module, ParamId, list_param_ids};
use burn::tensor::Tensor;

use crate::Noise;

/// Watches a pass from inside the model. It only reads: what it does cannot change what is computed.
pub trait Probe: Debug {
    /// Called by every layer in the order of the pass.
    fn saw(&mut self, seen: Seen);
}

/// What a layer computed.
#[derive(Debug)]
pub struct Seen {
    /// The layer's parameters. Their paths tell where it stands in the model.
    pub params: Vec<ParamId>,
    /// The residual stream that the output is added to, `[B, L, D]`; none where it is not added to one.
    pub stream: Option<Tensor<3>>,
    /// The layer's output, `[B, L, D]`.
    pub output: Tensor<3>,
    /// What its scans forget and take in; empty for a layer without.
    pub dynamics: Vec<Dynamics>,
}

/// How a diagonal scan `h ← exp(Δ A) h + Δ B x` moves, where `exp(Δ A)` is the share of the state that a token leaves.
#[derive(Debug)]
pub struct Dynamics {
    /// The parameter that A is made of.
    pub decay: ParamId,
    /// Step sizes Δ behind the softplus, 32-bit, `[B, L, E]`.
    pub delta: Tensor<3>,
    /// Decay rates A, negative, `[E, N]`.
    pub a: Tensor<2>,
    /// What a token writes to the states, B, `[B, L, N]`.
    pub b: Tensor<3>,
    /// What a token reads from them, C, `[B, L, N]`.
    pub c: Tensor<3>,
}

impl Seen {
    /// The output of a layer that is not added to a residual stream.
    pub fn output<M: Module>(layer: &M, output: Tensor<3>) -> Self {
        Self {
            params: list_param_ids(layer),
            stream: None,
            output,
            dynamics: Vec::new(),
        }
    }
}

/// Shows a layer to whoever watches the pass; `look` is not called if nobody does.
pub fn show(noise: Option<&mut Noise>, look: impl FnOnce() -> Seen) {
    if let Some(probe) = noise.and_then(Noise::probe) {
        probe.saw(look());
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Distribution};

    use super::*;
    use crate::mixer::{BackwardBranch, BidirectionalMamba, DtBias, MambaConfig, Mixer};
    use crate::{Block, Init, Norm};

    #[derive(Debug, Default)]
    struct All(Vec<Seen>);

    impl Probe for All {
        fn saw(&mut self, seen: Seen) {
            self.0.push(seen);
        }
    }

    /// A block whose step sizes are those of its bias alone.
    fn block(device: &Device, branch: BackwardBranch) -> Block {
        let init = &mut Init::new(0, device);
        let config = MambaConfig::new(12);
        let mut mixer = BidirectionalMamba::new(init, &config, branch, true);
        mixer.ssm.dt_proj.weight = init.constant(mixer.ssm.dt_proj.weight.dims(), 0.0);
        let norm = Norm::new(init, true, 12, 1e-5);
        Block::new(norm, Mixer::Bidirectional(mixer), 0.5, true)
    }

    fn weight(block: &Block) -> Tensor<1> {
        let Norm::Rms(norm) = &block.norm else {
            panic!("an RMS norm was asked for")
        };
        norm.weight.val()
    }

    #[test]
    fn watching_changes_no_number() {
        let device = Device::flex().autodiff();
        let dt_bias = DtBias::Zero;
        let block = block(&device, BackwardBranch::OwnParameters { dt_bias });
        let normal = Distribution::Normal(0.0, 1.0);
        let x = Tensor::<3>::random([4, 9, 12], normal, &device);
        let pass = |mut noise: Noise| {
            let (hidden, residual) = block.forward(x.clone(), Some(x.clone()), Some(&mut noise));
            let gradients = (hidden.clone().sum() + residual.clone().sum()).backward();
            let gradient = weight(&block).grad(&gradients).unwrap();
            [
                hidden.into_data(),
                residual.into_data(),
                gradient.into_data(),
            ]
        };
        let mut all = All::default();
        assert_eq!(
            pass(Noise::seeded(1, &device)),
            pass(Noise::seeded(1, &device).watched_by(&mut all))
        );

        let [seen] = &all.0[..] else {
            panic!("one block")
        };
        assert_eq!(seen.params.len(), list_param_ids(&block).len());
        let steps = |at: usize| seen.dynamics[at].delta.clone();
        // The forward direction starts within `dt_min` and `dt_max`, the backward one at softplus(0) or nearby.
        assert!(steps(0).min().into_scalar::<f32>() > 0.99e-3);
        assert!(steps(0).max().into_scalar::<f32>() < 0.101);
        let spread = (steps(1) - std::f32::consts::LN_2).abs().max();
        assert!(spread.into_scalar::<f32>() < 0.5);
        assert_eq!(seen.dynamics[1].a.clone().min().into_scalar::<f32>(), -16.0);
    }

    #[test]
    fn shared_parameters_share_their_step_sizes() {
        let device = Device::flex();
        let block = block(&device, BackwardBranch::SharedParameters);
        let dynamics = block.mixer.dynamics(Tensor::ones([1, 3, 12], &device));
        let [forward, backward] = &dynamics[..] else {
            panic!("two directions")
        };
        assert_eq!(forward.delta.to_data(), backward.delta.to_data());
        assert!(forward.decay != backward.decay);
    }
}

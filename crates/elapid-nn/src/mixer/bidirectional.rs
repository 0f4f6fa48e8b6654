//! Mamba-1 in both directions, as in Vision Mamba (arXiv 2401.09417).

#![allow(non_snake_case)] // parameters are named as in the official checkpoints

use burn::module::{Module, Param};
use burn::tensor::{Bool, Tensor};
use elapid_kernels::mamba_inner::{InnerInput, is_fused, mamba_inner};
use elapid_kernels::{ScanInput, selective_scan};

use super::mamba::{MambaConfig, Projections};
use super::selective_ssm::{DtBias, SelectiveSsm, decay, options};
use crate::{Dynamics, Init};

/// What the backward direction has of its own (`bimamba_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackwardBranch {
    /// v1: only its decay; convolution, projections and skip are those of the forward direction.
    SharedParameters,
    /// v2: everything between the input and output projections.
    OwnParameters {
        /// Where its step-size bias starts; the official code has it at zero.
        dt_bias: DtBias,
    },
}

/// Projections around a forward and a backward [`SelectiveSsm`]; no copy of the sequence is flipped.
///
/// ```text
/// v2: out = W_out (ssm(x, z) + flip(ssm_b(flip(x), flip(z)))) · ½       (½ with `divide_out`)
/// v1: c = conv(x);  out = W_out (scan(c, A) + flip(scan(flip(c), A_b)))
/// ```
///
/// Source: `bimamba_type` in `mamba-1p1p1/mamba_ssm/modules/mamba_simple.py` of hustvl/Vim.
#[derive(Module, Debug)]
pub struct BidirectionalMamba {
    /// Input and output projections.
    pub projections: Projections,
    /// Forward direction.
    pub ssm: SelectiveSsm,
    /// Backward direction of v2.
    pub ssm_b: Option<SelectiveSsm>,
    /// Backward decay of v1, `[E, N]`.
    pub A_b_log: Option<Param<Tensor<2>>>,
    divide_out: bool,
}

impl BidirectionalMamba {
    /// Official initialisation. `divide_out` halves the sum of the directions (v2 only).
    pub fn new(
        init: &mut Init,
        config: &MambaConfig,
        branch: BackwardBranch,
        divide_out: bool,
    ) -> Self {
        let projections = Projections::new(init, config);
        let ssm = SelectiveSsm::new(init, config, DtBias::InverseSoftplus);
        let (ssm_b, log) = match branch {
            BackwardBranch::SharedParameters => {
                let states = config.d_state;
                let log = |_: &mut dyn rand::Rng, i: usize| ((i % states + 1) as f64).ln();
                (None, Some(init.fill([config.d_inner(), states], log)))
            }
            BackwardBranch::OwnParameters { dt_bias } => {
                (Some(SelectiveSsm::new(init, config, dt_bias)), None)
            }
        };
        let divide_out = divide_out && ssm_b.is_some();
        Self {
            projections,
            ssm,
            ssm_b,
            A_b_log: log,
            divide_out,
        }
    }

    /// # Shapes
    ///
    /// - h, output `[B, L, D]`
    /// - reset `[B, L]`, true at the first token of every packed sequence
    pub fn forward(&self, h: Tensor<3>, reset: Option<Tensor<2, Bool>>) -> Tensor<3> {
        if let Some(backward) = &self.ssm_b
            && is_fused(&h.device(), h.dtype())
        {
            let input = InnerInput {
                xz: self.projections.enter_joined(h),
                forward: self.ssm.branch(),
                backward: Some(backward.branch()),
                reset,
            };
            return self.leave(mamba_inner(input));
        }
        let (x, z) = self.projections.enter(h);
        let y = match (&self.ssm_b, &self.A_b_log) {
            (Some(backward), _) => {
                self.ssm.forward(x.clone(), z.clone(), reset.clone(), false)
                    + backward.forward(x, z, reset, true)
            }
            (None, Some(log)) => self.shared(x, z, reset, log),
            (None, None) => self.ssm.forward(x, z, reset, false),
        };
        self.leave(y)
    }

    /// `flip(forward(flip(h)))` along the sequence, without flipping: of v2 the two directions change places.
    ///
    /// # Shapes
    ///
    /// As [`forward`](Self::forward).
    pub fn forward_mirrored(&self, h: Tensor<3>) -> Tensor<3> {
        let Some(backward) = &self.ssm_b else {
            return self.forward(h.flip([1]), None).flip([1]);
        };
        if is_fused(&h.device(), h.dtype()) {
            let input = InnerInput {
                xz: self.projections.enter_joined(h),
                forward: backward.branch(),
                backward: Some(self.ssm.branch()),
                reset: None,
            };
            return self.leave(mamba_inner(input));
        }
        let (x, z) = self.projections.enter(h);
        let y = backward.forward(x.clone(), z.clone(), None, false)
            + self.ssm.forward(x, z, None, true);
        self.leave(y)
    }

    /// How the scans over `h`, `[B, L, D]`, move, with `reset` as in [`forward`](Self::forward): the forward direction, then
    /// the backward one.
    pub fn dynamics(&self, h: Tensor<3>, reset: Option<Tensor<2, Bool>>) -> Vec<Dynamics> {
        let (x, _) = self.projections.enter(h);
        let forward = self.ssm.dynamics(x.clone(), reset.clone(), false);
        let backward = match (&self.ssm_b, &self.A_b_log) {
            (Some(backward), _) => Some(backward.dynamics(x, reset, true)),
            (None, Some(log)) => Some(Dynamics {
                decay: log.id,
                delta: forward.delta.clone(),
                a: decay(log),
                b: forward.b.clone(),
                c: forward.c.clone(),
            }),
            (None, None) => None,
        };
        std::iter::once(forward).chain(backward).collect()
    }

    /// The output from the sum of both directions.
    fn leave(&self, y: Tensor<3>) -> Tensor<3> {
        match self.divide_out {
            true => self.projections.leave_halved(y),
            false => self.projections.leave(y),
        }
    }

    /// v1: both scans read the same convolution and projections.
    fn shared(
        &self,
        x: Tensor<3>,
        z: Tensor<3>,
        reset: Option<Tensor<2, Bool>>,
        log: &Param<Tensor<2>>,
    ) -> Tensor<3> {
        let x = self.ssm.conv1d.forward(x, reset.clone(), false);
        let forward = ScanInput {
            reset,
            ..self.ssm.scan_input(x).with_gate(z)
        };
        let backward = ScanInput {
            a: decay(log),
            ..forward.clone()
        };
        selective_scan(forward, options(false)) + selective_scan(backward, options(true))
    }
}

#[cfg(test)]
mod tests {
    use super::super::mamba::tiny;
    use super::*;
    use burn::tensor::{Device, Distribution, TensorData, Tolerance};

    #[test]
    fn equal_directions_commute_with_flipping() {
        let device = Device::flex();
        let branch = BackwardBranch::OwnParameters {
            dt_bias: DtBias::InverseSoftplus,
        };
        let mut mixer = BidirectionalMamba::new(&mut Init::new(0, &device), &tiny(), branch, true);
        mixer.ssm_b = Some(mixer.ssm.clone());
        let h = Tensor::<3>::random([2, 9, 12], Distribution::Normal(0.0, 1.0), &device);
        let expected = mixer.forward(h.clone(), None).flip([1]).into_data();
        let flipped = mixer.forward(h.flip([1]), None).into_data();
        flipped.assert_approx_eq::<f32>(&expected, Tolerance::rel_abs(1e-5, 1e-6));
    }

    /// In both directions: the backward one starts anew at the last token of every sequence.
    #[test]
    fn packed_sequences_equal_separate_ones() {
        let device = Device::flex().autodiff();
        let own = BackwardBranch::OwnParameters {
            dt_bias: DtBias::InverseSoftplus,
        };
        for branch in [own, BackwardBranch::SharedParameters] {
            let init = &mut Init::new(0, &device);
            let mixer = BidirectionalMamba::new(init, &tiny(), branch, false);
            let normal = Distribution::Normal(0.0, 1.0);
            let h = Tensor::<3>::random([2, 21, 12], normal, &device).require_grad();
            let factors = Tensor::<3>::random([2, 21, 12], normal, &device);
            let marks: Vec<bool> = (0..42).map(|i| [0, 9, 10].contains(&(i % 21))).collect();
            let reset = Tensor::from_data(TensorData::new(marks, [2, 21]), &device);
            let results = |y: Tensor<3>| {
                let grads = (y.clone() * factors.clone()).sum().backward();
                [y.into_data(), h.grad(&grads).unwrap().into_data()]
            };
            let packed = results(mixer.forward(h.clone(), Some(reset)));
            let parts = [0..9, 9..10, 10..21];
            let parts = parts.map(|range| mixer.forward(h.clone().slice([0..2, range]), None));
            let separate = results(Tensor::cat(parts.to_vec(), 1));
            for (packed, separate) in packed.iter().zip(&separate) {
                packed.assert_approx_eq::<f32>(separate, Tolerance::rel_abs(1e-4, 1e-5));
            }
        }
    }

    #[test]
    fn the_mirrored_pass_is_the_pass_of_the_flipped_sequence() {
        let device = Device::flex();
        let own = BackwardBranch::OwnParameters {
            dt_bias: DtBias::InverseSoftplus,
        };
        for branch in [own, BackwardBranch::SharedParameters] {
            let init = &mut Init::new(0, &device);
            let mixer = BidirectionalMamba::new(init, &tiny(), branch, true);
            let h = Tensor::<3>::random([2, 9, 12], Distribution::Normal(0.0, 1.0), &device);
            let expected = mixer.forward(h.clone().flip([1]), None).flip([1]);
            let mirrored = mixer.forward_mirrored(h).into_data();
            mirrored.assert_approx_eq::<f32>(&expected.into_data(), Tolerance::rel_abs(1e-5, 1e-6));
        }
    }

    #[test]
    fn the_backward_step_size_starts_as_in_the_official_code() {
        let device = Device::flex();
        let branch = BackwardBranch::OwnParameters {
            dt_bias: DtBias::Zero,
        };
        let mixer = BidirectionalMamba::new(&mut Init::new(0, &device), &tiny(), branch, true);
        let bias = |ssm: &SelectiveSsm| ssm.dt_proj.bias.as_ref().unwrap().val().abs().max();
        assert_eq!(
            bias(mixer.ssm_b.as_ref().unwrap()).into_scalar::<f32>(),
            0.0
        );
        assert!(bias(&mixer.ssm).into_scalar::<f32>() > 1.0);
    }
}

//! Mamba-1 in which step size, input and output matrix may each be constant.

#![allow(non_snake_case)] // parameters are named as in the official checkpoints

use burn::module::{Module, Param};
use burn::tensor::{Tensor, s};
use elapid_kernels::{ScanInput, linear, selective_scan};
use rand::RngExt;

use super::mamba::{MambaConfig, Projections};
use super::selective_ssm::{DtBias, decay, dt_proj, options};
use crate::{DepthwiseConv1d, Init, Linear};

/// Which operands of the scan follow from its input; the others are parameters (official `tv_dt`, `tv_B`, `tv_C`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Varying {
    /// Step size.
    pub dt: bool,
    /// Input matrix B.
    pub b: bool,
    /// Output matrix C.
    pub c: bool,
}

/// The projection of step sizes.
#[derive(Module, Debug)]
pub struct StepSize {
    /// `[E, R]`; absent where the step size is constant. The official code keeps a weight without use.
    pub weight: Option<Param<Tensor<2>>>,
    /// `[E]`, in front of the softplus.
    pub bias: Param<Tensor<1>>,
}

/// Projections around a convolution and a causal scan.
///
/// Source: `Mamba_TimeVariant` in `layers/MambaBlock.py` of thuml/Time-Series-Library.
#[derive(Module, Debug)]
pub struct TimeVariantMamba {
    /// Input and output projections.
    pub projections: Projections,
    /// `[E, 1, K]`
    pub conv1d: DepthwiseConv1d,
    /// Rows for what varies of step size (R), B (N) and C (N), `[.., E]`; absent where nothing does.
    pub x_proj: Option<Linear>,
    /// Step sizes.
    pub dt_proj: StepSize,
    /// `[E, N]`; the decay is `A = −exp(A_log)`.
    pub A_log: Param<Tensor<2>>,
    /// The constant input matrix, `[E, N]`.
    pub B: Option<Param<Tensor<2>>>,
    /// The constant output matrix, `[E, N]`.
    pub C: Option<Param<Tensor<2>>>,
    /// `[E]`
    pub D: Option<Param<Tensor<1>>>,
}

impl TimeVariantMamba {
    /// Official initialisation: that of Mamba-1, and constant matrices uniform in 0..1. `skip` says whether there is a
    /// skip coefficient D.
    pub fn new(init: &mut Init, config: &MambaConfig, varying: Varying, skip: bool) -> Self {
        let (inner, states) = (config.d_inner(), config.d_state);
        let rows = sizes(varying, config.dt_rank(), states).iter().sum();
        let projections = Projections::new(init, config);
        let conv1d = DepthwiseConv1d::new(init, inner, config.d_conv, config.conv_bias);
        let x_proj = (rows > 0).then(|| Linear::new(init, inner, rows, false));
        let step = dt_proj(init, config, DtBias::InverseSoftplus);
        let mut constant =
            |varies: bool| (!varies).then(|| init.fill([inner, states], |rng, _| rng.random()));
        let (b, c) = (constant(varying.b), constant(varying.c));
        let zero = |init: &mut Init| init.constant([inner], 0.0);
        Self {
            projections,
            conv1d,
            x_proj,
            dt_proj: StepSize {
                weight: varying.dt.then_some(step.weight),
                bias: step.bias.unwrap_or_else(|| zero(init)),
            },
            A_log: init.fill([inner, states], |_, i| ((i % states + 1) as f64).ln()),
            B: b,
            C: c,
            D: skip.then(|| init.constant([inner], 1.0)),
        }
    }

    /// # Shapes
    ///
    /// - h, output `[B, L, D]`
    pub fn forward(&self, h: Tensor<3>) -> Tensor<3> {
        let (x, z) = self.projections.enter(h);
        let x = self.conv1d.forward(x, None, false);
        let [delta, b, c] = self.varying(&x);
        let delta = match (delta, &self.dt_proj.weight) {
            (Some(low), Some(weight)) => linear(low, weight.val(), None),
            _ => x.zeros_like(),
        };
        let groups = match (&self.B, &self.C) {
            (None, None) => 1,
            _ => x.dims()[2],
        };
        let input = ScanInput::new(
            x.clone(),
            delta,
            decay(&self.A_log),
            matrix(&x, b, self.B.as_ref(), groups),
            matrix(&x, c, self.C.as_ref(), groups),
        );
        let input = ScanInput {
            skip: self.D.as_ref().map(Param::val),
            ..input.with_gate(z).with_delta_bias(self.dt_proj.bias.val())
        };
        self.projections
            .leave(selective_scan(input, options(false)))
    }

    /// What varies of step size, B and C, each `[B, L, ..]`.
    fn varying(&self, x: &Tensor<3>) -> [Option<Tensor<3>>; 3] {
        let Some(x_proj) = &self.x_proj else {
            return [None, None, None];
        };
        let [_, states] = self.A_log.dims();
        let rank = self.dt_proj.weight.as_ref().map(|weight| weight.dims()[1]);
        let varying = Varying {
            dt: rank.is_some(),
            b: self.B.is_none(),
            c: self.C.is_none(),
        };
        let projected = x_proj.forward(x.clone());
        let mut from = 0;
        sizes(varying, rank.unwrap_or(0), states).map(|size| {
            let part = from..from + size;
            from += size;
            (size > 0).then(|| projected.clone().slice(s![.., .., part]))
        })
    }
}

/// Rows of `x_proj` for step size, B and C.
fn sizes(varying: Varying, rank: usize, states: usize) -> [usize; 3] {
    let of = |varies: bool, rows: usize| if varies { rows } else { 0 };
    [
        of(varying.dt, rank),
        of(varying.b, states),
        of(varying.c, states),
    ]
}

/// B or C of the scan, `[B, L, G, N]`: what varies is the same for all channels, what does not differs between them. The
/// scan wants as many groups of both.
fn matrix(
    x: &Tensor<3>,
    varying: Option<Tensor<3>>,
    constant: Option<&Param<Tensor<2>>>,
    groups: usize,
) -> Tensor<4> {
    let [batch, length, _] = x.dims();
    let matrix = match (varying, constant) {
        (Some(varying), _) => varying.unsqueeze_dim::<4>(2),
        (None, Some(constant)) => constant.val().cast(x.dtype()).unsqueeze::<4>(),
        // `new` makes one of the two.
        (None, None) => return Tensor::ones([batch, length, groups, 1], &x.device()),
    };
    let [_, _, _, states] = matrix.dims();
    matrix.expand([batch, length, groups, states])
}

#[cfg(test)]
mod tests {
    use super::super::mamba::{Mamba, tiny};
    use super::*;
    use burn::tensor::{Device, Distribution, Tolerance};

    #[test]
    fn all_varying_is_mamba() {
        let device = Device::flex();
        let mamba = Mamba::new(&mut Init::new(0, &device), &tiny());
        let ssm = mamba.ssm.clone();
        let all = Varying {
            dt: true,
            b: true,
            c: true,
        };
        let mut mixer = TimeVariantMamba::new(&mut Init::new(1, &device), &tiny(), all, true);
        mixer.projections = mamba.projections.clone();
        mixer.conv1d = ssm.conv1d;
        mixer.x_proj = Some(ssm.x_proj);
        mixer.dt_proj.weight = Some(ssm.dt_proj.weight);
        mixer.dt_proj.bias = ssm.dt_proj.bias.unwrap();
        let h = Tensor::<3>::random([2, 9, 12], Distribution::Normal(0.0, 1.0), &device);
        let expected = mamba.forward(h.clone(), None).into_data();
        let found = mixer.forward(h).into_data();
        found.assert_approx_eq::<f32>(&expected, Tolerance::rel_abs(1e-5, 1e-6));
    }

    #[test]
    fn constants_take_the_place_of_projections() {
        let device = Device::flex();
        for bits in 0..8 {
            let [dt, b, c] = [4, 2, 1].map(|bit| bits & bit > 0);
            let varying = Varying { dt, b, c };
            let init = &mut Init::new(0, &device);
            let mixer = TimeVariantMamba::new(init, &tiny(), varying, false);
            let rows = mixer.x_proj.as_ref().map_or(0, |x| x.weight.dims()[0]);
            let of = |varies: bool, rows: usize| rows * usize::from(varies);
            assert_eq!(rows, of(dt, 3) + of(b, 5) + of(c, 5));
            assert_eq!((mixer.B.is_none(), mixer.C.is_none()), (b, c));
            let y = mixer.forward(Tensor::ones([2, 4, 12], &device));
            assert!(y.abs().max().into_scalar::<f32>().is_finite());
        }
    }
}

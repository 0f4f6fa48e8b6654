//! One direction of Mamba-1 between its projections: convolution, input-dependent parameters, scan.

#![allow(non_snake_case)] // parameters are named as in the official checkpoints

use burn::module::{Module, Param};
use burn::tensor::{Bool, DType, Tensor, s};
use elapid_kernels::{
    Branch, ConvOptions, ScanInput, ScanOptions, causal_conv1d, final_columns, linear,
    selective_scan, selective_scan_with_state,
};
use rand::RngExt;

use super::mamba::MambaConfig;
use crate::{DepthwiseConv1d, Dynamics, Init, Linear};

/// Initial weight of the step-size projection (`dt_init`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DtInit {
    /// Uniform in ±`dt_rank^-1/2 · dt_scale`.
    Random,
    /// `dt_rank^-1/2 · dt_scale` everywhere.
    Constant,
}

/// Where the bias of the step-size projection starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DtBias {
    /// At the inverse softplus of log-uniform step sizes in `dt_min..dt_max`.
    InverseSoftplus,
    /// At zero: what the official Vim does, by accident, to its backward direction.
    Zero,
}

/// Causal convolution, then the selective scan with parameters computed from its output; the
/// mixers' `conv1d`, `x_proj`, `dt_proj`, `A_log` and `D` of one direction.
///
/// Source: `mamba_ssm/modules/mamba_simple.py` of state-spaces/mamba; arXiv 2312.00752, §3.4.
#[derive(Module, Debug)]
pub struct SelectiveSsm {
    /// `[E, 1, K]`
    pub conv1d: DepthwiseConv1d,
    /// `[R + 2N, E]`: rows for the step size, B and C.
    pub x_proj: Linear,
    /// `[E, R]` and bias `[E]`; the bias enters the scan in front of the softplus.
    pub dt_proj: Linear,
    /// `[E, N]`; the decay is `A = −exp(A_log)`.
    pub A_log: Param<Tensor<2>>,
    /// `[E]`
    pub D: Param<Tensor<1>>,
}

/// State of one direction between two calls.
#[derive(Clone, Debug)]
pub struct SsmState {
    /// The last K − 1 inputs of the convolution, `[B, K − 1, E]`.
    pub columns: Tensor<3>,
    /// State of the scan, `[B, E, N]`.
    pub scan: Tensor<3>,
}

impl SelectiveSsm {
    /// Official initialisation (mixers of `mamba_simple.py`).
    pub fn new(init: &mut Init, config: &MambaConfig, dt_bias: DtBias) -> Self {
        let (inner, states, rank) = (config.d_inner(), config.d_state, config.dt_rank());
        Self {
            conv1d: DepthwiseConv1d::new(init, inner, config.d_conv, config.conv_bias),
            x_proj: Linear::new(init, inner, rank + 2 * states, false),
            dt_proj: dt_proj(init, config, dt_bias),
            A_log: init.fill([inner, states], |_, i| ((i % states + 1) as f64).ln()),
            D: init.constant([inner], 1.0),
        }
    }

    /// # Shapes
    ///
    /// - x, gate z and output `[B, L, E]`
    /// - reset `[B, L]`, true at the first token of every packed sequence
    pub fn forward(
        &self,
        x: Tensor<3>,
        z: Tensor<3>,
        reset: Option<Tensor<2, Bool>>,
        reverse: bool,
    ) -> Tensor<3> {
        let x = self.conv1d.forward(x, reset.clone(), reverse);
        let input = self.scan_input(x).with_gate(z);
        selective_scan(ScanInput { reset, ..input }, options(reverse))
    }

    /// Like [`forward`](Self::forward), left to right, continuing from `state`; returns the state to
    /// continue from. A single token is a sequence of length one.
    pub fn forward_with_state(
        &self,
        x: Tensor<3>,
        z: Tensor<3>,
        reset: Option<Tensor<2, Bool>>,
        state: SsmState,
    ) -> (Tensor<3>, SsmState) {
        let conv = self
            .conv1d
            .operands(x, reset.clone())
            .with_initial_columns(state.columns);
        let silu = ConvOptions {
            silu: true,
            reverse: false,
        };
        let columns = final_columns(&conv, silu);
        let x = causal_conv1d(conv, silu);
        let input = self
            .scan_input(x)
            .with_gate(z)
            .with_initial_state(state.scan);
        let (y, scan) = selective_scan_with_state(ScanInput { reset, ..input }, options(false));
        (y, SsmState { columns, scan })
    }

    /// How the scan moves over an input `[B, L, E]`, which enters the convolution; `reset` as in the scan.
    pub(super) fn dynamics(
        &self,
        x: Tensor<3>,
        reset: Option<Tensor<2, Bool>>,
        reverse: bool,
    ) -> Dynamics {
        let input = self.scan_input(self.conv1d.forward(x, reset, reverse));
        let raw = input.delta.cast(DType::F32);
        let raw = match input.delta_bias {
            Some(bias) => raw + bias.unsqueeze(),
            None => raw,
        };
        Dynamics {
            decay: self.A_log.id,
            // The softplus, without a power that overflows.
            delta: raw.clone().clamp_min(0.0) + raw.abs().neg().exp().log1p(),
            a: input.a,
            b: input.b.squeeze_dim::<3>(2),
            c: input.c.squeeze_dim::<3>(2),
        }
    }

    /// The parameters, as operands of the fused operator.
    pub(super) fn branch(&self) -> Branch {
        Branch {
            conv_weight: self.conv1d.weight.val().squeeze_dim::<2>(1),
            conv_bias: self.conv1d.bias.as_ref().map(Param::val),
            x_proj: self.x_proj.weight.val(),
            dt_proj: self.dt_proj.weight.val(),
            dt_bias: self.dt_proj.bias.as_ref().map(Param::val),
            a_log: self.A_log.val(),
            skip: self.D.val(),
        }
    }

    /// State in front of the first token.
    pub fn initial_state(&self, batch: usize) -> SsmState {
        let [inner, states] = self.A_log.dims();
        let device = self.A_log.device();
        SsmState {
            columns: Tensor::zeros([batch, self.conv1d.taps() - 1, inner], &device),
            scan: Tensor::zeros([batch, inner, states], &device),
        }
    }

    /// The scan's operands without gate, from the convolution's output `[B, L, E]`.
    pub(super) fn scan_input(&self, x: Tensor<3>) -> ScanInput {
        let [batch, length, _] = x.dims();
        let [_, rank] = self.dt_proj.weight.dims();
        let [_, states] = self.A_log.dims();
        let projected = self.x_proj.forward(x.clone());
        let delta = linear(
            projected.clone().slice(s![.., .., ..rank]),
            self.dt_proj.weight.val(),
            None,
        );
        let matrix = |from: usize| {
            let part = projected.clone().slice(s![.., .., from..from + states]);
            part.reshape([batch, length, 1, states])
        };
        let input = ScanInput::new(
            x,
            delta,
            decay(&self.A_log),
            matrix(rank),
            matrix(rank + states),
        );
        let bias = self.dt_proj.bias.as_ref().map(Param::val);
        ScanInput {
            delta_bias: bias,
            ..input.with_skip(self.D.val())
        }
    }
}

/// `A = −exp(A_log)`.
pub(super) fn decay(log: &Param<Tensor<2>>) -> Tensor<2> {
    -log.val().exp()
}

pub(super) fn options(reverse: bool) -> ScanOptions {
    ScanOptions {
        delta_softplus: true,
        reverse,
        ..ScanOptions::default()
    }
}

pub(super) fn dt_proj(init: &mut Init, config: &MambaConfig, dt_bias: DtBias) -> Linear {
    let (inner, rank) = (config.d_inner(), config.dt_rank());
    let bound = (rank as f64).powf(-0.5) * config.dt_scale;
    let weight = match config.dt_init {
        DtInit::Random => init.uniform([inner, rank], bound),
        DtInit::Constant => init.constant([inner, rank], bound),
    };
    let (low, high) = (config.dt_min.ln(), config.dt_max.ln());
    let bias = match dt_bias {
        DtBias::Zero => init.constant([inner], 0.0),
        DtBias::InverseSoftplus => init.fill([inner], |rng, _| {
            let step = (low + rng.random::<f64>() * (high - low))
                .exp()
                .max(config.dt_init_floor);
            step + (-(-step).exp_m1()).ln()
        }),
    };
    Linear {
        weight,
        bias: Some(bias),
    }
}

#[cfg(test)]
mod tests {
    use super::super::mamba::tiny;
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn initial_step_sizes_lie_between_dt_min_and_dt_max() {
        let ssm = SelectiveSsm::new(
            &mut Init::new(0, &Device::flex()),
            &tiny(),
            DtBias::InverseSoftplus,
        );
        let bias = ssm
            .dt_proj
            .bias
            .unwrap()
            .val()
            .into_data()
            .try_to_vec::<f32>()
            .unwrap();
        for b in bias {
            let step = f64::from(b).exp().ln_1p();
            assert!((0.000_99..0.101).contains(&step), "{step}");
        }
        let a = ssm.A_log.val().into_data().try_to_vec::<f32>().unwrap();
        assert!((a[4].exp() - 5.0).abs() < 1e-5);
    }
}

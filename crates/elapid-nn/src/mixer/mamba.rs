//! Mamba-1 (arXiv 2312.00752), causal.

use burn::module::{Module, Param};
use burn::tensor::{Bool, Tensor};

use elapid_kernels::linear_halves;
use elapid_kernels::mamba_inner::{InnerInput, is_fused, mamba_inner};

use super::selective_ssm::{DtBias, DtInit, SelectiveSsm, SsmState};
use crate::{Dynamics, Init, Linear};

/// Hyper-parameters of a Mamba-1 mixer; names and defaults are the official ones.
#[derive(Clone, Debug)]
pub struct MambaConfig {
    /// Model width D.
    pub d_model: usize,
    /// States per channel N.
    pub d_state: usize,
    /// Taps of the convolution K.
    pub d_conv: usize,
    /// Inner width over model width.
    pub expand: usize,
    /// Rank of the step-size projection; `⌈D / 16⌉` if absent.
    pub dt_rank: Option<usize>,
    /// Smallest initial step size.
    pub dt_min: f64,
    /// Largest initial step size.
    pub dt_max: f64,
    /// Initial weight of the step-size projection.
    pub dt_init: DtInit,
    /// Factor on that weight.
    pub dt_scale: f64,
    /// Lower bound of initial step sizes.
    pub dt_init_floor: f64,
    /// Whether the convolution has a bias.
    pub conv_bias: bool,
    /// Whether the input and output projections have one.
    pub bias: bool,
    /// Initial value of a learned scale on the output (`init_layer_scale`); none if absent.
    pub layer_scale: Option<f64>,
    /// Factor on the initial output projection: `1/√depth` in residual stacks.
    pub out_scale: f64,
}

impl MambaConfig {
    /// The official defaults at model width `d_model`.
    pub fn new(d_model: usize) -> Self {
        Self {
            d_model,
            d_state: 16,
            d_conv: 4,
            expand: 2,
            dt_rank: None,
            dt_min: 1e-3,
            dt_max: 0.1,
            dt_init: DtInit::Random,
            dt_scale: 1.0,
            dt_init_floor: 1e-4,
            conv_bias: true,
            bias: false,
            layer_scale: None,
            out_scale: 1.0,
        }
    }

    /// Inner width E.
    pub fn d_inner(&self) -> usize {
        self.expand * self.d_model
    }

    /// Rank R of the step-size projection.
    pub fn dt_rank(&self) -> usize {
        self.dt_rank.unwrap_or_else(|| self.d_model.div_ceil(16))
    }
}

/// The input and output projections around one or two directions.
///
/// `[x, z] = W_in h`, `out = γ ⊙ (W_out y)`.
#[derive(Module, Debug)]
pub struct Projections {
    /// `[2E, D]`: rows 0..E give x, the others the gate z.
    pub in_proj: Linear,
    /// `[D, E]`
    pub out_proj: Linear,
    /// Layer scale, `[D]`.
    pub gamma: Option<Param<Tensor<1>>>,
}

impl Projections {
    /// Official initialisation; `out_proj` starts scaled by `out_scale`, biases at zero.
    pub(super) fn new(init: &mut Init, config: &MambaConfig) -> Self {
        let (model, inner) = (config.d_model, config.d_inner());
        let zeros = |init: &mut Init, width| config.bias.then(|| init.constant([width], 0.0));
        let mut in_proj = Linear::new(init, model, 2 * inner, false);
        in_proj.bias = zeros(init, 2 * inner);
        let bound = config.out_scale / (inner as f64).sqrt();
        let weight = init.uniform([model, inner], bound);
        let out_proj = Linear {
            weight,
            bias: zeros(init, model),
        };
        let gamma = config
            .layer_scale
            .map(|scale| init.constant([model], scale));
        Self {
            in_proj,
            out_proj,
            gamma,
        }
    }

    /// x and z, each `[B, L, E]`.
    pub(super) fn enter(&self, h: Tensor<3>) -> (Tensor<3>, Tensor<3>) {
        let bias = self.in_proj.bias.as_ref().map(Param::val);
        let [x, z] = linear_halves(h, self.in_proj.weight.val(), bias);
        (x, z)
    }

    /// x and z side by side, `[B, L, 2E]`.
    pub(super) fn enter_joined(&self, h: Tensor<3>) -> Tensor<3> {
        self.in_proj.forward(h)
    }

    /// The mixer's output from the gated scan output `[B, L, E]`.
    pub(super) fn leave(&self, y: Tensor<3>) -> Tensor<3> {
        self.gained(self.out_proj.forward(y))
    }

    /// [`leave`](Self::leave) from half of `y`.
    pub(super) fn leave_halved(&self, y: Tensor<3>) -> Tensor<3> {
        self.gained(self.out_proj.forward_scaled(y, 0.5))
    }

    fn gained(&self, out: Tensor<3>) -> Tensor<3> {
        match &self.gamma {
            Some(gamma) => out * gamma.val().unsqueeze(),
            None => out,
        }
    }
}

/// Mamba-1: projections around one [`SelectiveSsm`].
#[derive(Module, Debug)]
pub struct Mamba {
    /// Input and output projections.
    pub projections: Projections,
    /// Convolution and scan.
    pub ssm: SelectiveSsm,
}

/// What a [`Mamba`] remembers between tokens.
pub type MambaCache = SsmState;

impl Mamba {
    /// Official initialisation.
    pub fn new(init: &mut Init, config: &MambaConfig) -> Self {
        Self {
            projections: Projections::new(init, config),
            ssm: SelectiveSsm::new(init, config, DtBias::InverseSoftplus),
        }
    }

    /// # Shapes
    ///
    /// - h, output `[B, L, D]`
    /// - reset `[B, L]`, true at the first token of every packed sequence
    pub fn forward(&self, h: Tensor<3>, reset: Option<Tensor<2, Bool>>) -> Tensor<3> {
        if is_fused(&h.device(), h.dtype()) {
            let input = InnerInput {
                xz: self.projections.enter_joined(h),
                forward: self.ssm.branch(),
                backward: None,
                reset,
            };
            return self.projections.leave(mamba_inner(input));
        }
        let (x, z) = self.projections.enter(h);
        self.projections.leave(self.ssm.forward(x, z, reset, false))
    }

    /// `flip(forward(flip(h)))` along the sequence, without flipping where the parts of the mixer run one by one.
    ///
    /// # Shapes
    ///
    /// - h, output `[B, L, D]`
    pub fn forward_mirrored(&self, h: Tensor<3>) -> Tensor<3> {
        if is_fused(&h.device(), h.dtype()) {
            return self.forward(h.flip([1]), None).flip([1]);
        }
        let (x, z) = self.projections.enter(h);
        self.projections.leave(self.ssm.forward(x, z, None, true))
    }

    /// How the scan over `h`, `[B, L, D]`, moves, with `reset` as in [`forward`](Self::forward).
    pub fn dynamics(&self, h: Tensor<3>, reset: Option<Tensor<2, Bool>>) -> Vec<Dynamics> {
        let (x, _) = self.projections.enter(h);
        vec![self.ssm.dynamics(x, reset, false)]
    }

    /// Continues a sequence: any number of tokens `[B, L, D]`, starting from `cache`.
    pub fn forward_with_cache(
        &self,
        h: Tensor<3>,
        reset: Option<Tensor<2, Bool>>,
        cache: MambaCache,
    ) -> (Tensor<3>, MambaCache) {
        let (x, z) = self.projections.enter(h);
        let (y, cache) = self.ssm.forward_with_state(x, z, reset, cache);
        (self.projections.leave(y), cache)
    }

    /// One token, `[B, D]`; equal to the same token within [`forward`](Self::forward).
    pub fn step(&self, h: Tensor<2>, cache: MambaCache) -> (Tensor<2>, MambaCache) {
        let (y, cache) = self.forward_with_cache(h.unsqueeze_dim::<3>(1), None, cache);
        (y.squeeze_dim::<2>(1), cache)
    }

    /// The cache in front of the first token.
    pub fn empty_cache(&self, batch: usize) -> MambaCache {
        self.ssm.initial_state(batch)
    }
}

/// A configuration for tests.
#[cfg(test)]
pub(super) fn tiny() -> MambaConfig {
    MambaConfig {
        d_state: 5,
        dt_rank: Some(3),
        ..MambaConfig::new(12)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, Distribution, TensorData, Tolerance};

    fn close(a: Tensor<3>, b: Tensor<3>) {
        a.into_data()
            .assert_approx_eq::<f32>(&b.into_data(), Tolerance::rel_abs(1e-5, 1e-6));
    }

    fn mixer(device: &Device) -> (Mamba, Tensor<3>) {
        let mixer = Mamba::new(&mut Init::new(0, device), &tiny());
        (
            mixer,
            Tensor::random([2, 21, 12], Distribution::Normal(0.0, 1.0), device),
        )
    }

    #[test]
    fn the_mirrored_pass_is_the_pass_of_the_flipped_sequence() {
        let (mixer, h) = mixer(&Device::flex());
        let expected = mixer.forward(h.clone().flip([1]), None).flip([1]);
        close(mixer.forward_mirrored(h), expected);
    }

    #[test]
    fn steps_equal_the_parallel_form() {
        let (mixer, h) = mixer(&Device::flex());
        let mut cache = mixer.empty_cache(2);
        let mut outputs = Vec::new();
        for t in 0..21 {
            let token = h.clone().slice([0..2, t..t + 1]).squeeze_dim::<2>(1);
            let (y, next) = mixer.step(token, cache);
            cache = next;
            outputs.push(y.unsqueeze_dim::<3>(1));
        }
        close(Tensor::cat(outputs, 1), mixer.forward(h, None));
    }

    #[test]
    fn a_convolution_of_one_tap_keeps_no_columns() {
        let device = Device::flex();
        let config = MambaConfig {
            d_conv: 1,
            ..tiny()
        };
        let mixer = Mamba::new(&mut Init::new(0, &device), &config);
        let h = Tensor::<3>::ones([1, 2, 12], &device);
        let first = h.clone().slice([0..1, 0..1]).squeeze_dim::<2>(1);
        let (y, cache) = mixer.step(first, mixer.empty_cache(1));
        assert_eq!(cache.columns.dims(), [1, 0, 24]);
        close(
            y.unsqueeze_dim(1),
            mixer.forward(h, None).slice([0..1, 0..1]),
        );
    }

    #[test]
    fn chunks_with_a_cache_equal_one_pass() {
        let (mixer, h) = mixer(&Device::flex());
        let (first, cache) =
            mixer.forward_with_cache(h.clone().slice([0..2, 0..2]), None, mixer.empty_cache(2));
        let (second, _) = mixer.forward_with_cache(h.clone().slice([0..2, 2..21]), None, cache);
        close(Tensor::cat(vec![first, second], 1), mixer.forward(h, None));
    }

    #[test]
    fn packed_sequences_equal_separate_ones() {
        let device = Device::flex();
        let (mixer, h) = mixer(&device);
        let marks: Vec<bool> = (0..42).map(|i| [0, 9, 10].contains(&(i % 21))).collect();
        let reset = Tensor::from_data(TensorData::new(marks, [2, 21]), &device);
        let parts = [0..9, 9..10, 10..21].map(|r| mixer.forward(h.clone().slice([0..2, r]), None));
        close(
            mixer.forward(h, Some(reset)),
            Tensor::cat(parts.to_vec(), 1),
        );
    }
}

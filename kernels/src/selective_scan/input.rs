//! Operands and options of the selective scan.

use burn::tensor::{Bool, Tensor};

use crate::native::Shapes;

/// Operands of [`selective_scan`](super::selective_scan). Shapes: B batch, L length, D channels,
/// N states, G groups of channels that share `b` and `c` (D divisible by G).
#[derive(Clone, Debug)]
pub struct ScanInput {
    /// Input, `[B, L, D]`.
    pub u: Tensor<3>,
    /// Step size before bias and softplus, `[B, L, D]`.
    pub delta: Tensor<3>,
    /// Continuous-time decay, negative for a stable system, `[D, N]`.
    pub a: Tensor<2>,
    /// Input matrix, `[B, L, G, N]`; channel d uses group `d / (D / G)`.
    pub b: Tensor<4>,
    /// Output matrix, `[B, L, G, N]`.
    pub c: Tensor<4>,
    /// Skip coefficient `D` of the paper, `[D]`.
    pub skip: Option<Tensor<1>>,
    /// Gate: the output is multiplied by `silu(z)`, `[B, L, D]`.
    pub z: Option<Tensor<3>>,
    /// Added to `delta` before the softplus, `[D]`.
    pub delta_bias: Option<Tensor<1>>,
    /// State before the first processed token, `[B, D, N]`; zero if absent.
    pub initial_state: Option<Tensor<3>>,
    /// True at the first token of every packed sequence, `[B, L]`. The marks mean the same in both
    /// directions: no state crosses the border in front of a marked token.
    pub reset: Option<Tensor<2, Bool>>,
}

impl ScanInput {
    /// The operands every scan needs; the others are absent.
    pub fn new(u: Tensor<3>, delta: Tensor<3>, a: Tensor<2>, b: Tensor<4>, c: Tensor<4>) -> Self {
        Self {
            u,
            delta,
            a,
            b,
            c,
            skip: None,
            z: None,
            delta_bias: None,
            initial_state: None,
            reset: None,
        }
    }

    /// Sets the skip coefficient, `[D]`.
    #[must_use]
    pub fn with_skip(mut self, skip: Tensor<1>) -> Self {
        self.skip = Some(skip);
        self
    }

    /// Sets the gate, `[B, L, D]`.
    #[must_use]
    pub fn with_gate(mut self, z: Tensor<3>) -> Self {
        self.z = Some(z);
        self
    }

    /// Sets the step-size bias, `[D]`.
    #[must_use]
    pub fn with_delta_bias(mut self, delta_bias: Tensor<1>) -> Self {
        self.delta_bias = Some(delta_bias);
        self
    }

    /// Sets the state before the first processed token, `[B, D, N]`.
    #[must_use]
    pub fn with_initial_state(mut self, state: Tensor<3>) -> Self {
        self.initial_state = Some(state);
        self
    }

    /// Marks the first token of every packed sequence, `[B, L]`.
    #[must_use]
    pub fn with_reset(mut self, reset: Tensor<2, Bool>) -> Self {
        self.reset = Some(reset);
        self
    }

    /// Checks every operand's shape against `u`, `a` and `b`.
    ///
    /// # Panics
    ///
    /// Panics with the operand, the expected and the given shape.
    pub(super) fn check(&self) {
        self.check_shapes("selective_scan", 1);
    }

    /// Like [`check`](Self::check), for two directions: sequences of two kinds, each with parameters of
    /// its own, over what they share.
    pub(super) fn check_pair(&self) {
        let [batch, _, _] = self.u.dims();
        assert!(
            batch % 2 == 0,
            "bidirectional_scan: `u` has {batch} sequences, expected one of each direction per sequence"
        );
        self.check_shapes("bidirectional_scan", 2);
    }

    fn check_shapes(&self, operator: &'static str, directions: usize) {
        let expect = Shapes { operator };
        let [batch, length, channels] = self.u.dims();
        let [_, states] = self.a.dims();
        let shared = batch / directions;
        let [_, _, groups, _] = self.b.dims();
        assert!(
            length > 0 && states > 0,
            "{operator}: length and states must be positive"
        );
        assert!(
            groups > 0 && channels % groups == 0,
            "{operator}: {channels} channels do not divide into {groups} groups"
        );
        expect.equal("delta", self.delta.dims(), [batch, length, channels]);
        expect.equal("a", self.a.dims(), [directions * channels, states]);
        expect.equal("b", self.b.dims(), [batch, length, groups, states]);
        expect.equal("c", self.c.dims(), [batch, length, groups, states]);
        if let Some(skip) = &self.skip {
            expect.equal("skip", skip.dims(), [directions * channels]);
        }
        if let Some(z) = &self.z {
            expect.equal("z", z.dims(), [shared, length, channels]);
        }
        if let Some(bias) = &self.delta_bias {
            expect.equal("delta_bias", bias.dims(), [directions * channels]);
        }
        if let Some(state) = &self.initial_state {
            expect.equal("initial_state", state.dims(), [batch, channels, states]);
        }
        if let Some(reset) = &self.reset {
            expect.equal("reset", reset.dims(), [shared, length]);
        }
    }
}

/// How a scan runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScanOptions {
    /// Apply `softplus` to `delta + delta_bias`.
    pub delta_softplus: bool,
    /// Process tokens from last to first. The result stays in sequence order, and the final state
    /// is the one after the first token; where that token starts a sequence, the preceding chunk
    /// continues without it.
    pub reverse: bool,
    /// How a GPU divides the work; chosen from shape and device where not given.
    pub tuning: Tuning,
}

/// How a GPU divides the work of a scan. Results differ in rounding only; meant for measuring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tuning {
    /// Units of a cube along the channels, a power of two.
    pub lanes: Option<usize>,
    /// Channels per unit.
    pub channels: Option<usize>,
    /// Time steps between two exchanges through shared memory, a divisor of 64.
    pub steps: Option<usize>,
    /// Chunks that the sequence is cut into; one runs in a single pass.
    pub chunks: Option<usize>,
}

impl Tuning {
    /// All chosen from shape and device.
    pub const AUTO: Self = Self {
        lanes: None,
        channels: None,
        steps: None,
        chunks: None,
    };
}

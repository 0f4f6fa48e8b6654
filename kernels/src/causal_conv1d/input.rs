//! Operands and options of the causal convolution.

use burn::tensor::{Bool, Tensor};

use crate::native::Shapes;

/// Operands of [`causal_conv1d`](super::causal_conv1d). Shapes: B batch, L length, D channels,
/// K taps.
#[derive(Clone, Debug)]
pub struct ConvInput {
    /// Input, `[B, L, D]`.
    pub x: Tensor<3>,
    /// One filter per channel, `[D, K]`; tap `K − 1` multiplies the current token, tap 0 the
    /// oldest, as in the weight `[D, 1, K]` of a PyTorch depthwise `Conv1d`.
    pub weight: Tensor<2>,
    /// `[D]`
    pub bias: Option<Tensor<1>>,
    /// The K − 1 inputs before the first processed token, `[B, K − 1, D]`, in sequence order;
    /// zeros if absent.
    pub initial_columns: Option<Tensor<3>>,
    /// True at the first token of every packed sequence, `[B, L]`: no tap reaches across the
    /// border in front of a marked token, in either direction.
    pub reset: Option<Tensor<2, Bool>>,
}

impl ConvInput {
    /// The operands every convolution needs; the others are absent.
    pub fn new(x: Tensor<3>, weight: Tensor<2>) -> Self {
        Self {
            x,
            weight,
            bias: None,
            initial_columns: None,
            reset: None,
        }
    }

    /// Sets the bias, `[D]`.
    #[must_use]
    pub fn with_bias(mut self, bias: Tensor<1>) -> Self {
        self.bias = Some(bias);
        self
    }

    /// Sets the inputs before the first processed token, `[B, K − 1, D]`.
    #[must_use]
    pub fn with_initial_columns(mut self, columns: Tensor<3>) -> Self {
        self.initial_columns = Some(columns);
        self
    }

    /// Marks the first token of every packed sequence, `[B, L]`.
    #[must_use]
    pub fn with_reset(mut self, reset: Tensor<2, Bool>) -> Self {
        self.reset = Some(reset);
        self
    }

    /// Checks every operand's shape against `x` and `weight`.
    ///
    /// # Panics
    ///
    /// Panics with the operand, the expected and the given shape.
    pub(super) fn check(&self) {
        let expect = Shapes {
            operator: "causal_conv1d",
        };
        let [batch, length, channels] = self.x.dims();
        let [_, taps] = self.weight.dims();
        assert!(
            length > 0 && taps > 0,
            "causal_conv1d: length and taps must be positive"
        );
        expect.equal("weight", self.weight.dims(), [channels, taps]);
        if let Some(bias) = &self.bias {
            expect.equal("bias", bias.dims(), [channels]);
        }
        if let Some(columns) = &self.initial_columns {
            expect.equal(
                "initial_columns",
                columns.dims(),
                [batch, taps - 1, channels],
            );
        }
        if let Some(reset) = &self.reset {
            expect.equal("reset", reset.dims(), [batch, length]);
        }
    }
}

/// How a convolution runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConvOptions {
    /// Apply SiLU to the result.
    pub silu: bool,
    /// Look at following instead of preceding tokens: the convolution of the flipped sequence,
    /// flipped back. Columns carried into the preceding chunk belong to the sequence they come
    /// from: where this chunk's first token starts a sequence, pass none.
    pub reverse: bool,
}

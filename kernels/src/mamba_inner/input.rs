//! Operands.

use burn::tensor::{Bool, Tensor};

use crate::native::Shapes;

/// Parameters of one direction, in the shapes of the official checkpoints. D inner channels, K taps, N states,
/// R rank of the step size.
#[derive(Clone, Debug)]
pub struct Branch {
    /// `[D, K]`; see [`ConvInput::weight`](crate::ConvInput::weight).
    pub conv_weight: Tensor<2>,
    /// `[D]`
    pub conv_bias: Option<Tensor<1>>,
    /// `[R + 2N, D]`: rows for the step size, B and C.
    pub x_proj: Tensor<2>,
    /// `[D, R]`
    pub dt_proj: Tensor<2>,
    /// Added to the step size in front of the softplus, `[D]`.
    pub dt_bias: Option<Tensor<1>>,
    /// `[D, N]`; the decay is `−exp(a_log)`.
    pub a_log: Tensor<2>,
    /// Skip coefficient, `[D]`.
    pub skip: Tensor<1>,
}

/// Operands of [`mamba_inner`](super::mamba_inner).
#[derive(Clone, Debug)]
pub struct InnerInput {
    /// Output of the input projection, `[B, L, 2D]`: the convolution's input, then the gate.
    pub xz: Tensor<3>,
    /// From the first token to the last.
    pub forward: Branch,
    /// From the last token to the first; its output is added.
    pub backward: Option<Branch>,
    /// True at the first token of every packed sequence, `[B, L]`.
    pub reset: Option<Tensor<2, Bool>>,
}

impl InnerInput {
    /// # Panics
    ///
    /// Panics with the operand, the expected and the given shape.
    pub(super) fn check(&self) {
        let [batch, length, width] = self.xz.dims();
        assert!(
            width % 2 == 0,
            "mamba_inner: `xz` has {width} columns, expected an even number: x and gate"
        );
        self.forward.check(width / 2);
        if let Some(backward) = &self.backward {
            backward.check(width / 2);
            for (name, [one, other]) in [
                ("conv_bias", [&self.forward.conv_bias, &backward.conv_bias]),
                ("dt_bias", [&self.forward.dt_bias, &backward.dt_bias]),
            ] {
                assert!(
                    one.is_some() == other.is_some(),
                    "mamba_inner: one direction has a `{name}`, the other has none"
                );
            }
            let expect = Shapes {
                operator: "mamba_inner (backward)",
            };
            expect.equal(
                "conv_weight",
                backward.conv_weight.dims(),
                self.forward.conv_weight.dims(),
            );
            expect.equal("x_proj", backward.x_proj.dims(), self.forward.x_proj.dims());
            expect.equal(
                "dt_proj",
                backward.dt_proj.dims(),
                self.forward.dt_proj.dims(),
            );
        }
        if let Some(reset) = &self.reset {
            let expect = Shapes {
                operator: "mamba_inner",
            };
            expect.equal("reset", reset.dims(), [batch, length]);
        }
    }
}

impl Branch {
    fn check(&self, channels: usize) {
        let expect = Shapes {
            operator: "mamba_inner",
        };
        let [_, taps] = self.conv_weight.dims();
        let [_, rank] = self.dt_proj.dims();
        let [_, states] = self.a_log.dims();
        expect.equal("conv_weight", self.conv_weight.dims(), [channels, taps]);
        expect.equal("x_proj", self.x_proj.dims(), [rank + 2 * states, channels]);
        expect.equal("dt_proj", self.dt_proj.dims(), [channels, rank]);
        expect.equal("a_log", self.a_log.dims(), [channels, states]);
        expect.equal("skip", self.skip.dims(), [channels]);
        for (name, bias) in [("conv_bias", &self.conv_bias), ("dt_bias", &self.dt_bias)] {
            if let Some(bias) = bias {
                expect.equal(name, bias.dims(), [channels]);
            }
        }
    }

    #[cfg(feature = "gpu")]
    pub(super) fn into_tensors(self) -> super::ops::BranchTensors<burn::backend::Dispatch> {
        use burn::tensor::DType;
        let vector = |tensor: Option<Tensor<1>>| {
            tensor.map(|tensor| tensor.cast(DType::F32).into_dispatch())
        };
        let matrix = |tensor: Tensor<2>| tensor.cast(DType::F32).into_dispatch();
        super::ops::BranchTensors {
            conv_weight: matrix(self.conv_weight),
            conv_bias: vector(self.conv_bias).into(),
            x_proj: matrix(self.x_proj),
            dt_proj: matrix(self.dt_proj),
            dt_bias: vector(self.dt_bias).into(),
            a_log: matrix(self.a_log),
            skip: self.skip.cast(DType::F32).into_dispatch(),
        }
    }
}

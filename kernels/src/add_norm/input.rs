//! Operands and options.

use burn::tensor::{DType, Tensor};

use crate::native::Shapes;

/// Operands of [`add_norm`](super::add_norm). Shapes: B batch, L length, D channels.
#[derive(Clone, Debug)]
pub struct AddNormInput {
    /// What is added to the residual stream, `[B, L, D]`.
    pub hidden: Tensor<3>,
    /// The residual stream, `[B, L, D]`, in a float type of its own; without one the sum is `hidden`.
    pub residual: Option<Tensor<3>>,
    /// Factor on every sequence of `hidden`, `[B]`: what drop path draws. It has no gradient.
    pub row_scale: Option<Tensor<1>>,
    /// `[D]`
    pub weight: Tensor<1>,
    /// `[D]`; layer norm only.
    pub bias: Option<Tensor<1>>,
}

impl AddNormInput {
    /// A norm of `hidden` alone.
    pub fn new(hidden: Tensor<3>, weight: Tensor<1>) -> Self {
        Self {
            hidden,
            residual: None,
            row_scale: None,
            weight,
            bias: None,
        }
    }

    /// # Panics
    ///
    /// Panics with the operand, the expected and the given shape.
    pub(super) fn check(&self) {
        let expect = Shapes {
            operator: "add_norm",
        };
        let [batch, length, channels] = self.hidden.dims();
        assert!(channels > 0, "add_norm: channels must be positive");
        if let Some(residual) = &self.residual {
            expect.equal("residual", residual.dims(), [batch, length, channels]);
        }
        if let Some(scale) = &self.row_scale {
            expect.equal("row_scale", scale.dims(), [batch]);
        }
        expect.equal("weight", self.weight.dims(), [channels]);
        if let Some(bias) = &self.bias {
            expect.equal("bias", bias.dims(), [channels]);
        }
    }
}

/// Which norm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NormKind {
    /// By the root mean square (arXiv 1910.07467).
    Rms,
    /// By mean and variance (arXiv 1607.06450).
    Layer,
}

/// How the operator runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AddNormOptions {
    /// Which norm.
    pub kind: NormKind,
    /// Added under the root.
    pub epsilon: f64,
    /// Where no residual stream comes in, one in 32 bits leaves; else it has the type of `hidden`.
    pub residual_in_fp32: bool,
}

impl AddNormOptions {
    /// Type of the sum.
    pub(super) fn stream(self, hidden: DType, residual: Option<DType>) -> DType {
        match residual {
            Some(residual) => residual,
            None if self.residual_in_fp32 && hidden != DType::F64 => DType::F32,
            None => hidden,
        }
    }
}

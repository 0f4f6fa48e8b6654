//! Operands and options of the fused addition and norm.

use burn::tensor::{DType, Tensor};

use crate::native::Shapes;

/// Operands of [`add_norm`](super::add_norm). Shapes: B batch, L length, D channels.
#[derive(Clone, Debug)]
pub struct AddNormInput {
    /// Hidden state that is added to the residual stream, `[B, L, D]`.
    pub hidden: Tensor<3>,
    /// Residual stream, `[B, L, D]`, in a float type of its own; the sum is `hidden` alone if absent.
    pub residual: Option<Tensor<3>>,
    /// Factor of every batch element's hidden state, `[B]`: what stochastic depth draws. It receives no
    /// gradient.
    pub row_scale: Option<Tensor<1>>,
    /// Scale of the norm, `[D]`.
    pub weight: Tensor<1>,
    /// Shift of the norm, `[D]`.
    pub bias: Option<Tensor<1>>,
}

impl AddNormInput {
    /// The operands every norm needs; the others are absent.
    pub fn new(hidden: Tensor<3>, weight: Tensor<1>) -> Self {
        Self {
            hidden,
            residual: None,
            row_scale: None,
            weight,
            bias: None,
        }
    }

    /// Sets the residual stream, `[B, L, D]`.
    #[must_use]
    pub fn with_residual(mut self, residual: Tensor<3>) -> Self {
        self.residual = Some(residual);
        self
    }

    /// Sets the factors of the hidden state, `[B]`.
    #[must_use]
    pub fn with_row_scale(mut self, row_scale: Tensor<1>) -> Self {
        self.row_scale = Some(row_scale);
        self
    }

    /// Sets the shift, `[D]`.
    #[must_use]
    pub fn with_bias(mut self, bias: Tensor<1>) -> Self {
        self.bias = Some(bias);
        self
    }

    /// Type of the residual stream behind the addition.
    pub(super) fn stream(&self, options: AddNormOptions) -> DType {
        match (&self.residual, self.hidden.dtype()) {
            (Some(residual), _) => residual.dtype(),
            (None, DType::F16 | DType::BF16) if options.residual_in_fp32 => DType::F32,
            (None, dtype) => dtype,
        }
    }

    /// Checks every operand's shape against `hidden`.
    ///
    /// # Panics
    ///
    /// Panics with the operand, the expected and the given shape.
    pub(super) fn check(&self) {
        let expect = Shapes {
            operator: "add_norm",
        };
        let shape @ [batch, _, channels] = self.hidden.dims();
        assert!(
            shape.iter().all(|size| *size > 0),
            "add_norm: `hidden` is empty: {shape:?}"
        );
        expect.equal("weight", self.weight.dims(), [channels]);
        if let Some(residual) = &self.residual {
            expect.equal("residual", residual.dims(), shape);
        }
        if let Some(row_scale) = &self.row_scale {
            expect.equal("row_scale", row_scale.dims(), [batch]);
        }
        if let Some(bias) = &self.bias {
            expect.equal("bias", bias.dims(), [channels]);
        }
    }
}

/// Which norm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NormKind {
    /// Root mean square (arXiv 1910.07467).
    #[default]
    Rms,
    /// Mean and variance (arXiv 1607.06450).
    Layer,
}

/// How an addition and norm runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AddNormOptions {
    /// The norm.
    pub kind: NormKind,
    /// Added to the mean square or the variance.
    pub epsilon: f64,
    /// Without a residual stream to continue, start one in 32 bits even if `hidden` is 16-bit; otherwise in
    /// the type of `hidden`.
    pub residual_in_fp32: bool,
}

impl Default for AddNormOptions {
    /// RMS norm, ε = 1e-5, a 32-bit stream: what Mamba models use.
    fn default() -> Self {
        Self {
            kind: NormKind::Rms,
            epsilon: 1e-5,
            residual_in_fp32: true,
        }
    }
}

//! Batch normalisation of rows (arXiv 1502.03167), by the statistics of the batch at hand.
//!
//! Per column, over the n rows that are real, with `s = 1 / √(v + ε)`:
//!
//! ```text
//! m = Σ x / n        v = Σ (x − m)² / n        x̂ = (x − m) s        y = x̂ w + b
//! ```
//!
//! and, as m and v depend on every row,
//!
//! ```text
//! db = Σ dy        dw = Σ dy x̂        dx = s w (dy − db / n − x̂ dw / n)
//! ```
//!
//! By tensor operations that is some thirty launches forward and backward, on matrices that a large GPU reads in a few microseconds. Here it
//! is three each way: parts of the rows side by side, the parts' results together, and then every row by itself. `cube/` says how.
//!
//! **Moments.** A sum of squares less the square of the sum has no digits left where the mean is large. Every part takes count, mean and
//! squared deviations from its own mean, and two are put together as Chan, Golub and LeVeque do (Updating formulae and a pairwise algorithm
//! for computing sample variances, 1979), with `δ = m_b − m_a` and `n = n_a + n_b`:
//!
//! ```text
//! m = m_a + δ n_b / n        M = M_a + M_b + δ² n_a n_b / n
//! ```
//!
//! That reads the rows once and is as exact as two passes. Parts and their order depend on the shape alone: results are the same in every run.
//!
//! **Padding.** Which rows are real, and how many, is read on the device and never brought back, so that a recorded step can be repeated with
//! another batch. What is in other rows does not matter, infinities included; they come out as zeros.
//!
//! On the CPU, and in 64 bits, it is the reference.

#[cfg(feature = "gpu")]
mod autodiff;
#[cfg(feature = "gpu")]
mod cube;
#[cfg(feature = "gpu")]
mod fusion;
#[cfg(feature = "gpu")]
mod ops;
pub mod reference;
#[cfg(test)]
mod tests;

use burn::tensor::Tensor;

use crate::native::Shapes;

/// Operands of [`batch_norm`]. Shapes: R rows, D columns.
#[derive(Clone, Debug)]
pub struct BatchNormInput {
    /// `[R, D]`, of any float type.
    pub x: Tensor<2>,
    /// Scale, `[D]`.
    pub weight: Tensor<1>,
    /// Shift, `[D]`.
    pub bias: Tensor<1>,
    /// Which rows are no padding; all of them if absent.
    pub real: Option<Real>,
}

/// Rows that are no padding. Neither receives a gradient.
#[derive(Clone, Debug)]
pub struct Real {
    /// 1 for a row that is real, 0 for padding, `[R, 1]`, 32-bit.
    pub weights: Tensor<2>,
    /// How many are real, at least 1, `[1]`, 32-bit.
    pub count: Tensor<1>,
}

/// Results of [`batch_norm`].
#[derive(Clone, Debug)]
pub struct BatchNormOutput {
    /// `[R, D]` in the type of x, zero in rows that are padding.
    pub y: Tensor<2>,
    /// Mean of the batch, `[D]`, 32-bit and without gradient.
    pub mean: Tensor<1>,
    /// Variance of the batch, `[D]`, 32-bit and without gradient.
    pub variance: Tensor<1>,
    /// The variance with Bessel's correction, `v n / (n − 1)`, `[D]`, 32-bit and without gradient; `v` for one row.
    pub unbiased: Tensor<1>,
}

impl BatchNormInput {
    fn check(&self) {
        let expect = Shapes {
            operator: "batch_norm",
        };
        let [rows, columns] = self.x.dims();
        expect.equal("weight", self.weight.dims(), [columns]);
        expect.equal("bias", self.bias.dims(), [columns]);
        if let Some(real) = &self.real {
            expect.equal("real.weights", real.weights.dims(), [rows, 1]);
            expect.equal("real.count", real.count.dims(), [1]);
        }
    }
}

/// Normalises every column by its mean and variance over the rows; arithmetic is 32-bit for operands of up to 32 bits. Gradients flow to x,
/// weight and bias, through the statistics too.
///
/// # Panics
///
/// Panics if the operands' shapes disagree (see [`BatchNormInput`]).
pub fn batch_norm(input: BatchNormInput, epsilon: f64) -> BatchNormOutput {
    input.check();
    #[cfg(feature = "gpu")]
    if crate::native::has_cube_kernels(&input.x.device(), input.x.dtype())
        && !input.x.dims().contains(&0)
    {
        return native(input, epsilon);
    }
    reference::batch_norm(input, epsilon)
}

#[cfg(feature = "gpu")]
fn native(input: BatchNormInput, epsilon: f64) -> BatchNormOutput {
    use burn::backend::Dispatch;
    use burn::tensor::DType;
    use ops::{BatchNormOps, BatchNormTensors};
    let parameter = |t: Tensor<1>| t.cast(DType::F32).into_dispatch();
    let (weights, count) = match input.real {
        Some(real) => (Some(real.weights.cast(DType::F32)), Some(real.count)),
        None => (None, None),
    };
    let tensors = BatchNormTensors {
        x: input.x.into_dispatch(),
        weight: parameter(input.weight),
        bias: parameter(input.bias),
        real: weights.map(Tensor::into_dispatch).into(),
        count: count.map(parameter).into(),
    };
    let results = Dispatch::batch_norm_forward(tensors, epsilon);
    BatchNormOutput {
        y: Tensor::from_dispatch(results.y),
        mean: Tensor::from_dispatch(results.mean),
        variance: Tensor::from_dispatch(results.variance),
        unbiased: Tensor::from_dispatch(results.unbiased),
    }
}

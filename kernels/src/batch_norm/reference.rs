//! Batch normalisation in plain tensor operations.
//!
//! It runs on every device, gives every gradient through burn's autodiff, and computes in 64 bits when x is 64-bit.

use burn::tensor::{DType, Tensor};

use super::{BatchNormInput, BatchNormOutput, Real};

/// As [`batch_norm`](super::batch_norm()).
pub fn batch_norm(input: BatchNormInput, epsilon: f64) -> BatchNormOutput {
    let dtype = input.x.dtype();
    let wide = match dtype {
        DType::F64 => DType::F64,
        _ => DType::F32,
    };
    let real = input.real.map(|real| Real {
        weights: real.weights.cast(wide),
        count: real.count.cast(wide),
    });
    let x = input.x.cast(wide);
    let mean = mean(x.clone(), real.as_ref());
    let centred = x - mean.clone().unsqueeze();
    let variance = self::mean(centred.clone().square(), real.as_ref());
    let unbiased = unbiased(&centred, &variance, real.as_ref());
    let scale = (variance.clone() + epsilon).sqrt().recip() * input.weight.cast(wide);
    let y = centred * scale.unsqueeze() + input.bias.cast(wide).unsqueeze();
    let y = match real {
        Some(real) => y * real.weights,
        None => y,
    };
    let constant = |statistic: Tensor<1>| statistic.detach().cast(DType::F32);
    BatchNormOutput {
        y: y.cast(dtype),
        mean: constant(mean),
        variance: constant(variance),
        unbiased: constant(unbiased),
    }
}

/// Mean over the rows, `[D]`.
fn mean(x: Tensor<2>, real: Option<&Real>) -> Tensor<1> {
    let [rows, columns] = x.dims();
    let sum = |x: Tensor<2>| x.sum_dim(0).reshape([columns]);
    match real {
        Some(real) => sum(x * real.weights.clone()) / real.count.clone(),
        None => sum(x) / rows as f64,
    }
}

/// The variance `v n / (n − 1)` of n rows, `[D]`.
fn unbiased(x: &Tensor<2>, variance: &Tensor<1>, real: Option<&Real>) -> Tensor<1> {
    let variance = variance.clone().detach();
    match real {
        Some(real) => {
            let count = real.count.clone();
            variance * (count.clone() / count.sub_scalar(1.0).clamp_min(1.0))
        }
        None => {
            let rows = x.dims()[0] as f64;
            variance.mul_scalar(rows / (rows - 1.0).max(1.0))
        }
    }
}

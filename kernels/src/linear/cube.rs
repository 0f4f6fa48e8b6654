//! The GPU implementation: products of matrices of all rows.

use burn::backend::tensor::FloatTensor;
use burn::tensor::DType;
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;

use super::ops::{LinearBackward, LinearOps};
use crate::cube::product::{matrix, product, product_over_rows, transposed};
use crate::cube::{float, reshaped};

impl LinearOps for CubeBackend {
    fn linear_forward(x: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self> {
        let weight = matrix(float(weight, x.dtype));
        by_rows(x, &transposed(&weight))
    }
}

impl LinearBackward for CubeBackend {
    fn linear_input(grad: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self> {
        by_rows(grad, &matrix(weight))
    }

    fn linear_weight(
        grad: FloatTensor<Self>,
        x: FloatTensor<Self>,
        dtype: DType,
    ) -> FloatTensor<Self> {
        let sum = product_over_rows(&matrix(grad), &matrix(x));
        let [_, outputs, inputs] = sum.meta.shape().dims();
        float(reshaped(&sum, [outputs, inputs]), dtype)
    }
}

/// `[.., k]` times `[1, k, n]`: `[.., n]`.
fn by_rows(x: CubeTensor, right: &CubeTensor) -> CubeTensor {
    let mut shape = x.meta.shape().clone();
    let last = shape.num_dims() - 1;
    let y = product(&matrix(x), right);
    shape[last] = y.meta.shape()[2];
    reshaped(&y, shape)
}

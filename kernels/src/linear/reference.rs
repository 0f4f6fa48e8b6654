//! The product by burn's: the reference, and what runs on the CPU in types other than 32-bit.

use burn::tensor::Tensor;

/// As [`linear`](super::linear()) without a bias: one product, whatever the leading axes.
pub fn linear<const D: usize>(x: Tensor<D>, weight: Tensor<2>) -> Tensor<D> {
    let mut shape = x.dims();
    let [outputs, inputs] = weight.dims();
    let weight = weight.cast(x.dtype());
    let rows = shape[..D - 1].iter().product();
    let y = x.reshape([rows, inputs]).matmul(weight.transpose());
    shape[D - 1] = outputs;
    y.reshape(shape)
}

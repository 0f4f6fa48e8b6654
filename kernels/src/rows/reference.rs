//! Both operators by burn's operations: the reference, and what runs on the CPU.

use burn::tensor::{DType, Tensor};

/// As [`sum_rows`](super::sum_rows).
pub fn sum_rows<const D: usize>(x: Tensor<D>) -> Tensor<1> {
    let columns = x.dims()[D - 1];
    let rows = x.dims()[..D - 1].iter().product();
    let x: Tensor<2> = x.cast(DType::F32).reshape([rows, columns]);
    x.sum_dim(0).reshape([columns])
}

/// As [`repeat_row`](super::repeat_row): one row, which burn's arithmetic repeats.
pub fn repeat_row<const D: usize>(row: Tensor<1>) -> Tensor<D> {
    row.unsqueeze()
}

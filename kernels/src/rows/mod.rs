//! Sums over the rows of tall matrices, and rows repeated, as biases need them.
//!
//! ```text
//! sum      s_c = Σ x_{r,c} over all rows r
//! repeat   y_{r,c} = x_c
//! ```
//!
//! Each is the other's adjoint. Burn's own sum over the first axis gives a GPU one unit for every few columns, which then walks over all
//! rows: a quarter of a million edges take a millisecond and more, a hundred times what it takes to read them. Here parts of the rows are
//! summed side by side, and then the parts, in a fixed order. On the CPU both are burn's operations.

#[cfg(feature = "gpu")]
mod autodiff;
#[cfg(feature = "gpu")]
mod cube;
#[cfg(feature = "gpu")]
mod fusion;
#[cfg(feature = "gpu")]
pub(crate) mod ops;
pub mod reference;
#[cfg(test)]
mod tests;

use burn::tensor::Tensor;

/// The sum over all axes but the last, in 32 bits.
///
/// - `x` `[.., C]`, of any float type
/// - output `[C]`
pub fn sum_rows<const D: usize>(x: Tensor<D>) -> Tensor<1> {
    #[cfg(feature = "gpu")]
    if crate::native::has_cube_kernels(&x.device(), x.dtype()) {
        use burn::backend::Dispatch;
        use burn::tensor::DType;
        use ops::RowOps;
        let sums = Dispatch::row_sums(x.into_dispatch(), DType::F32);
        return Tensor::from_dispatch(sums);
    }
    reference::sum_rows(x)
}

/// `row` in all rows of a tensor of `shape`, in its own type; no memory is filled with it. Its gradient is summed as by [`sum_rows`].
///
/// - `row` `[C]`
/// - output broadcasts to `shape`, `[.., C]`
///
/// # Panics
///
/// Panics if the last of `shape` is not C.
pub fn repeat_row<const D: usize>(row: Tensor<1>, shape: [usize; D]) -> Tensor<D> {
    let [columns] = row.dims();
    assert!(
        shape[D - 1] == columns,
        "repeat_row: `row` has {columns} columns, `shape` is {shape:?}"
    );
    #[cfg(feature = "gpu")]
    if crate::native::has_cube_kernels(&row.device(), row.dtype()) {
        use burn::backend::Dispatch;
        use ops::RowOps;
        let rows = Dispatch::row_repeated(row.into_dispatch(), shape.to_vec());
        return Tensor::from_dispatch(rows);
    }
    reference::repeat_row(row)
}

//! The interface between the public functions and the GPU implementation.

use burn::backend::{Backend, TensorMetadata, backend_extension, tensor::FloatTensor};
use burn::tensor::{DType, Shape};

/// Reached through burn's dispatch.
#[backend_extension(Cube, Fusion, Autodiff)]
pub(crate) trait RowOps: Backend {
    /// Sums over all axes but the last, `[C]` in type `dtype`, for x `[.., C]`.
    #[fusion(meta = super::fusion::sums)]
    fn row_sums(x: FloatTensor<Self>, dtype: DType) -> FloatTensor<Self>;

    /// `[C]` as `shape`, `[.., C]`. An expansion that the lazy graph sees, so that what reads it is fused as with any broadcast.
    #[fusion(default)]
    fn row_repeated(row: FloatTensor<Self>, shape: Vec<usize>) -> FloatTensor<Self> {
        let mut one = vec![1; shape.len()];
        one[shape.len() - 1] = row.shape()[0];
        Self::float_expand(
            Self::float_reshape(row, Shape::from(one)),
            Shape::from(shape),
        )
    }
}

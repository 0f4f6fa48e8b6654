//! The interface between the public functions and native implementations.

use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, Flex, backend_extension};
use burn::tensor::{Shape, Slice};

/// Reached through burn's dispatch.
#[backend_extension(
    Flex,
    Cube: cfg(feature = "gpu"),
    Fusion: cfg(feature = "gpu")
)]
pub(crate) trait BufferOps: Backend {
    /// A row-major copy in memory of its own.
    #[fusion(meta = super::fusion::first)]
    fn duplicate(tensor: FloatTensor<Self>) -> FloatTensor<Self>;

    /// The target, with the value in its memory.
    #[fusion(meta = super::fusion::target)]
    fn overwrite(target: FloatTensor<Self>, value: FloatTensor<Self>) -> FloatTensor<Self>;

    /// The target, a row, with all elements of the value in its memory from element `first` on.
    #[fusion(meta = super::fusion::row)]
    fn overwrite_part(
        target: FloatTensor<Self>,
        value: FloatTensor<Self>,
        first: usize,
    ) -> FloatTensor<Self>;

    /// [`overwrite`](Self::overwrite) for integers.
    #[fusion(meta = super::fusion::target)]
    fn overwrite_int(target: IntTensor<Self>, value: IntTensor<Self>) -> IntTensor<Self>;
}

/// Tensors on the CPU copy themselves before they are written to.
impl BufferOps for Flex {
    fn duplicate(tensor: FloatTensor<Self>) -> FloatTensor<Self> {
        tensor.to_contiguous()
    }

    fn overwrite(_target: FloatTensor<Self>, value: FloatTensor<Self>) -> FloatTensor<Self> {
        value
    }

    fn overwrite_part(
        target: FloatTensor<Self>,
        value: FloatTensor<Self>,
        first: usize,
    ) -> FloatTensor<Self> {
        let len = value.layout().shape().num_elements();
        let value = Self::float_reshape(value, Shape::new([len]));
        Self::float_slice_assign(target, &[Slice::from(first..first + len)], value)
    }

    fn overwrite_int(_target: IntTensor<Self>, value: IntTensor<Self>) -> IntTensor<Self> {
        value
    }
}

//! The GPU implementation.

use burn::backend::cubecl::dtype_to_storage_type;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::ops::BufferOps;
use crate::cube::{Rows, address_type, empty, spread};

const UNITS: usize = 256;

impl BufferOps for CubeBackend {
    fn duplicate(tensor: FloatTensor<Self>) -> FloatTensor<Self> {
        duplicate(tensor)
    }

    fn overwrite(target: FloatTensor<Self>, value: FloatTensor<Self>) -> FloatTensor<Self> {
        write(&target, 0, value);
        target
    }

    fn overwrite_part(
        target: FloatTensor<Self>,
        value: FloatTensor<Self>,
        first: usize,
    ) -> FloatTensor<Self> {
        write(&target, first, value);
        target
    }

    fn overwrite_int(target: IntTensor<Self>, value: IntTensor<Self>) -> IntTensor<Self> {
        write(&target, 0, value);
        target
    }
}

/// A row-major copy in memory of its own.
pub(crate) fn duplicate(tensor: CubeTensor) -> CubeTensor {
    let copy = empty(&tensor, tensor.meta.shape().clone(), tensor.dtype);
    write(&copy, 0, tensor);
    copy
}

/// Copies every element of `value`, in row-major order, to those of `target` from number `first` on.
fn write(target: &CubeTensor, first: usize, value: CubeTensor) {
    let elements = value.meta.shape().num_elements();
    if elements == 0 {
        return;
    }
    assert!(
        target.is_contiguous(),
        "overwrite: `target` has gaps or another order than row-major"
    );
    let room = target.meta.shape().num_elements();
    assert!(
        first + elements <= room,
        "overwrite: elements {first} to {} of {room}",
        first + elements
    );
    let columns = value.meta.shape().last().copied().unwrap_or(1);
    let value = Rows::new(value, 1);
    // SAFETY: a unit beyond the elements leaves first; the others write one element within the target and read that of
    // the same row and column, at the distance between rows.
    unsafe {
        copy_kernel::launch_unchecked(
            &target.client,
            spread(elements.div_ceil(UNITS)),
            CubeDim::new_1d(UNITS as u32),
            address_type(&[target, &value.tensor]),
            value.tensor.clone().into_buffer_arg(),
            target.clone().into_buffer_arg(),
            first,
            columns,
            value.pitch,
            elements,
            dtype_to_storage_type(target.dtype),
        );
    }
}

#[cube(launch_unchecked, address_type = "dynamic")]
fn copy_kernel<E: Numeric>(
    source: &[E],
    target: &mut [E],
    first: usize,
    columns: usize,
    pitch: usize,
    elements: usize,
    #[define(E)] _dtype: ElemType,
) {
    let element = ABSOLUTE_POS;
    if element >= elements {
        terminate!();
    }
    let row = element / columns;
    target[first + element] = source[row * pitch + element - row * columns];
}

//! Sums of partial results, in a fixed order: gradients are the same in every run.

use burn::backend::cubecl::dtype_to_storage_type;
use burn::tensor::{DType, Shape};
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::tensors::{empty, spread};

const UNITS: usize = 256;

/// Sums `rows` rows of `partials` that start at element `offset`, each as long as `shape`, in 32 bits,
/// and returns the sum in `dtype`.
pub(crate) fn sum_partials(
    partials: &CubeTensor,
    offset: usize,
    rows: usize,
    shape: impl Into<Shape>,
    dtype: DType,
) -> CubeTensor {
    let shape = shape.into();
    let length = shape.num_elements();
    let sum = empty(partials, shape, dtype);
    let address = super::address_type(&[partials, &sum]);
    // SAFETY: the kernel's only index, `row · length + element + offset`, stays within `partials`
    // for every row and element, and surplus units leave first.
    unsafe {
        sum_kernel::launch_unchecked(
            &partials.client,
            spread(length.div_ceil(UNITS)),
            CubeDim::new_1d(UNITS as u32),
            address,
            partials.clone().into_buffer_arg(),
            sum.clone().into_buffer_arg(),
            offset,
            rows,
            length,
            [
                dtype_to_storage_type(partials.dtype),
                dtype_to_storage_type(dtype),
            ],
        );
    }
    sum
}

#[cube(launch_unchecked, address_type = "dynamic")]
fn sum_kernel<P: Float, F: Float>(
    partials: &[P],
    sum: &mut [F],
    offset: usize,
    rows: usize,
    length: usize,
    #[define(P, F)] _dtypes: [ElemType; 2],
) {
    let element = ABSOLUTE_POS;
    if element >= length {
        terminate!();
    }
    let mut total = f32::new(0.0);
    for row in 0..rows {
        total += f32::cast_from(partials[offset + row * length + element]);
    }
    sum[element] = F::cast_from(total);
}

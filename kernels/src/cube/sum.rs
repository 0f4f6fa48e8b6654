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
    // Many rows of few elements would leave most of a device idle; eight units share an element.
    let groups = if rows < 32 { 1 } else { 8 };
    let lanes = UNITS / groups;
    // SAFETY: the kernel reads `row · length + element + offset` for rows below the count and elements
    // below the length, which stays within `partials`, and writes elements below the length.
    unsafe {
        sum_kernel::launch_unchecked(
            &partials.client,
            spread(length.div_ceil(lanes)),
            CubeDim::new_2d(lanes as u32, groups as u32),
            address,
            partials.clone().into_buffer_arg(),
            sum.clone().into_buffer_arg(),
            offset,
            rows,
            length,
            groups,
            [
                dtype_to_storage_type(partials.dtype),
                dtype_to_storage_type(dtype),
            ],
        );
    }
    sum
}

/// Unit `(x, y)` sums every `groups`-th row from row `y`; the units of an element are then added in
/// order.
#[cube(launch_unchecked, address_type = "dynamic")]
fn sum_kernel<P: Float, F: Float>(
    partials: &[P],
    sum: &mut [F],
    offset: usize,
    rows: usize,
    length: usize,
    #[comptime] groups: usize,
    #[define(P, F)] _dtypes: [ElemType; 2],
) {
    let lanes = comptime!(UNITS / groups);
    let element = CUBE_POS * lanes + UNIT_POS_X as usize;
    // A surplus unit repeats the last element.
    let column = offset + min(element, length - 1);
    let mut row = UNIT_POS_Y as usize;
    let mut total = f32::new(0.0);
    // Four loads are under way together.
    while row + comptime!(3 * groups) < rows {
        let first = f32::cast_from(partials[column + row * length]);
        let second = f32::cast_from(partials[column + (row + groups) * length]);
        let third = f32::cast_from(partials[column + (row + comptime!(2 * groups)) * length]);
        let fourth = f32::cast_from(partials[column + (row + comptime!(3 * groups)) * length]);
        total = total + first + second + third + fourth;
        row += comptime!(4 * groups);
    }
    while row < rows {
        total += f32::cast_from(partials[column + row * length]);
        row += groups;
    }
    if comptime!(groups > 1) {
        let mut shared = Shared::<[f32]>::new_slice(UNITS);
        shared[UNIT_POS as usize] = total;
        sync_cube();
        #[unroll]
        for group in 1..groups {
            total += shared[comptime!(group * lanes) + UNIT_POS_X as usize];
        }
    }
    if UNIT_POS_Y == 0 && element < length {
        sum[element] = F::cast_from(total);
    }
}

//! The GPU implementation: a cube a part.

use burn::backend::cubecl::dtype_to_storage_type;
use burn::backend::tensor::FloatTensor;
use burn_cubecl::CubeBackend;
use cubecl::prelude::*;

use super::ops::{SquareOps, SquarePlan};
use crate::cube::{Rows, address_type};

const UNITS: usize = 256;

impl SquareOps for CubeBackend {
    fn sum_squares(
        sums: FloatTensor<Self>,
        tensor: FloatTensor<Self>,
        plan: SquarePlan,
    ) -> FloatTensor<Self> {
        let columns = tensor.meta.shape().last().copied().unwrap_or(1);
        let elements = tensor.meta.shape().num_elements();
        let width = if columns.is_multiple_of(4) { 4 } else { 1 };
        let tensor = Rows::new(tensor, width);
        let vectors = elements / width;
        // SAFETY: every cube reads vectors of its own share, below their count, at the distance between rows, and writes
        // one sum; the caller counts sums such that `first + parts` is within them.
        unsafe {
            squares_kernel::launch_unchecked(
                &sums.client,
                CubeCount::Static(plan.parts as u32, 1, 1),
                CubeDim::new_1d(UNITS as u32),
                address_type(&[&tensor.tensor]),
                width,
                tensor.tensor.clone().into_buffer_arg(),
                sums.clone().into_buffer_arg(),
                ExtentLaunch::new(
                    plan.first,
                    vectors,
                    vectors.div_ceil(plan.parts),
                    columns / width,
                    tensor.pitch / width,
                ),
                dtype_to_storage_type(tensor.tensor.dtype),
            );
        }
        sums
    }
}

/// Sizes, in vectors.
#[derive(CubeType, CubeLaunch, Clone, Copy, Debug)]
struct Extent {
    /// Number of the first sum.
    first: usize,
    /// In all.
    vectors: usize,
    /// Of a part.
    share: usize,
    /// Of a row.
    columns: usize,
    /// From one row to the next.
    pitch: usize,
}

#[cube(launch_unchecked, address_type = "dynamic")]
fn squares_kernel<F: Float, N: Size>(
    tensor: &[Vector<F, N>],
    sums: &mut [f32],
    extent: Extent,
    #[define(F)] _dtype: ElemType,
) {
    let start = CUBE_POS * extent.share;
    let end = min(start + extent.share, extent.vectors);
    let mut at = start + UNIT_POS as usize;
    let mut total = Vector::<f32, N>::new(0.0);
    while at < end {
        let row = at / extent.columns;
        let value =
            Vector::<f32, N>::cast_from(tensor[row * extent.pitch + at - row * extent.columns]);
        total += value * value;
        at += comptime!(UNITS);
    }
    let mut sum = f32::new(0.0);
    #[unroll]
    for i in 0..N::value() {
        sum += total.extract(i);
    }
    let mut shared = Shared::<[f32]>::new_slice(UNITS);
    shared[UNIT_POS as usize] = sum;
    sync_cube();
    #[unroll]
    for round in 0..comptime!(UNITS.ilog2() as usize) {
        let others = comptime!(UNITS >> (round + 1));
        if (UNIT_POS as usize) < others {
            sum += shared[UNIT_POS as usize + others];
            shared[UNIT_POS as usize] = sum;
        }
        sync_cube();
    }
    if UNIT_POS == 0 {
        sums[extent.first + CUBE_POS] = sum;
    }
}

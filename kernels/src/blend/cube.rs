//! The GPU implementation.

use burn::backend::tensor::FloatTensor;
use burn_cubecl::CubeBackend;
use cubecl::prelude::*;

use super::ops::{BlendOps, BlendPlan};
use crate::cube::{Rows, address_type, contiguous, spread, vector, writable};

const UNITS: usize = 256;

impl BlendOps for CubeBackend {
    fn blend(
        average: FloatTensor<Self>,
        current: FloatTensor<Self>,
        table: FloatTensor<Self>,
        plan: BlendPlan,
    ) -> FloatTensor<Self> {
        let average = writable(average, plan.in_place);
        let elements = average.meta.shape().num_elements();
        if elements == 0 {
            return average;
        }
        let columns = average.meta.shape().last().copied().unwrap_or(1);
        let width = vector(columns);
        let current = Rows::new(current, width);
        // SAFETY: a unit beyond the vectors leaves first; the others read and write one vector of the average below their
        // count, and read the other's of the same row and column. The table holds two numbers from `first`.
        unsafe {
            blend_kernel::launch_unchecked(
                &average.client,
                spread((elements / width).div_ceil(UNITS)),
                CubeDim::new_1d(UNITS as u32),
                address_type(&[&average, &current.tensor]),
                width,
                average.clone().into_buffer_arg(),
                current.tensor.clone().into_buffer_arg(),
                contiguous(table).into_buffer_arg(),
                plan.first,
                columns / width,
                current.pitch / width,
                elements / width,
            );
        }
        average
    }
}

#[cube(launch_unchecked, address_type = "dynamic")]
fn blend_kernel<N: Size>(
    average: &mut [Vector<f32, N>],
    current: &[Vector<f32, N>],
    table: &[f32],
    first: usize,
    columns: usize,
    pitch: usize,
    vectors: usize,
) {
    let at = ABSOLUTE_POS;
    if at >= vectors {
        terminate!();
    }
    let row = at / columns;
    let mut blended = average[at] * Vector::new(table[first]);
    if table[first + 1] != 0.0 {
        let new = current[row * pitch + at - row * columns];
        blended += new * Vector::new(table[first + 1]);
    }
    average[at] = blended;
}

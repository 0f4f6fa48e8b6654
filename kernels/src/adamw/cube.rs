//! The GPU implementation: one launch a parameter.

use burn::backend::tensor::FloatTensor;
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::ops::{AdamWOps, AdamWPlan, AdamWTensors};
use crate::cube::{Rows, address_type, contiguous, spread, writable};

const UNITS: usize = 256;

impl AdamWOps for CubeBackend {
    fn adamw_step(
        input: AdamWTensors<Self>,
        plan: AdamWPlan,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let own = |tensor: CubeTensor| writable(tensor, plan.options.in_place);
        let parameter = own(input.parameter);
        let (first, second) = (own(input.first), own(input.second));
        let shape = parameter.meta.shape();
        let (elements, columns) = (shape.num_elements(), shape.last().copied().unwrap_or(1));
        if elements == 0 {
            return (parameter, first, second);
        }
        let width = if columns.is_multiple_of(4) { 4 } else { 1 };
        let gradient = Rows::new(input.gradient, width);
        let (scale, table) = (contiguous(input.grad_scale), contiguous(input.table));
        let vectors = elements / width;
        // SAFETY: a unit beyond the vectors leaves first; the others read and write one vector of parameter and moments
        // below their count, and read the gradient's of the same row and column, at the distance between
        // rows. The table holds three numbers from `first_dial`.
        unsafe {
            adamw_kernel::launch_unchecked(
                &parameter.client,
                spread(vectors.div_ceil(UNITS)),
                CubeDim::new_1d(UNITS as u32),
                address_type(&[&parameter, &gradient.tensor]),
                width,
                parameter.clone().into_buffer_arg(),
                gradient.tensor.clone().into_buffer_arg(),
                first.clone().into_buffer_arg(),
                second.clone().into_buffer_arg(),
                scale.into_buffer_arg(),
                table.into_buffer_arg(),
                FormLaunch::new(
                    columns / width,
                    gradient.pitch / width,
                    vectors,
                    plan.first_dial,
                    plan.options.beta_1,
                    plan.options.beta_2,
                    plan.options.epsilon,
                ),
            );
        }
        (parameter, first, second)
    }
}

/// Sizes and constants.
#[derive(CubeType, CubeLaunch, Clone, Copy, Debug)]
struct Form {
    /// Vectors of a row.
    columns: usize,
    /// Vectors from one row of the gradient to the next.
    pitch: usize,
    /// Vectors in all.
    vectors: usize,
    first_dial: usize,
    beta_1: f32,
    beta_2: f32,
    epsilon: f32,
}

#[cube(launch_unchecked, address_type = "dynamic")]
fn adamw_kernel<N: Size>(
    parameter: &mut [Vector<f32, N>],
    gradient: &[Vector<f32, N>],
    first: &mut [Vector<f32, N>],
    second: &mut [Vector<f32, N>],
    grad_scale: &[f32],
    table: &[f32],
    form: Form,
) {
    let at = ABSOLUTE_POS;
    if at >= form.vectors || grad_scale[0] < 0.0 {
        terminate!();
    }
    let row = at / form.columns;
    let g = gradient[row * form.pitch + at - row * form.columns] * Vector::new(grad_scale[0]);
    let one = f32::new(1.0);
    let m = first[at] * Vector::new(form.beta_1) + g * Vector::new(one - form.beta_1);
    let v = second[at] * Vector::new(form.beta_2) + g * g * Vector::new(one - form.beta_2);
    let decay = Vector::new(table[form.first_dial]);
    let size = Vector::new(table[form.first_dial + 1]);
    let correction = Vector::new(table[form.first_dial + 2]);
    let root = v.sqrt() / correction + Vector::new(form.epsilon);
    first[at] = m;
    second[at] = v;
    parameter[at] = parameter[at] * decay - m / root * size;
}

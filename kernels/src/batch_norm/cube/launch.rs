//! Operands, workspaces and launches.

use burn::backend::TensorMetadata;
use burn::backend::cubecl::dtype_to_storage_type;
use burn::tensor::DType;
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::backward::{PitchesLaunch, rows_kernel, sums_kernel, totals_kernel};
use super::form::Division;
use super::forward::{moments_kernel, normalise_kernel, statistics_kernel};
use crate::batch_norm::ops::{
    BatchNormBackwardTensors, BatchNormGrads, BatchNormResults, BatchNormTensors,
};
use crate::cube::{Rows, address_type, contiguous, empty, float};

/// Normalised rows and statistics.
pub(super) fn forward(
    input: BatchNormTensors<CubeBackend>,
    epsilon: f64,
) -> BatchNormResults<CubeBackend> {
    let shape @ [_, columns] = input.x.shape().dims();
    let reduction = Division::into_parts(shape);
    let x = Rows::new(input.x, reduction.vector);
    let pitch = x.pitch / reduction.vector;
    let real = input.real.into_option().map(parameter);
    let (weight, bias) = (parameter(input.weight), parameter(input.bias));
    let moments = empty(&x.tensor, [reduction.parts, 3, columns], DType::F32);
    let [mean, variance, unbiased] = [(); 3].map(|()| empty(&weight, [columns], DType::F32));
    let y = empty(&x.tensor, shape, x.tensor.dtype);
    let read = real.as_ref().unwrap_or(&weight);
    let masked = real.is_some();
    let dtype = dtype_to_storage_type(x.tensor.dtype);

    // SAFETY, of the three: a unit reads rows of its part, below their count, and columns below theirs, at the distance between rows; it
    // writes its part's moments, a column's statistics or its own elements of y, if the column is below the count.
    unsafe {
        moments_kernel::launch_unchecked(
            &x.tensor.client,
            reduction.cubes(),
            reduction.units(),
            address_type(&[&x.tensor, &moments]),
            reduction.vector,
            buffer(&x.tensor),
            buffer(read),
            buffer(&moments),
            pitch,
            reduction.extent(shape),
            reduction.form(masked),
            dtype,
        );
    }
    let union = Division::of_parts(columns);
    // SAFETY: as above.
    unsafe {
        statistics_kernel::launch_unchecked(
            &x.tensor.client,
            union.cubes(),
            union.units(),
            address_type(&[&moments]),
            union.vector,
            buffer(&moments),
            buffer(&mean),
            buffer(&variance),
            buffer(&unbiased),
            union.extent([reduction.parts, columns]),
            union.form(false),
        );
    }
    let map = Division::by_rows(shape);
    // SAFETY: as above.
    unsafe {
        normalise_kernel::launch_unchecked(
            &x.tensor.client,
            map.cubes(),
            map.units(),
            address_type(&[&x.tensor, &y]),
            map.vector,
            buffer(&x.tensor),
            buffer(&mean),
            buffer(&variance),
            buffer(&weight),
            buffer(&bias),
            buffer(read),
            buffer(&y),
            pitch,
            epsilon as f32,
            map.extent(shape),
            map.form(masked),
            dtype,
        );
    }
    BatchNormResults {
        y,
        mean,
        variance,
        unbiased,
    }
}

/// Gradients of every operand.
pub(super) fn backward(
    input: BatchNormBackwardTensors<CubeBackend>,
    epsilon: f64,
) -> BatchNormGrads<CubeBackend> {
    let shape @ [rows, columns] = input.x.shape().dims();
    let reduction = Division::into_parts(shape);
    let x = Rows::new(input.x, reduction.vector);
    let d_y = Rows::new(float(input.d_y, x.tensor.dtype), reduction.vector);
    let [mean, variance, weight] = [input.mean, input.variance, input.weight].map(parameter);
    let real = input.real.into_option().map(parameter);
    let count = input.count.into_option().map(parameter);
    let sums = empty(&x.tensor, [reduction.parts, 2, columns], DType::F32);
    let [d_weight, d_bias] = [(); 2].map(|()| empty(&weight, [columns], DType::F32));
    let slopes = empty(&weight, [3, columns], DType::F32);
    let d_x = empty(&x.tensor, shape, x.tensor.dtype);
    let read = real.as_ref().unwrap_or(&weight);
    let masked = real.is_some();
    let dtype = dtype_to_storage_type(x.tensor.dtype);
    let pitches = || PitchesLaunch::new(x.pitch / reduction.vector, d_y.pitch / reduction.vector);

    // SAFETY, of the three: as in the forward pass.
    unsafe {
        sums_kernel::launch_unchecked(
            &x.tensor.client,
            reduction.cubes(),
            reduction.units(),
            address_type(&[&x.tensor, &d_y.tensor, &sums]),
            reduction.vector,
            buffer(&x.tensor),
            buffer(&d_y.tensor),
            buffer(&mean),
            buffer(&variance),
            buffer(read),
            buffer(&sums),
            pitches(),
            epsilon as f32,
            reduction.extent(shape),
            reduction.form(masked),
            dtype,
        );
    }
    let union = Division::of_parts(columns);
    // SAFETY: as above.
    unsafe {
        totals_kernel::launch_unchecked(
            &x.tensor.client,
            union.cubes(),
            union.units(),
            address_type(&[&sums]),
            union.vector,
            buffer(&sums),
            buffer(&variance),
            buffer(&weight),
            buffer(count.as_ref().unwrap_or(&weight)),
            buffer(&d_weight),
            buffer(&d_bias),
            buffer(&slopes),
            rows as f32,
            epsilon as f32,
            union.extent([reduction.parts, columns]),
            union.form(masked),
        );
    }
    let map = Division::by_rows(shape);
    // SAFETY: as above.
    unsafe {
        rows_kernel::launch_unchecked(
            &x.tensor.client,
            map.cubes(),
            map.units(),
            address_type(&[&x.tensor, &d_y.tensor, &d_x]),
            map.vector,
            buffer(&x.tensor),
            buffer(&d_y.tensor),
            buffer(&mean),
            buffer(&slopes),
            buffer(read),
            buffer(&d_x),
            pitches(),
            map.extent(shape),
            map.form(masked),
            dtype,
        );
    }
    BatchNormGrads {
        x: d_x,
        weight: d_weight,
        bias: d_bias,
    }
}

fn parameter(tensor: CubeTensor) -> CubeTensor {
    contiguous(float(tensor, DType::F32))
}

fn buffer(tensor: &CubeTensor) -> BufferArg {
    tensor.clone().into_buffer_arg()
}

//! Operands, workspaces and launches.

use burn::backend::TensorMetadata;
use burn::backend::cubecl::dtype_to_storage_type;
use burn::tensor::{DType, Shape};
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::backward::backward_kernel;
use super::form::{ExtentLaunch, Form, LayoutLaunch};
use super::forward::forward_kernel;
use crate::add_norm::ops::{AddNormOutput, AddNormTensors, NormGrads, NormTensors};
use crate::add_norm::{AddNormOptions, NormKind};
use crate::cube::{Partials, Rows, address_type, contiguous, empty, part, spread};
use crate::native::Optional;

/// Rows of units that sum the parameters' gradients: enough to fill a device, few enough that their sum
/// costs little; a multiple of what [`Partials`] sums at a time.
const PARTS: usize = 2048;

pub(super) fn forward(
    input: AddNormTensors<CubeBackend>,
    options: AddNormOptions,
) -> AddNormOutput<CubeBackend> {
    let shape = input.hidden.shape();
    let stream = options.stream(
        input.hidden.dtype,
        input.residual.as_option().map(TensorMetadata::dtype),
    );
    let hidden = Rows::new(input.hidden, 1);
    let residual = input.residual.into_option().map(|t| Rows::new(t, 1));
    let scale = input.row_scale.into_option().map(contiguous);
    let weight = contiguous(input.weight);
    let bias = input.bias.into_option().map(contiguous);

    let stream_rows = residual.as_ref().unwrap_or(&hidden);
    let vector = vector(&shape, [&hidden, stream_rows]);
    let mut form = form(&shape, vector, options, bias.is_some());
    form.residual = residual.is_some();
    form.scale = scale.is_some();
    let normal = empty(&hidden.tensor, shape.clone(), hidden.tensor.dtype);
    let sum = empty(&hidden.tensor, shape.clone(), stream);
    // Without a residual stream the kernel reads none, but wants a buffer of its type.
    let no_stream = residual.as_ref().map_or(&sum, |rows| &rows.tensor);
    let cubes = rows(&shape).div_ceil(form.rows);
    // SAFETY: rows are read at numbers below the count and vectors below a row's, and results are written
    // there only.
    unsafe {
        forward_kernel::launch_unchecked(
            &hidden.tensor.client,
            spread(cubes),
            CubeDim::new_2d(form.lanes as u32, form.rows as u32),
            address_type(&[&hidden.tensor, no_stream, &sum]),
            vector,
            buffer(&hidden.tensor),
            buffer(no_stream),
            buffer(scale.as_ref().unwrap_or(&weight)),
            buffer(&weight),
            buffer(bias.as_ref().unwrap_or(&weight)),
            buffer(&normal),
            buffer(&sum),
            extent(&shape, vector, options),
            layout(&hidden, vector),
            layout(stream_rows, vector),
            form,
            [
                dtype_to_storage_type(hidden.tensor.dtype),
                dtype_to_storage_type(stream),
            ],
        );
    }
    AddNormOutput {
        normal,
        residual: sum,
    }
}

pub(super) fn backward(
    input: NormTensors<CubeBackend>,
    options: AddNormOptions,
    grad: CubeTensor,
) -> NormGrads<CubeBackend> {
    let shape = input.residual.shape();
    let [_, _, channels] = shape.dims();
    let sum = Rows::new(input.residual, 1);
    let grad = Rows::new(grad, 1);
    let weight = contiguous(input.weight);
    let has_bias = input.bias.as_option().is_some();
    let vector = vector(&shape, [&sum, &grad]);
    let form = form(&shape, vector, options, has_bias);
    let parts = rows(&shape).next_multiple_of(form.rows).min(PARTS);
    let sums = if has_bias { 2 } else { 1 };
    let d_sum = empty(&sum.tensor, shape.clone(), sum.tensor.dtype);
    let partials = empty(&sum.tensor, [parts, sums, channels], DType::F32);
    // SAFETY: as for the forward kernel; partial sums are written at parts below the count.
    unsafe {
        backward_kernel::launch_unchecked(
            &sum.tensor.client,
            spread(parts.div_ceil(form.rows)),
            CubeDim::new_2d(form.lanes as u32, form.rows as u32),
            address_type(&[&sum.tensor, &grad.tensor, &partials]),
            vector,
            buffer(&sum.tensor),
            buffer(&weight),
            buffer(&grad.tensor),
            buffer(&d_sum),
            buffer(&partials),
            extent(&shape, vector, options),
            layout(&sum, vector),
            layout(&grad, vector),
            parts,
            form,
            [
                dtype_to_storage_type(grad.tensor.dtype),
                dtype_to_storage_type(sum.tensor.dtype),
            ],
        );
    }
    let parameters = Partials {
        tensor: &partials,
        offset: 0,
        sums: 1,
        rows: parts,
    }
    .sum([sums, channels], DType::F32);
    NormGrads {
        residual: d_sum,
        weight: part(&parameters, 0, [channels]),
        bias: match has_bias {
            true => Optional::Present(part(&parameters, channels, [channels])),
            false => Optional::Absent,
        },
    }
}

fn rows(shape: &Shape) -> usize {
    let [batch, length, _] = shape.dims();
    batch * length
}

fn form(shape: &Shape, vector: usize, options: AddNormOptions, bias: bool) -> Form {
    let [_, _, channels] = shape.dims();
    Form::new(channels / vector, options.kind == NormKind::Layer, bias)
}

fn extent(shape: &Shape, vector: usize, options: AddNormOptions) -> ExtentLaunch {
    let [_, length, channels] = shape.dims();
    ExtentLaunch::new(
        rows(shape),
        length,
        channels / vector,
        channels as f32,
        options.epsilon as f32,
    )
}

/// Elements of a row that a unit reads at once: four, or what divides the row and every distance.
fn vector(shape: &Shape, operands: [&Rows; 2]) -> usize {
    let [_, _, channels] = shape.dims();
    let bits = operands.iter().fold(4 | channels, |bits, rows| {
        let start = rows.tensor.handle.offset_start.unwrap_or(0) as usize;
        bits | rows.first | rows.pitch | (start / rows.tensor.dtype.size())
    });
    1 << bits.trailing_zeros()
}

fn layout(rows: &Rows, vector: usize) -> LayoutLaunch {
    LayoutLaunch::new(rows.first / vector, rows.pitch / vector)
}

fn buffer(tensor: &CubeTensor) -> BufferArg {
    tensor.clone().into_buffer_arg()
}

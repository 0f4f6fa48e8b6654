//! Operands, workspaces and launches.

use burn::backend::TensorMetadata;
use burn::backend::cubecl::dtype_to_storage_type;
use burn::backend::ops::FloatTensorOps;
use burn::tensor::{DType, Slice};
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::backward::{PitchesLaunch, backward_kernel};
use super::form::{ExtentLaunch, Form};
use super::forward::forward_kernel;
use super::strategy::{Division, Pass, divide};
use crate::add_norm::NormKind;
use crate::add_norm::ops::{AddNormBackwardTensors, AddNormGrads, AddNormPlan, AddNormTensors};
use crate::cube::{Partials, Rows, address_type, contiguous, empty, float, spread};

/// The normalised state and the sum, divided in this way if one is given.
pub(super) fn forward(
    input: AddNormTensors<CubeBackend>,
    plan: AddNormPlan,
    division: Option<Division>,
) -> (CubeTensor, CubeTensor) {
    let shape @ [batch, length, channels] = input.hidden.shape().dims();
    let rows = batch * length;
    let division =
        division.unwrap_or_else(|| divide(&input.hidden.client, rows, channels, Pass::Forward));
    let width = division.width;
    let form = form(&plan, channels, division, plan.adds());
    let hidden = Rows::new(input.hidden.clone(), width);
    let residual = input.residual.into_option().map(|t| Rows::new(t, width));
    let row_scale = input.row_scale.into_option().map(parameter);
    let weight = parameter(input.weight);
    let bias = input.bias.into_option().map(parameter);
    let normal = empty(&hidden.tensor, shape, plan.hidden);
    let sum = match plan.adds() {
        true => empty(&hidden.tensor, shape, plan.stream),
        false => empty(&hidden.tensor, [width], plan.stream),
    };
    let read = residual.as_ref().unwrap_or(&hidden);
    // SAFETY: surplus cubes leave first; rows are read below the count and vectors below the channels,
    // at pitches that the vector width divides, and written where both are the unit's own.
    unsafe {
        forward_kernel::launch_unchecked(
            &hidden.tensor.client,
            spread(division.parts),
            CubeDim::new_2d(form.lanes as u32, form.rows as u32),
            address_type(&[&hidden.tensor, &read.tensor, &normal, &sum]),
            width,
            buffer(&hidden.tensor),
            buffer(&read.tensor),
            buffer(row_scale.as_ref().unwrap_or(&weight)),
            buffer(&weight),
            buffer(bias.as_ref().unwrap_or(&weight)),
            buffer(&normal),
            buffer(&sum),
            hidden.pitch / width,
            read.pitch / width,
            extent(&plan, shape, width),
            division.parts,
            form,
            [plan.hidden, plan.stream].map(dtype_to_storage_type),
        );
    }
    match plan.adds() {
        true => (normal, sum),
        false => (normal, input.hidden),
    }
}

/// Gradients of every operand, divided in this way if one is given.
pub(super) fn backward(
    input: AddNormBackwardTensors<CubeBackend>,
    plan: AddNormPlan,
    division: Option<Division>,
) -> AddNormGrads<CubeBackend> {
    let shape @ [batch, length, channels] = input.sum.shape().dims();
    let rows = batch * length;
    let division =
        division.unwrap_or_else(|| divide(&input.sum.client, rows, channels, Pass::Backward));
    let (width, parts) = (division.width, division.parts);
    let d_sum = input.d_sum.into_option();
    let form = form(&plan, channels, division, d_sum.is_some());
    let sum = Rows::new(input.sum, width);
    let d_normal = Rows::new(float(input.d_normal, plan.hidden), width);
    let d_sum = d_sum.map(|t| Rows::new(float(t, plan.stream), width));
    let row_scale = input.row_scale.into_option().map(parameter);
    let weight = parameter(input.weight);
    let hidden = empty(&sum.tensor, shape, plan.hidden);
    let residual = match plan.two_gradients() {
        true => empty(&sum.tensor, shape, plan.stream),
        false => empty(&sum.tensor, [width], plan.stream),
    };
    let partials = empty(
        &sum.tensor,
        [parts, form.parameters(), channels],
        DType::F32,
    );
    let elsewhere = d_sum.as_ref().unwrap_or(&sum);
    // SAFETY: as for the forward kernel; partial sums are numbered by cube, parameter and vector, all
    // below their counts.
    unsafe {
        backward_kernel::launch_unchecked(
            &sum.tensor.client,
            spread(parts),
            CubeDim::new_2d(form.lanes as u32, form.rows as u32),
            address_type(&[
                &sum.tensor,
                &d_normal.tensor,
                &elsewhere.tensor,
                &hidden,
                &residual,
                &partials,
            ]),
            width,
            buffer(&sum.tensor),
            buffer(&d_normal.tensor),
            buffer(&elsewhere.tensor),
            buffer(row_scale.as_ref().unwrap_or(&weight)),
            buffer(&weight),
            buffer(&hidden),
            buffer(&residual),
            buffer(&partials),
            PitchesLaunch::new(
                sum.pitch / width,
                d_normal.pitch / width,
                elsewhere.pitch / width,
            ),
            extent(&plan, shape, width),
            parts,
            form,
            [plan.hidden, plan.stream].map(dtype_to_storage_type),
        );
    }
    let sums = Partials {
        tensor: &partials,
        offset: 0,
        sums: 1,
        rows: parts,
    }
    .sum([form.parameters(), channels], DType::F32);
    AddNormGrads {
        hidden,
        residual: plan.two_gradients().then_some(residual).into(),
        weight: row(&sums, 0),
        bias: plan.bias.then(|| row(&sums, 1)).into(),
    }
}

fn form(plan: &AddNormPlan, channels: usize, division: Division, sum: bool) -> Form {
    Form {
        width: division.width,
        lanes: division.lanes,
        rows: division.rows,
        share: (channels / division.width).div_ceil(division.lanes),
        layer: plan.options.kind == NormKind::Layer,
        residual: plan.residual,
        scaled: plan.scaled,
        bias: plan.bias,
        sum,
        two_gradients: plan.two_gradients(),
    }
}

fn extent(plan: &AddNormPlan, shape: [usize; 3], width: usize) -> ExtentLaunch {
    let [batch, length, channels] = shape;
    ExtentLaunch::new(
        length,
        batch * length,
        channels / width,
        1.0 / channels as f32,
        plan.options.epsilon as f32,
    )
}

fn parameter(tensor: CubeTensor) -> CubeTensor {
    contiguous(float(tensor, DType::F32))
}

fn buffer(tensor: &CubeTensor) -> BufferArg {
    tensor.clone().into_buffer_arg()
}

/// One row of a matrix.
fn row(matrix: &CubeTensor, row: usize) -> CubeTensor {
    let columns = matrix.meta.shape()[1];
    let slice = |from: usize, to: usize| Slice::new(from as isize, Some(to as isize), 1);
    let row = CubeBackend::float_slice(matrix.clone(), &[slice(row, row + 1), slice(0, columns)]);
    CubeBackend::float_reshape(row, [columns].into())
}

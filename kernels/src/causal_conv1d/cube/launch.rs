//! Operands, workspaces and launches.

use burn::backend::TensorMetadata;
use burn::backend::cubecl::dtype_to_storage_type;
use burn::backend::ops::FloatTensorOps;
use burn::tensor::{DType, Slice};
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::backward::backward_kernel;
use super::form::{ExtentLaunch, Form, StridesLaunch};
use super::forward::forward_kernel;
use super::strategy::{Division, Pass, Shape, divide, width};
use crate::causal_conv1d::ConvOptions;
use crate::causal_conv1d::ops::{ConvGrads, ConvTensors};
use crate::cube::{Partials, Units, address_type, contiguous, empty, float, spread};

/// A convolution's operands, in the types that the kernels read, and its sizes.
pub(super) struct Problem {
    /// In place through strides, like the gradient.
    x: CubeTensor,
    weight: CubeTensor,
    bias: Option<CubeTensor>,
    initial_columns: Option<CubeTensor>,
    reset: Option<CubeTensor>,
    shape: Shape,
    options: ConvOptions,
}

impl Problem {
    pub(super) fn new(input: ConvTensors<CubeBackend>, options: ConvOptions) -> Self {
        let [batch, length, channels] = input.x.shape().dims();
        let [_, taps] = input.weight.shape().dims();
        let dtype = input.x.dtype;
        let parameter = |t| contiguous(float(t, DType::F32));
        Self {
            x: rows(input.x, dtype),
            weight: parameter(input.weight),
            bias: input.bias.into_option().map(parameter),
            initial_columns: input
                .initial_columns
                .into_option()
                .map(|t| contiguous(float(t, dtype))),
            reset: input.reset.into_option().map(parameter),
            shape: Shape {
                batch,
                length,
                channels,
                taps,
            },
            options,
        }
    }

    /// The convolution, `[B, L, D]`.
    pub(super) fn forward(&self) -> CubeTensor {
        let width = width(alignment(&self.x), self.shape.taps);
        self.forward_as(divide(&self.x.client, self.shape, width, Pass::Forward))
    }

    /// The convolution, divided in this way.
    pub(super) fn forward_as(&self, division: Division) -> CubeTensor {
        let form = self.form(division);
        let out = empty(&self.x, self.x.shape(), self.x.dtype);
        let cubes = division.parts * self.blocks(division);
        // SAFETY: surplus cubes and units leave first; tokens are read at numbers below the length
        // through x's own strides, which the vector width divides like the channels, and written
        // at numbers below the end of a run.
        unsafe {
            forward_kernel::launch_unchecked(
                &self.x.client,
                spread(cubes),
                CubeDim::new_2d(form.lanes as u32, form.rows as u32),
                address_type(&[&self.x, &out]),
                form.width,
                buffer(&self.x),
                buffer(&self.weight),
                self.parameter(&self.bias),
                self.columns(),
                self.parameter(&self.reset),
                buffer(&out),
                strides(&self.x, form.width),
                self.extent(division),
                cubes,
                form,
                dtype_to_storage_type(self.x.dtype),
            );
        }
        out
    }

    /// All gradients, from that of the output.
    pub(super) fn backward(&self, grad: CubeTensor) -> ConvGrads<CubeBackend> {
        let grad = rows(grad, self.x.dtype);
        let alignment = alignment(&self.x).min(alignment(&grad));
        let width = width(alignment, self.shape.taps);
        let division = divide(&self.x.client, self.shape, width, Pass::Backward);
        self.backward_as(grad, division)
    }

    /// All gradients, divided in this way, from that of the output in the type of `x`.
    pub(super) fn backward_as(
        &self,
        grad: CubeTensor,
        division: Division,
    ) -> ConvGrads<CubeBackend> {
        let width = division.width;
        let form = self.form(division);
        let channels = self.shape.channels;
        let d_x = empty(&self.x, self.x.shape(), self.x.dtype);
        let d_columns = match &self.initial_columns {
            Some(columns) => empty(&self.x, columns.shape(), self.x.dtype),
            None => empty(&self.x, [width], self.x.dtype),
        };
        let parts = division.parts;
        let partials = empty(&self.x, [parts, form.sums(), channels], DType::F32);
        // SAFETY: as for the forward kernel; rows of initial columns are numbered below K − 1, and
        // partial sums by part, parameter and vectors below the count.
        unsafe {
            backward_kernel::launch_unchecked(
                &self.x.client,
                spread(parts * self.blocks(division)),
                CubeDim::new_2d(form.lanes as u32, form.rows as u32),
                address_type(&[&self.x, &grad, &d_x, &partials]),
                width,
                buffer(&self.x),
                buffer(&self.weight),
                self.parameter(&self.bias),
                self.columns(),
                self.parameter(&self.reset),
                buffer(&grad),
                buffer(&d_x),
                buffer(&d_columns),
                buffer(&partials),
                strides(&self.x, width),
                strides(&grad, width),
                self.extent(division),
                parts,
                shared_sums(form),
                form,
                dtype_to_storage_type(self.x.dtype),
            );
        }
        let sums = Partials {
            tensor: &partials,
            offset: 0,
            sums: 1,
            rows: parts,
        }
        .sum([form.sums(), channels], DType::F32);
        ConvGrads {
            x: d_x,
            weight: CubeBackend::float_swap_dims(part(&sums, 0..form.taps), 0, 1),
            bias: self
                .bias
                .as_ref()
                .map(|_| {
                    let row = part(&sums, form.taps..form.taps + 1);
                    CubeBackend::float_reshape(row, [channels].into())
                })
                .into(),
            initial_columns: self.initial_columns.as_ref().map(|_| d_columns).into(),
        }
    }

    fn form(&self, division: Division) -> Form {
        Form {
            taps: self.shape.taps,
            width: division.width,
            lanes: division.lanes,
            rows: division.rows,
            steps: division.steps,
            units: Units::of(&self.x.device),
            silu: self.options.silu,
            reverse: self.options.reverse,
            bias: self.bias.is_some(),
            columns: self.initial_columns.is_some(),
            reset: self.reset.is_some(),
        }
    }

    fn extent(&self, division: Division) -> ExtentLaunch {
        let runs = self.shape.length.div_ceil(division.run);
        ExtentLaunch::new(
            self.shape.length,
            self.shape.channels / division.width,
            division.run,
            runs,
            runs * self.shape.batch,
        )
    }

    /// Blocks of channels.
    fn blocks(&self, division: Division) -> usize {
        (self.shape.channels / division.width).div_ceil(division.lanes)
    }

    /// A 32-bit operand; where absent, one that the kernel does not read.
    fn parameter(&self, tensor: &Option<CubeTensor>) -> BufferArg {
        buffer(tensor.as_ref().unwrap_or(&self.weight))
    }

    /// The initial columns; where absent, an operand that the kernel does not read.
    fn columns(&self) -> BufferArg {
        buffer(self.initial_columns.as_ref().unwrap_or(&self.x))
    }
}

fn buffer(tensor: &CubeTensor) -> BufferArg {
    tensor.clone().into_buffer_arg()
}

/// The tensor `[B, L, D]` in a float type, in place if the channels of a token lie side by side.
fn rows(tensor: CubeTensor, dtype: DType) -> CubeTensor {
    let tensor = float(tensor, dtype);
    let (shape, strides) = (tensor.meta.shape(), tensor.meta.strides());
    let dense = !tensor.meta.is_tiled() && (strides[2] == 1 || shape[2] == 1);
    if dense { tensor } else { contiguous(tensor) }
}

/// Distances between sequences and between tokens, in elements; zero where there is but one.
fn distances(tensor: &CubeTensor) -> [usize; 2] {
    let (shape, strides) = (tensor.meta.shape(), tensor.meta.strides());
    [0, 1].map(|axis| if shape[axis] > 1 { strides[axis] } else { 0 })
}

/// A number that divides the channels, and in elements the start of every token.
fn alignment(tensor: &CubeTensor) -> usize {
    let start = tensor.handle.offset_start.unwrap_or(0) as usize / tensor.dtype.size();
    let [batch, token] = distances(tensor);
    // The lowest bit that is set in any of them.
    let bits = tensor.meta.shape()[2] | start | batch | token;
    1 << bits.trailing_zeros()
}

fn strides(tensor: &CubeTensor, width: usize) -> StridesLaunch {
    let [batch, token] = distances(tensor);
    StridesLaunch::new(batch / width, token / width)
}

/// Sums that pass through shared memory together: all, or what 16 KiB hold.
fn shared_sums(form: Form) -> usize {
    let bytes = form.cube() * form.width * size_of::<f32>();
    (16 * 1024 / bytes).clamp(1, form.sums())
}

/// The rows `range` of a matrix.
fn part(matrix: &CubeTensor, range: std::ops::Range<usize>) -> CubeTensor {
    let slice = |range: std::ops::Range<usize>| {
        Slice::new(range.start as isize, Some(range.end as isize), 1)
    };
    let columns = matrix.meta.shape()[1];
    CubeBackend::float_slice(matrix.clone(), &[slice(range), slice(0..columns)])
}

//! Operands, workspaces and launches.

use burn::backend::TensorMetadata;
use burn::backend::cubecl::dtype_to_storage_type;
use burn::backend::ops::FloatTensorOps;
use burn::tensor::{DType, Slice};
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::backward::backward_kernel;
use super::form::{ExtentLaunch, Form};
use super::forward::forward_kernel;
use super::strategy::{Division, Pass, Shape, divide, width};
use super::tokens::Tokens;
use crate::causal_conv1d::ConvOptions;
use crate::causal_conv1d::ops::{ConvGrads, ConvTensors};
use crate::cube::{Partials, Units, address_type, contiguous, empty, float, spread};

/// A convolution's operands, in the types that the kernels read, and its sizes.
pub(crate) struct Problem {
    x: Tokens,
    weight: CubeTensor,
    bias: Option<CubeTensor>,
    initial_columns: Option<CubeTensor>,
    reset: Option<CubeTensor>,
    shape: Shape,
    options: ConvOptions,
}

/// Parameters of a convolution over tokens of a larger tensor.
pub(crate) struct Filter {
    /// Sequences.
    pub(crate) batch: usize,
    /// `[D, K]`
    pub(crate) weight: CubeTensor,
    /// `[D]`
    pub(crate) bias: Option<CubeTensor>,
    /// `[B, L]`
    pub(crate) reset: Option<CubeTensor>,
}

impl Problem {
    pub(super) fn new(input: ConvTensors<CubeBackend>, options: ConvOptions) -> Self {
        let [batch, length, channels] = input.x.shape().dims();
        let [_, taps] = input.weight.shape().dims();
        let dtype = input.x.dtype;
        let parameter = |t| contiguous(float(t, DType::F32));
        Self {
            x: Tokens::new(input.x, dtype),
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

    /// The same convolution over some tokens of a larger tensor: no initial columns, and parameters
    /// in 32 bits.
    pub(crate) fn within(x: Tokens, filter: Filter, options: ConvOptions) -> Self {
        let [_, taps] = filter.weight.shape().dims();
        Self {
            shape: Shape {
                batch: filter.batch,
                length: x.batch / x.token,
                channels: x.channels,
                taps,
            },
            x,
            weight: contiguous(filter.weight),
            bias: filter.bias.map(contiguous),
            initial_columns: None,
            reset: filter.reset.map(contiguous),
            options,
        }
    }

    /// Any operand: it knows the device and the type.
    fn like(&self) -> &CubeTensor {
        &self.x.tensor
    }

    /// A new tensor for tokens like those of `x`.
    pub(super) fn output(&self) -> Tokens {
        let Shape {
            batch,
            length,
            channels,
            ..
        } = self.shape;
        let tensor = empty(self.like(), [batch, length, channels], self.like().dtype);
        Tokens::within(&tensor, 0, length, channels, channels)
    }

    /// The convolution, `[B, L, D]`.
    pub(super) fn forward(&self) -> CubeTensor {
        let out = self.output();
        self.forward_into(&out);
        out.tensor
    }

    /// Writes the convolution.
    pub(crate) fn forward_into(&self, out: &Tokens) {
        let alignment = self.x.alignment().min(out.alignment());
        let width = width(alignment, self.shape.taps);
        let division = divide(&self.like().client, self.shape, width, Pass::Forward);
        self.forward_as(out, division);
    }

    /// Writes the convolution, divided in this way.
    pub(super) fn forward_as(&self, out: &Tokens, division: Division) {
        let form = self.form(division);
        let cubes = division.parts * self.blocks(division);
        // SAFETY: surplus cubes and units leave first; tokens are read at numbers below the length
        // through x's own strides, which the vector width divides like the channels, and written
        // at numbers below the end of a run.
        unsafe {
            forward_kernel::launch_unchecked(
                &self.like().client,
                spread(cubes),
                CubeDim::new_2d(form.lanes as u32, form.rows as u32),
                address_type(&[self.like(), &out.tensor]),
                form.width,
                buffer(self.like()),
                buffer(&self.weight),
                self.parameter(&self.bias),
                self.columns(),
                self.parameter(&self.reset),
                buffer(&out.tensor),
                self.x.strides(form.width),
                self.extent(division, out),
                cubes,
                form,
                dtype_to_storage_type(self.like().dtype),
            );
        }
    }

    /// All gradients, from that of the output.
    pub(super) fn backward(&self, grad: CubeTensor) -> ConvGrads<CubeBackend> {
        let (grad, d_x) = (Tokens::new(grad, self.like().dtype), self.output());
        self.backward_into(&grad, d_x)
    }

    /// All gradients, that of `x` in a place of its own, from that of the output in the type of `x`.
    pub(crate) fn backward_into(&self, grad: &Tokens, d_x: Tokens) -> ConvGrads<CubeBackend> {
        let alignment = [&self.x, grad, &d_x].map(Tokens::alignment);
        let width = width(alignment.into_iter().min().unwrap_or(1), self.shape.taps);
        let division = divide(&self.like().client, self.shape, width, Pass::Backward);
        self.backward_as(grad, d_x, division)
    }

    /// All gradients, divided in this way.
    pub(super) fn backward_as(
        &self,
        grad: &Tokens,
        d_x: Tokens,
        division: Division,
    ) -> ConvGrads<CubeBackend> {
        let width = division.width;
        let form = self.form(division);
        let channels = self.shape.channels;
        let dtype = self.like().dtype;
        let d_columns = match &self.initial_columns {
            Some(columns) => empty(self.like(), columns.shape(), dtype),
            None => empty(self.like(), [width], dtype),
        };
        let parts = division.parts;
        let partials = empty(self.like(), [parts, form.sums(), channels], DType::F32);
        // SAFETY: as for the forward kernel; rows of initial columns are numbered below K − 1, and
        // partial sums by part, parameter and vectors below the count.
        unsafe {
            backward_kernel::launch_unchecked(
                &self.like().client,
                spread(parts * self.blocks(division)),
                CubeDim::new_2d(form.lanes as u32, form.rows as u32),
                address_type(&[self.like(), &grad.tensor, &d_x.tensor, &partials]),
                width,
                buffer(self.like()),
                buffer(&self.weight),
                self.parameter(&self.bias),
                self.columns(),
                self.parameter(&self.reset),
                buffer(&grad.tensor),
                buffer(&d_x.tensor),
                buffer(&d_columns),
                buffer(&partials),
                self.x.strides(width),
                grad.strides(width),
                self.extent(division, &d_x),
                parts,
                shared_sums(form),
                form,
                dtype_to_storage_type(dtype),
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
            x: d_x.tensor,
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
            units: Units::of(&self.like().device),
            silu: self.options.silu,
            reverse: self.options.reverse,
            bias: self.bias.is_some(),
            columns: self.initial_columns.is_some(),
            reset: self.reset.is_some(),
        }
    }

    fn extent(&self, division: Division, out: &Tokens) -> ExtentLaunch {
        let runs = self.shape.length.div_ceil(division.run);
        ExtentLaunch::new(
            self.shape.length,
            self.shape.channels / division.width,
            division.run,
            runs,
            runs * self.shape.batch,
            out.strides(division.width),
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
        buffer(self.initial_columns.as_ref().unwrap_or(self.like()))
    }
}

fn buffer(tensor: &CubeTensor) -> BufferArg {
    tensor.clone().into_buffer_arg()
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

//! Operands, workspaces and launches.

use burn::backend::TensorMetadata;
use burn::backend::cubecl::dtype_to_storage_type;
use burn::backend::ops::FloatTensorOps;
use burn::tensor::DType;
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::NOTHING;
use super::backward::backward_kernel;
use super::chunks::{First, Recurrence, chain_kernel, ends_kernel};
use super::form::{ExtentLaunch, Form, PitchesLaunch};
use super::forward::forward_kernel;
use super::strategy::{Pass, Shape, blocks, chunk, tile};
use crate::cube::{Partials, Rows, Units, address_type, contiguous, empty, float, part, spread};
use crate::selective_scan::ops::{Emit, ScanGrads, ScanPlan, ScanTensors};

/// A scan's operands, activations in one float type, and its sizes.
pub(super) struct Problem {
    u: Rows,
    delta: Rows,
    a: CubeTensor,
    b: Rows,
    c: Rows,
    skip: Option<CubeTensor>,
    z: Option<Rows>,
    delta_bias: Option<CubeTensor>,
    /// `[B, N, D]`
    initial_state: Option<CubeTensor>,
    reset: Option<CubeTensor>,
    shape: Shape,
    plan: ScanPlan,
}

impl Problem {
    pub(super) fn new(input: ScanTensors<CubeBackend>, plan: ScanPlan) -> Self {
        let [batch, length, channels] = input.u.shape().dims();
        let [_, _, groups, states] = input.b.shape().dims();
        let shape = Shape {
            batch,
            length,
            channels,
            groups,
            states,
        };
        let (client, dtype) = (input.u.client.clone(), input.u.dtype);
        // Both passes read columns and states in the same vectors.
        let tile = tile(&client, shape, Pass::Forward, plan);
        let activation = |t| Rows::new(float(t, dtype), tile.channels);
        let matrix = |t| Rows::new(float(t, dtype), tile.matrix_vector(states));
        let parameter = |t| contiguous(float(t, DType::F32));
        Self {
            u: activation(input.u),
            delta: activation(input.delta),
            a: parameter(input.a),
            b: matrix(input.b),
            c: matrix(input.c),
            skip: input.skip.into_option().map(parameter),
            z: input.z.into_option().map(activation),
            delta_bias: input.delta_bias.into_option().map(parameter),
            // The kernels want channels last everywhere.
            initial_state: input
                .initial_state
                .into_option()
                .map(|t| parameter(CubeBackend::float_swap_dims(t, 1, 2))),
            reset: input.reset.into_option().map(parameter),
            shape,
            plan,
        }
    }

    /// Any operand: it knows the device and the type.
    fn like(&self) -> &CubeTensor {
        &self.u.tensor
    }

    fn form(&self, pass: Pass) -> Form {
        let like = self.like();
        let tile = tile(&like.client, self.shape, pass, self.plan);
        Form {
            tile,
            units: Units::of(&like.device),
            softplus: self.plan.options.delta_softplus,
            reverse: self.plan.options.reverse,
            both: self.plan.emit == Emit::SumOfDirections,
            skip: self.skip.is_some(),
            gate: self.z.is_some(),
            bias: self.delta_bias.is_some(),
            reset: self.reset.is_some(),
            start: false,
            state: self.plan.emit == Emit::OutputAndState,
            keep: self.plan.keep_states,
            interval: self.plan.interval,
            whole_states: tile.whole(self.shape.states),
        }
    }

    /// Distances between the rows of the operands and of the output's gradient.
    fn pitches(&self, form: Form, grad: usize) -> PitchesLaunch {
        let column = form.tile.channels;
        let matrix = form.tile.matrix_vector(self.shape.states);
        PitchesLaunch::new(
            self.u.pitch / column,
            self.delta.pitch / column,
            self.z.as_ref().map_or(0, |z| z.pitch / column),
            self.b.pitch / matrix,
            self.c.pitch / matrix,
            grad / column,
        )
    }

    /// Sizes, with channels in columns of `column`.
    fn extent(&self, chunk: usize, column: usize) -> ExtentLaunch {
        let Shape {
            batch,
            length,
            channels,
            groups,
            states,
        } = self.shape;
        ExtentLaunch::new(
            batch,
            length,
            channels / column,
            groups,
            states,
            length.div_ceil(chunk),
            chunk,
        )
    }

    /// The output that the plan names, and the kept states.
    pub(super) fn forward(&self) -> (CubeTensor, CubeTensor) {
        let Shape {
            batch,
            length,
            channels,
            states,
            ..
        } = self.shape;
        let mut form = self.form(Pass::Forward);
        let chunk = self.chunk(form, Pass::Forward);
        let chunks = length.div_ceil(chunk);
        let start = if chunks > 1 {
            form.start = true;
            let first = match &self.initial_state {
                Some(state) => (First::State, state),
                None => (First::Zero, &self.a),
            };
            Some(self.chained(form, chunk, Recurrence::State, &self.u, first))
        } else if let Some(state) = &self.initial_state {
            form.start = true;
            Some(state.clone())
        } else {
            None
        };

        let out = if form.state {
            empty(self.like(), [batch, length + states, channels], DType::F32)
        } else {
            empty(self.like(), [batch, length, channels], self.like().dtype)
        };
        let kept = if form.keep {
            let marks = length.div_ceil(form.interval);
            empty(self.like(), [batch, marks, states, channels], DType::F32)
        } else {
            empty(self.like(), [NOTHING], DType::F32)
        };
        let cubes = batch * chunks * blocks(self.shape, form.tile);
        // SAFETY: a cube beyond the count leaves first; every access is guarded by the sequence
        // length, the channels of its group and the number of states.
        unsafe {
            forward_kernel::launch_unchecked(
                &self.like().client,
                spread(cubes),
                CubeDim::new_2d(form.tile.lanes as u32, form.tile.groups as u32),
                address_type(&[&self.u.tensor, &self.b.tensor, &out, &kept]),
                form.tile.states,
                form.tile.channels,
                form.tile.matrix_vector(self.shape.states),
                buffer(&self.u.tensor),
                buffer(&self.delta.tensor),
                buffer(&self.a),
                buffer(&self.b.tensor),
                buffer(&self.c.tensor),
                self.parameter(&self.skip),
                self.activation(&self.z),
                self.parameter(&self.delta_bias),
                self.parameter(&start),
                self.parameter(&self.reset),
                buffer(&out),
                buffer(&kept),
                self.extent(chunk, form.tile.channels),
                self.pitches(form, 0),
                cubes,
                form,
                [self.element(), dtype_to_storage_type(out.dtype)],
            );
        }
        (self.sum_of_directions(form, out, 0), kept)
    }

    /// Tokens per chunk.
    fn chunk(&self, form: Form, pass: Pass) -> usize {
        chunk(&self.like().client, self.shape, form.tile, pass, self.plan)
    }

    /// The values that enter every chunk, `[B, chunks, N, D]`.
    fn chained(
        &self,
        form: Form,
        chunk: usize,
        recurrence: Recurrence,
        grad: &Rows,
        first: (First, &CubeTensor),
    ) -> CubeTensor {
        let Shape {
            batch,
            length,
            channels,
            states,
            ..
        } = self.shape;
        let chunks = length.div_ceil(chunk);
        let ends = empty(self.like(), [batch, chunks, states, channels], DType::F32);
        let factors = empty(self.like(), [batch, chunks, states, channels], DType::F32);
        let cubes = batch * chunks * blocks(self.shape, form.tile);
        let (matrix, input) = match recurrence {
            Recurrence::State => (&self.b, &self.u),
            Recurrence::Adjoint => (&self.c, self.z.as_ref().unwrap_or(&self.u)),
        };
        let (matrix, input) = (&matrix.tensor, &input.tensor);
        // SAFETY: as for the forward kernel.
        unsafe {
            ends_kernel::launch_unchecked(
                &self.like().client,
                spread(cubes),
                CubeDim::new_2d(form.tile.lanes as u32, form.tile.groups as u32),
                address_type(&[&self.u.tensor, &self.b.tensor, &grad.tensor, &ends]),
                form.tile.states,
                form.tile.channels,
                form.tile.matrix_vector(self.shape.states),
                buffer(input),
                buffer(&self.delta.tensor),
                buffer(&self.a),
                buffer(matrix),
                self.parameter(&self.delta_bias),
                self.parameter(&self.reset),
                buffer(&grad.tensor),
                buffer(&ends),
                buffer(&factors),
                self.extent(chunk, form.tile.channels),
                self.pitches(form, grad.pitch),
                cubes,
                recurrence,
                form,
                [self.element(), dtype_to_storage_type(grad.tensor.dtype)],
            );
            const UNITS: usize = 128;
            chain_kernel::launch_unchecked(
                &self.like().client,
                spread((batch * states * channels).div_ceil(UNITS)),
                CubeDim::new_1d(UNITS as u32),
                address_type(&[&ends, first.1]),
                buffer(&ends),
                buffer(&factors),
                buffer(first.1),
                self.extent(chunk, 1),
                first.0,
                recurrence,
            );
        }
        ends
    }

    /// All gradients, from the kept states and the gradient of the output.
    pub(super) fn backward(&self, kept: CubeTensor, grad: CubeTensor) -> ScanGrads<CubeBackend> {
        let Shape {
            batch,
            length,
            channels,
            groups,
            states,
        } = self.shape;
        let mut form = self.form(Pass::Backward);
        let grad = if form.state {
            Rows::new(contiguous(grad), form.tile.channels)
        } else {
            Rows::new(grad, form.tile.channels)
        };
        let chunk = self.chunk(form, Pass::Backward);
        let chunks = length.div_ceil(chunk);
        let carries = if chunks > 1 {
            form.start = true;
            let first = if form.state {
                (First::Grad, &grad.tensor)
            } else {
                (First::Zero, &self.a)
            };
            Some(self.chained(form, chunk, Recurrence::Adjoint, &grad, first))
        } else {
            None
        };

        let dtype = self.like().dtype;
        let elements = batch * length * channels;
        let grads = empty(self.like(), [3, batch, length, channels], dtype);
        let per_group = blocks(self.shape, form.tile) / groups;
        let matrix = batch * length * groups * states;
        let parts = batch * chunks;
        let directions = if form.both { 2 } else { 1 };
        let column = form.tile.channels;
        // Behind the sums, in elements: the gradient of the initial state.
        let at_state = parts * (states + 2) * channels;
        let sums = empty(
            self.like(),
            [at_state + batch * states * channels],
            DType::F32,
        );
        let matrices = empty(self.like(), [2 * per_group * matrix], dtype);
        let cubes = parts * blocks(self.shape, form.tile);
        // SAFETY: as for the forward kernel; partial sums stay within their ranges.
        unsafe {
            backward_kernel::launch_unchecked(
                &self.like().client,
                spread(cubes),
                CubeDim::new_2d(form.tile.lanes as u32, form.tile.groups as u32),
                address_type(&[&grads, &matrices, &sums, &kept, &grad.tensor]),
                form.tile.states,
                column,
                form.tile.matrix_vector(self.shape.states),
                buffer(&self.u.tensor),
                buffer(&self.delta.tensor),
                buffer(&self.a),
                buffer(&self.b.tensor),
                buffer(&self.c.tensor),
                self.parameter(&self.skip),
                self.activation(&self.z),
                self.parameter(&self.delta_bias),
                self.parameter(&self.reset),
                buffer(&kept),
                self.parameter(&carries),
                buffer(&grad.tensor),
                buffer(&grads),
                buffer(&matrices),
                buffer(&sums),
                self.extent(chunk, column),
                self.pitches(form, grad.pitch),
                at_state / column,
                cubes,
                form,
                [self.element(), dtype_to_storage_type(grad.tensor.dtype)],
            );
        }

        let activation = |index: usize| part(&grads, index * elements, [batch, length, channels]);
        // Of the gate, which both directions share, the two gradients are summed.
        let z = self.z.as_ref().map(|_| match form.both {
            true => self.sum_of_directions(form, grads.clone(), 2 * elements),
            false => activation(2),
        });
        let matrix_grads = Partials {
            tensor: &matrices,
            offset: 0,
            sums: 1,
            rows: per_group,
        }
        .sum([2, batch, length, groups, states], dtype);
        let matrix_grad = |index: usize| {
            part(
                &matrix_grads,
                index * matrix,
                [batch, length, groups, states],
            )
        };
        let parameters = Partials {
            tensor: &sums,
            offset: 0,
            sums: directions,
            rows: parts / directions,
        }
        .sum([directions, states + 2, channels], DType::F32);
        let rows = |from: usize, count: usize| {
            let slices = [(0, directions), (from, from + count), (0, channels)];
            let slices = slices.map(|(from, to)| (from as isize..to as isize).into());
            CubeBackend::float_slice(parameters.clone(), &slices)
        };
        let channel_grad =
            |row: usize| CubeBackend::float_reshape(rows(row, 1), [directions * channels].into());
        let a = CubeBackend::float_swap_dims(rows(0, states), 1, 2);
        let state = || {
            let shape = [batch, states, channels];
            let state = part(&sums, at_state, shape);
            CubeBackend::float_swap_dims(state, 1, 2)
        };
        ScanGrads {
            u: activation(0),
            delta: activation(1),
            a: CubeBackend::float_reshape(a, [directions * channels, states].into()),
            b: matrix_grad(0),
            c: matrix_grad(1),
            skip: self.skip.as_ref().map(|_| channel_grad(states)).into(),
            z: z.into(),
            delta_bias: self
                .delta_bias
                .as_ref()
                .map(|_| channel_grad(states + 1))
                .into(),
            initial_state: self.initial_state.as_ref().map(|_| state()).into(),
        }
    }

    /// Where both directions ran: the sum of the two halves of `tensor`'s elements from `offset`,
    /// `[B / 2, L, D]`. Else `tensor`.
    fn sum_of_directions(&self, form: Form, tensor: CubeTensor, offset: usize) -> CubeTensor {
        if !form.both {
            return tensor;
        }
        let Shape {
            batch,
            length,
            channels,
            ..
        } = self.shape;
        let dtype = tensor.dtype;
        Partials {
            tensor: &tensor,
            offset,
            sums: 1,
            rows: 2,
        }
        .sum([batch / 2, length, channels], dtype)
    }

    fn element(&self) -> ElemType {
        dtype_to_storage_type(self.like().dtype)
    }

    /// A 32-bit operand; where absent, one that the kernel does not read.
    fn parameter(&self, tensor: &Option<CubeTensor>) -> BufferArg {
        buffer(tensor.as_ref().unwrap_or(&self.a))
    }

    /// An operand in the type of `u`; where absent, one that the kernel does not read.
    fn activation(&self, rows: &Option<Rows>) -> BufferArg {
        buffer(&rows.as_ref().unwrap_or(&self.u).tensor)
    }
}

fn buffer(tensor: &CubeTensor) -> BufferArg {
    tensor.clone().into_buffer_arg()
}

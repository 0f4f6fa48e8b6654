//! Operands, workspaces and launches.

use burn::backend::TensorMetadata;
use burn::backend::cubecl::dtype_to_storage_type;
use burn::backend::ops::FloatTensorOps;
use burn::tensor::DType;
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::NOTHING;
use super::chunks::{First, Recurrence, chain_kernel, ends_kernel};
use super::form::{ExtentLaunch, Form, LayoutLaunch, LayoutsLaunch};
use super::forward::forward_kernel;
use super::strategy::{Pass, Shape, blocks, chunk, tile};
use crate::cube::{Partials, Rows, Units, address_type, contiguous, empty, float, spread};
use crate::selective_scan::ops::{Emit, ScanPlan, ScanTensors};

/// A scan's operands, activations in one float type, and its sizes.
pub(crate) struct Problem {
    pub(super) u: Rows,
    pub(super) delta: Rows,
    pub(super) a: CubeTensor,
    pub(super) b: Rows,
    pub(super) c: Rows,
    pub(super) skip: Option<CubeTensor>,
    pub(super) z: Option<Rows>,
    pub(super) delta_bias: Option<CubeTensor>,
    /// `[B, N, D]`
    pub(super) initial_state: Option<CubeTensor>,
    pub(super) reset: Option<CubeTensor>,
    pub(super) shape: Shape,
    plan: ScanPlan,
}

/// Operands of the scan in a Mamba block of V directions; V sequences of `shape` for one of the block.
pub(crate) struct InnerScan {
    /// `shape.batch` is V · B.
    pub(crate) shape: Shape,
    /// Output of the convolution, `[VB, L, D]`.
    pub(crate) u: CubeTensor,
    /// Step sizes in front of bias and softplus, `[V, BL, D]`.
    pub(crate) delta: CubeTensor,
    /// `[V, D, N]`
    pub(crate) a: CubeTensor,
    /// `[V, D]`
    pub(crate) skip: CubeTensor,
    /// `[V, D]`
    pub(crate) delta_bias: Option<CubeTensor>,
    /// `[V, BL, R + 2N]`: B and C behind R other columns.
    pub(crate) projected: CubeTensor,
    /// R
    pub(crate) rank: usize,
    /// `[B, L, 2D]`: the gate is the second half of every row.
    pub(crate) gate: CubeTensor,
    /// `[B, L]`
    pub(crate) reset: Option<CubeTensor>,
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

    /// The scan inside of a Mamba block, over parts of larger tensors.
    pub(crate) fn inner(scan: InnerScan, plan: ScanPlan) -> Self {
        let InnerScan {
            shape,
            gate,
            projected,
            rank,
            ..
        } = scan;
        let client = scan.u.client.clone();
        let tile = tile(&client, shape, Pass::Forward, plan);
        let vector = tile.matrix_vector(shape.states);
        let matrix = |from| Rows::columns(&projected, from, shape.states, vector);
        Self {
            u: Rows::new(scan.u, tile.channels),
            delta: Rows::new(scan.delta, tile.channels),
            a: scan.a,
            b: matrix(rank),
            c: matrix(rank + shape.states),
            skip: Some(scan.skip),
            z: Some(Rows::columns(
                &gate,
                shape.channels,
                shape.channels,
                tile.channels,
            )),
            delta_bias: scan.delta_bias,
            initial_state: None,
            reset: scan.reset,
            shape,
            plan,
        }
    }

    /// Any operand: it knows the device and the type.
    pub(super) fn like(&self) -> &CubeTensor {
        &self.u.tensor
    }

    pub(super) fn form(&self, pass: Pass) -> Form {
        let like = self.like();
        let tile = tile(&like.client, self.shape, pass, self.plan);
        Form {
            tile,
            units: Units::of(&like.device),
            softplus: self.plan.options.delta_softplus,
            reverse: self.plan.options.reverse,
            both: self.both(),
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

    /// Where the operands and the output's gradient lie.
    pub(super) fn layouts(&self, form: Form, grad: &Rows) -> LayoutsLaunch {
        let column = form.tile.channels;
        let matrix = form.tile.matrix_vector(self.shape.states);
        let layout =
            |rows: &Rows, vector| LayoutLaunch::new(rows.first / vector, rows.pitch / vector);
        LayoutsLaunch::new(
            layout(&self.u, column),
            layout(&self.delta, column),
            layout(self.z.as_ref().unwrap_or(&self.u), column),
            layout(&self.b, matrix),
            layout(&self.c, matrix),
            layout(grad, column),
        )
    }

    /// Sizes, with channels in columns of `column`.
    pub(super) fn extent(&self, chunk: usize, column: usize) -> ExtentLaunch {
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
    pub(crate) fn forward(&self) -> (CubeTensor, CubeTensor) {
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
                self.layouts(form, &self.u),
                cubes,
                form,
                [self.element(), dtype_to_storage_type(out.dtype)],
            );
        }
        let out = if form.both {
            self.sum_of_directions(out, 0)
        } else {
            out
        };
        (out, kept)
    }

    /// Tokens per chunk.
    pub(super) fn chunk(&self, form: Form, pass: Pass) -> usize {
        chunk(&self.like().client, self.shape, form.tile, pass, self.plan)
    }

    /// The values that enter every chunk, `[B, chunks, N, D]`.
    pub(super) fn chained(
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
                self.layouts(form, grad),
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

    /// The sum of both directions' `[B, L, D]`, which lie in `tensor` from element `offset`.
    pub(super) fn sum_of_directions(&self, tensor: CubeTensor, offset: usize) -> CubeTensor {
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

    /// True if two directions run.
    pub(super) fn both(&self) -> bool {
        self.plan.emit == Emit::SumOfDirections
    }

    pub(super) fn element(&self) -> ElemType {
        dtype_to_storage_type(self.like().dtype)
    }

    /// A 32-bit operand; where absent, one that the kernel does not read.
    pub(super) fn parameter(&self, tensor: &Option<CubeTensor>) -> BufferArg {
        buffer(tensor.as_ref().unwrap_or(&self.a))
    }

    /// An operand in the type of `u`; where absent, one that the kernel does not read.
    pub(super) fn activation(&self, rows: &Option<Rows>) -> BufferArg {
        buffer(&rows.as_ref().unwrap_or(&self.u).tensor)
    }
}

pub(super) fn buffer(tensor: &CubeTensor) -> BufferArg {
    tensor.clone().into_buffer_arg()
}

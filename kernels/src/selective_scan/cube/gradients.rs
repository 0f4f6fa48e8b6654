//! The backward pass: its launch, and what becomes of the results.

use burn::backend::cubecl::dtype_to_storage_type;
use burn::backend::ops::FloatTensorOps;
use burn::tensor::{DType, Slice};
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::backward::backward_kernel;
use super::chunks::{First, Recurrence};
use super::launch::{Problem, buffer};
use super::strategy::{Pass, Shape, blocks};
use crate::cube::{Partials, Rows, address_type, contiguous, empty, part, spread};
use crate::selective_scan::ops::ScanGrads;

/// All gradients, as the kernels leave them. V directions are stacked in the batch.
pub(crate) struct Gradients {
    /// Of u, delta and z, `[3, B, L, D]`; of z per direction.
    pub(crate) activations: CubeTensor,
    /// Of B and C, `[2, B, L, G, N]`.
    pub(crate) matrices: CubeTensor,
    /// Of A (N rows), skip and bias, `[V, N + 2, D]`, 32-bit.
    pub(crate) parameters: CubeTensor,
    /// Of the initial state, `[B, N, D]`, 32-bit.
    pub(crate) initial_state: CubeTensor,
}

impl Gradients {
    /// `count` of the `[V, N + 2, D]` rows of parameters, from row `from`, `[V, count, D]`.
    pub(crate) fn parameter_rows(&self, from: usize, count: usize) -> CubeTensor {
        let [directions, _, channels] = self.parameters.meta.shape().dims();
        let slices = [(0, directions), (from, from + count), (0, channels)];
        let slices: [Slice; 3] = slices.map(|(from, to)| (from as isize..to as isize).into());
        CubeBackend::float_slice(self.parameters.clone(), &slices)
    }
}

impl Problem {
    /// All gradients, from the kept states and the gradient of the output.
    pub(crate) fn gradients(&self, kept: CubeTensor, grad: CubeTensor) -> Gradients {
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
                self.layouts(form, &grad),
                at_state / column,
                cubes,
                form,
                [self.element(), dtype_to_storage_type(grad.tensor.dtype)],
            );
        }

        let matrices = Partials {
            tensor: &matrices,
            offset: 0,
            sums: 1,
            rows: per_group,
        }
        .sum([2, batch, length, groups, states], dtype);
        let parameters = Partials {
            tensor: &sums,
            offset: 0,
            sums: directions,
            rows: parts / directions,
        }
        .sum([directions, states + 2, channels], DType::F32);
        Gradients {
            activations: grads,
            matrices,
            parameters,
            initial_state: part(&sums, at_state, [batch, states, channels]),
        }
    }

    /// All gradients, each in the shape of its operand.
    pub(super) fn backward(&self, kept: CubeTensor, grad: CubeTensor) -> ScanGrads<CubeBackend> {
        let Shape {
            batch,
            length,
            channels,
            groups,
            states,
        } = self.shape;
        let grads = self.gradients(kept, grad);
        let both = self.both();
        let directions = if both { 2 } else { 1 };
        let elements = batch * length * channels;
        let activation = |index: usize| {
            part(
                &grads.activations,
                index * elements,
                [batch, length, channels],
            )
        };
        let matrix = |index: usize| {
            let shape = [batch, length, groups, states];
            part(
                &grads.matrices,
                index * shape.iter().product::<usize>(),
                shape,
            )
        };
        let of_channels = |row: usize| {
            let rows = grads.parameter_rows(row, 1);
            CubeBackend::float_reshape(rows, [directions * channels].into())
        };
        let a = CubeBackend::float_swap_dims(grads.parameter_rows(0, states), 1, 2);
        let state = || CubeBackend::float_swap_dims(grads.initial_state.clone(), 1, 2);
        // Of the gate, which both directions share, the two gradients are summed.
        let gate = || match both {
            true => self.sum_of_directions(grads.activations.clone(), 2 * elements),
            false => activation(2),
        };
        ScanGrads {
            u: activation(0),
            delta: activation(1),
            a: CubeBackend::float_reshape(a, [directions * channels, states].into()),
            b: matrix(0),
            c: matrix(1),
            skip: self.skip.as_ref().map(|_| of_channels(states)).into(),
            z: self.z.as_ref().map(|_| gate()).into(),
            delta_bias: self
                .delta_bias
                .as_ref()
                .map(|_| of_channels(states + 1))
                .into(),
            initial_state: self.initial_state.as_ref().map(|_| state()).into(),
        }
    }
}

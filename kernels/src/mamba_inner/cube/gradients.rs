//! The backward pass.

use burn::backend::ops::FloatTensorOps;
use burn::tensor::Slice;
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;

use super::join::{Source, join};
use super::problem::Problem;
use crate::causal_conv1d::ops::ConvGrads;
use crate::cube::narrow::narrow_product;
use crate::cube::product::{product, product_over_rows, transposed};
use crate::cube::{Rows, part};
use crate::mamba_inner::ops::{BranchTensors, InnerGrads, OptionalBranch};
use crate::native::Optional;
use crate::selective_scan::cube::Gradients;

impl Problem {
    /// All gradients. The convolution and the step sizes are recomputed.
    pub(super) fn backward(
        &self,
        projected: CubeTensor,
        states: CubeTensor,
        grad: CubeTensor,
    ) -> InnerGrads<CubeBackend> {
        let c = self.convolved();
        let scan = self.scan(c.clone(), &projected).gradients(states, grad);
        let d_delta = self.activation(&scan, 1);
        let low = self.low_rank(&projected);
        let d_low = product(&d_delta, &self.packed.dt_proj);
        let d_dt_proj = product_over_rows(&d_delta, &low);
        let d_projected = self.joined_projections(&scan, d_low);
        let d_x_proj = product_over_rows(&d_projected, &self.as_rows(&c));
        let d_u = self.activation(&scan, 0);
        let d_c = narrow_product(&d_projected, &self.packed.x_proj, Some(d_u));

        let d_x = self.activations();
        let d_c = Rows::new(d_c, 1);
        let convs: Vec<ConvGrads<CubeBackend>> = (0..self.directions())
            .map(|direction| {
                let grad = crate::causal_conv1d::cube::Tokens::within(
                    &d_c.tensor,
                    direction * self.rows() * d_c.pitch,
                    self.length,
                    self.channels,
                    d_c.pitch,
                );
                let d_x = self.tokens(&d_x, direction);
                self.conv(direction).backward_into(&grad, d_x)
            })
            .collect();

        let parameters = ParameterGrads {
            x_proj: d_x_proj,
            dt_proj: d_dt_proj,
            // A = −exp(a_log), so its derivative is A itself.
            a_log: CubeBackend::float_mul(
                transposed(&scan.parameter_rows(0, self.states)),
                self.packed.a.clone(),
            ),
            skip: scan.parameter_rows(self.states, 1),
            dt_bias: scan.parameter_rows(self.states + 1, 1),
        };
        let mut branches = convs
            .into_iter()
            .enumerate()
            .map(|(direction, conv)| self.branch(direction, conv, &parameters));
        let xz = self.joined_inputs(&d_x, &scan);
        InnerGrads {
            xz,
            forward: branches.next().expect("there is a first direction"),
            backward: branches
                .next()
                .map_or(OptionalBranch::Absent, OptionalBranch::Present),
        }
    }

    /// Gradient of u (0) or delta (1), `[V, BL, D]`.
    fn activation(&self, scan: &Gradients, index: usize) -> CubeTensor {
        let shape = [self.directions(), self.rows(), self.channels];
        let elements: usize = shape.iter().product();
        part(&scan.activations, index * elements, shape)
    }

    /// Gradient of the projections' output, `[V, BL, R + 2N]`.
    fn joined_projections(&self, scan: &Gradients, d_low: CubeTensor) -> CubeTensor {
        let rows = self.directions() * self.rows();
        let states = self.states;
        let matrix = |index: usize| Source {
            tensor: scan.matrices.clone(),
            first: index * rows * states,
            pitch: states,
            width: states,
        };
        let low = Rows::new(d_low, 1);
        let low = Source {
            tensor: low.tensor,
            first: low.first,
            pitch: low.pitch,
            width: self.rank,
        };
        let shape = [self.directions(), self.rows(), self.rank + 2 * states];
        join([low, matrix(0), matrix(1)], 1, rows, shape)
    }

    /// Gradient of `xz`, `[B, L, 2D]`: sums over the directions.
    fn joined_inputs(&self, d_x: &CubeTensor, scan: &Gradients) -> CubeTensor {
        let (rows, channels) = (self.rows(), self.channels);
        let source = |tensor: &CubeTensor, first: usize, width: usize| Source {
            tensor: tensor.clone(),
            first,
            pitch: channels,
            width,
        };
        let gate = 2 * self.directions() * rows * channels;
        let sources = [
            source(d_x, 0, channels),
            source(&scan.activations, gate, channels),
            source(d_x, 0, 0),
        ];
        let shape = [self.batch, self.length, 2 * channels];
        join(sources, self.directions(), rows, shape)
    }

    /// The parameters' gradients of one direction.
    fn branch(
        &self,
        direction: usize,
        conv: ConvGrads<CubeBackend>,
        of_all: &ParameterGrads,
    ) -> BranchTensors<CubeBackend> {
        let matrix = |tensor: &CubeTensor, shape: [usize; 2]| {
            CubeBackend::float_reshape(one(tensor, direction), shape.into())
        };
        let vector = |tensor: &CubeTensor| {
            CubeBackend::float_reshape(one(tensor, direction), [self.channels].into())
        };
        let (channels, states, rank) = (self.channels, self.states, self.rank);
        let has_bias = self.packed.dt_bias.is_some();
        BranchTensors {
            conv_weight: conv.weight,
            conv_bias: conv.bias,
            x_proj: matrix(&of_all.x_proj, [rank + 2 * states, channels]),
            dt_proj: matrix(&of_all.dt_proj, [channels, rank]),
            dt_bias: match has_bias {
                true => Optional::Present(vector(&of_all.dt_bias)),
                false => Optional::Absent,
            },
            a_log: matrix(&of_all.a_log, [channels, states]),
            skip: vector(&of_all.skip),
        }
    }
}

/// Gradients of all directions' parameters, along the first axis.
struct ParameterGrads {
    x_proj: CubeTensor,
    dt_proj: CubeTensor,
    a_log: CubeTensor,
    skip: CubeTensor,
    dt_bias: CubeTensor,
}

/// Element `index` of the first axis.
fn one(tensor: &CubeTensor, index: usize) -> CubeTensor {
    let shape = tensor.meta.shape();
    let mut ranges: Vec<Slice> = shape
        .iter()
        .map(|size| (0..*size as isize).into())
        .collect();
    ranges[0] = (index as isize..index as isize + 1).into();
    CubeBackend::float_slice(tensor.clone(), &ranges)
}

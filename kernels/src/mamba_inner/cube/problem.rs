//! Operands, and the forward pass.

use burn::backend::TensorMetadata;
use burn::tensor::DType;
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;

use super::pack::Packed;
use crate::causal_conv1d::ConvOptions;
use crate::causal_conv1d::cube::{Filter, Problem as Conv, Tokens};
use crate::cube::narrow::narrow_product;
use crate::cube::product::{product, transposed};
use crate::cube::{Rows, contiguous, empty, reshaped};
use crate::mamba_inner::ops::{BranchTensors, InnerOutput, InnerPlan, InnerTensors};
use crate::selective_scan::cube::{InnerScan, Problem as Scan, Shape};
use crate::selective_scan::ops::{Emit, ScanPlan};
use crate::selective_scan::{ScanOptions, Tuning};

/// The operands of a block of V directions, and its sizes.
pub(super) struct Problem {
    /// `[B, L, 2D]`, with rows at even distances.
    pub(super) xz: Rows,
    pub(super) branches: Vec<BranchTensors<CubeBackend>>,
    pub(super) packed: Packed,
    pub(super) reset: Option<CubeTensor>,
    pub(super) batch: usize,
    pub(super) length: usize,
    pub(super) channels: usize,
    pub(super) states: usize,
    pub(super) rank: usize,
    plan: InnerPlan,
}

impl Problem {
    pub(super) fn new(input: InnerTensors<CubeBackend>, plan: InnerPlan) -> Self {
        let [batch, length, width] = input.xz.shape().dims();
        let [_, states] = input.forward.a_log.shape().dims();
        let [_, rank] = input.forward.dt_proj.shape().dims();
        let mut branches = vec![input.forward];
        branches.extend(input.backward.into_option());
        Self {
            packed: Packed::new(&branches, input.xz.dtype),
            xz: Rows::new(input.xz, 1),
            branches,
            reset: input.reset.into_option().map(contiguous),
            batch,
            length,
            channels: width / 2,
            states,
            rank,
            plan,
        }
    }

    /// V
    pub(super) fn directions(&self) -> usize {
        self.branches.len()
    }

    /// B · L
    pub(super) fn rows(&self) -> usize {
        self.batch * self.length
    }

    /// Any activation: it knows the device and the type.
    pub(super) fn like(&self) -> &CubeTensor {
        &self.xz.tensor
    }

    pub(super) fn dtype(&self) -> DType {
        self.like().dtype
    }

    pub(super) fn forward(&self) -> InnerOutput<CubeBackend> {
        let c = self.convolved();
        let projected = self.projected(&c);
        let (y, states) = self.scan(c, &projected).forward();
        InnerOutput {
            y,
            projected,
            states,
        }
    }

    /// The convolution of one direction.
    pub(super) fn conv(&self, direction: usize) -> Conv {
        let branch = &self.branches[direction];
        let (length, channels) = (self.length, self.channels);
        let x = Tokens::within(&self.xz.tensor, 0, length, channels, self.xz.pitch);
        let filter = Filter {
            batch: self.batch,
            weight: branch.conv_weight.clone(),
            bias: branch.conv_bias.as_option().cloned(),
            reset: self.reset.clone(),
        };
        let options = ConvOptions {
            silu: true,
            reverse: direction == 1,
        };
        Conv::within(x, filter, options)
    }

    /// The tokens of one direction within a row-major `[V, B, L, D]`.
    pub(super) fn tokens(&self, tensor: &CubeTensor, direction: usize) -> Tokens {
        let first = direction * self.rows() * self.channels;
        Tokens::within(tensor, first, self.length, self.channels, self.channels)
    }

    /// A new row-major `[V, B, L, D]`.
    pub(super) fn activations(&self) -> CubeTensor {
        let shape = [self.directions(), self.batch, self.length, self.channels];
        empty(self.like(), shape, self.dtype())
    }

    /// Every direction's convolution, `[V, B, L, D]`.
    pub(super) fn convolved(&self) -> CubeTensor {
        let c = self.activations();
        for direction in 0..self.directions() {
            self.conv(direction)
                .forward_into(&self.tokens(&c, direction));
        }
        c
    }

    /// `[V, B, L, D]` as matrices, `[V, BL, D]`.
    pub(super) fn as_rows(&self, activations: &CubeTensor) -> CubeTensor {
        reshaped(activations, [self.directions(), self.rows(), self.channels])
    }

    /// Step size of rank R, B and C, `[V, BL, R + 2N]`.
    fn projected(&self, c: &CubeTensor) -> CubeTensor {
        product(&self.as_rows(c), &transposed(&self.packed.x_proj))
    }

    /// The columns of `projected` that belong to the step size, in place, `[V, BL, R]`.
    pub(super) fn low_rank(&self, projected: &CubeTensor) -> CubeTensor {
        let mut meta = projected.meta.clone();
        meta.shape = [self.directions(), self.rows(), self.rank].into();
        CubeTensor::new(
            projected.client.clone(),
            projected.handle.clone(),
            *meta,
            projected.device.clone(),
            projected.dtype,
        )
    }

    /// The scan of all directions.
    pub(super) fn scan(&self, c: CubeTensor, projected: &CubeTensor) -> Scan {
        let weight = transposed(&self.packed.dt_proj);
        let delta = narrow_product(&self.low_rank(projected), &weight, None);
        let scan = InnerScan {
            shape: Shape {
                batch: self.directions() * self.batch,
                length: self.length,
                channels: self.channels,
                groups: 1,
                states: self.states,
            },
            u: c,
            delta,
            a: self.packed.a.clone(),
            skip: self.packed.skip.clone(),
            delta_bias: self.packed.dt_bias.clone(),
            projected: projected.clone(),
            rank: self.rank,
            gate: self.xz.tensor.clone(),
            reset: self.reset.clone(),
        };
        Scan::inner(scan, self.scan_plan())
    }

    fn scan_plan(&self) -> ScanPlan {
        ScanPlan {
            options: ScanOptions {
                delta_softplus: true,
                reverse: false,
                tuning: Tuning::AUTO,
            },
            emit: match self.directions() {
                1 => Emit::Output,
                _ => Emit::SumOfDirections,
            },
            keep_states: self.plan.keep_states,
            interval: self.plan.interval,
        }
    }
}

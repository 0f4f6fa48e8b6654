//! The GPU implementation: a cube a part.

use burn::backend::cubecl::dtype_to_storage_type;
use burn::backend::tensor::FloatTensor;
use burn::tensor::DType;
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::ops::{SquareGroupOps, SquareOps, SquarePlan};
use crate::cube::{Rows, address_type, vector};
use crate::eight::{EIGHT, Eight, can_bind};

const UNITS: usize = 256;

impl SquareOps for CubeBackend {
    fn sum_squares(
        sums: FloatTensor<Self>,
        tensor: FloatTensor<Self>,
        plan: SquarePlan,
    ) -> FloatTensor<Self> {
        let width = width(&tensor);
        launch(&sums, vec![tensor], &[plan], width);
        sums
    }
}

impl SquareGroupOps for CubeBackend {
    fn sum_squares_of_eight(
        sums: FloatTensor<Self>,
        tensors: Eight<Self>,
        plans: [SquarePlan; EIGHT],
    ) -> FloatTensor<Self> {
        let tensors = tensors.into_array();
        let widths = tensors.each_ref().map(width);
        let is_even = widths.iter().all(|width| *width == widths[0]);
        let dtype = tensors[0].dtype;
        let is_one_type = tensors.iter().all(|tensor| tensor.dtype == dtype);
        if is_even && is_one_type && can_bind(&sums, EIGHT + 1) {
            launch(&sums, tensors.into(), &plans, widths[0]);
            return sums;
        }
        for ((tensor, plan), width) in tensors.into_iter().zip(plans).zip(widths) {
            launch(&sums, vec![tensor], &[plan], width);
        }
        sums
    }
}

/// Elements that a unit reads at once.
fn width(tensor: &CubeTensor) -> usize {
    let columns = tensor.meta.shape().last().copied().unwrap_or(1);
    vector(columns)
}

/// One launch for tensors of one type, all read in vectors of one width.
fn launch(sums: &CubeTensor, tensors: Vec<CubeTensor>, plans: &[SquarePlan], width: usize) {
    let dtype: DType = tensors[0].dtype;
    let rows: Vec<Rows> = tensors
        .into_iter()
        .map(|tensor| Rows::new(tensor, width))
        .collect();
    let extent = |(rows, plan): (&Rows, &SquarePlan)| {
        let shape = rows.tensor.meta.shape();
        let columns = shape.last().copied().unwrap_or(1);
        let vectors = shape.num_elements() / width;
        ExtentLaunch::new(
            plan.first,
            plan.parts,
            vectors,
            vectors.div_ceil(plan.parts),
            columns / width,
            rows.pitch / width,
        )
    };
    let extents = rows.iter().zip(plans).map(extent).collect();
    let buffers = rows
        .iter()
        .map(|rows| rows.tensor.clone().into_buffer_arg());
    let buffers = buffers.collect();
    let most = plans.iter().map(|plan| plan.parts).max().unwrap_or(1);
    let tensors: Vec<&CubeTensor> = rows.iter().map(|rows| &rows.tensor).collect();
    // SAFETY: a cube reads vectors of its own share of its own tensor, below their count, at the distance between rows, and writes one
    // sum if the tensor has as many parts; the caller counts sums such that `first + parts` is within them.
    unsafe {
        squares_kernel::launch_unchecked(
            &sums.client,
            CubeCount::Static(most as u32, rows.len() as u32, 1),
            CubeDim::new_1d(UNITS as u32),
            address_type(&tensors),
            width,
            buffers,
            sums.clone().into_buffer_arg(),
            extents,
            rows.len(),
            dtype_to_storage_type(dtype),
        );
    }
}

/// Sizes, in vectors.
#[derive(CubeType, CubeLaunch, Clone, Copy, Debug)]
struct Extent {
    /// Number of the first sum.
    first: usize,
    /// Sums.
    parts: usize,
    /// In all.
    vectors: usize,
    /// Of a part.
    share: usize,
    /// Of a row.
    columns: usize,
    /// From one row to the next.
    pitch: usize,
}

/// Cube `(p, t)` sums part p of tensor t.
#[cube(launch_unchecked, address_type = "dynamic")]
fn squares_kernel<F: Float, N: Size>(
    tensors: &Sequence<Box<[Vector<F, N>]>>,
    sums: &mut [f32],
    extents: &Sequence<Extent>,
    #[comptime] count: usize,
    #[define(F)] _dtype: ElemType,
) {
    let mut total = Vector::<f32, N>::new(0.0);
    let mut first = 0_usize;
    let mut parts = 0_usize;
    #[unroll]
    for number in 0..count {
        if CUBE_POS_Y as usize == number {
            let extent = extents.index(number);
            total = squares::<F, N>(tensors.index(number), extent);
            first = extent.first;
            parts = extent.parts;
        }
    }
    let mut sum = f32::new(0.0);
    #[unroll]
    for i in 0..N::value() {
        sum += total.extract(i);
    }
    let mut shared = Shared::<[f32]>::new_slice(UNITS);
    shared[UNIT_POS as usize] = sum;
    sync_cube();
    #[unroll]
    for round in 0..comptime!(UNITS.ilog2() as usize) {
        let others = comptime!(UNITS >> (round + 1));
        if (UNIT_POS as usize) < others {
            sum += shared[UNIT_POS as usize + others];
            shared[UNIT_POS as usize] = sum;
        }
        sync_cube();
    }
    if UNIT_POS == 0 && (CUBE_POS_X as usize) < parts {
        sums[first + CUBE_POS_X as usize] = sum;
    }
}

/// What a unit sums of the part that its cube is to sum.
#[cube]
fn squares<F: Float, N: Size>(tensor: &[Vector<F, N>], extent: &Extent) -> Vector<f32, N> {
    let start = CUBE_POS_X as usize * extent.share;
    let end = min(start + extent.share, extent.vectors);
    let mut at = start + UNIT_POS as usize;
    let mut total = Vector::<f32, N>::new(0.0);
    while at < end {
        let row = at / extent.columns;
        let value =
            Vector::<f32, N>::cast_from(tensor[row * extent.pitch + at - row * extent.columns]);
        total += value * value;
        at += comptime!(UNITS);
    }
    total
}

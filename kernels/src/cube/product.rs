//! Matrix products by CubeK's kernels, with the division of the work that our shapes want: very many
//! rows, few columns.
//!
//! Burn tunes every shape by compiling a dozen kernels for it, and misses the fastest, which loads
//! whole rows of a stage (`experiments/2026-11-23_matmul-burn`). And none of its kernels splits the
//! summed axis, which in a gradient of weights is all tokens of a batch: 25,000 steps on a handful of
//! processors, while the others wait.

use burn::tensor::DType;
use burn_cubecl::CubeDevice;
use burn_cubecl::kernel::matmul::{MatmulStrategy, matmul};
use burn_cubecl::tensor::CubeTensor;
use cubecl::zspace::metadata::Metadata;
use cubek::matmul::definition::{MatmulElems, MatmulGlobalElems, MatmulProblem};
use cubek::matmul::launch::launch_ref;
use cubek::matmul::multi_level::Strategy;
use cubek::matmul::multi_level::components::tile::TileMatmulKind;
use cubek::matmul::multi_level::definition::{BatchMatmulBlueprint, TilingScheme};
use cubek::matmul::multi_level::routines::select_swizzle;
use cubek::matmul::multi_level::stage::SwizzleModes;
use cubek::matmul::routine::BlueprintStrategy::Forced;
use cubek::std::InputBinding;

use super::exact::multiply_exactly;
use super::limits::processors;
use super::sum::Partials;
use super::tensors::{Rows, empty};
use burn::backend::cubecl::dtype_to_storage_type;

/// Rows, columns and depth of a tile that one cube computes at a time.
const TILE: usize = 64;
/// Cubes for each of the device's processors that a split sum is to have.
const CUBES: usize = 6;
/// A part of a split sum is a multiple of as many rows: parts then start where every API can bind.
const PART: usize = 128;

/// Everything but the last axis as one: `[1, rows, width]`, in place where the rows are evenly spaced.
pub(crate) fn matrix(tensor: CubeTensor) -> CubeTensor {
    let Rows { tensor, pitch, .. } = Rows::new(tensor, 1);
    let shape = tensor.meta.shape();
    let width = shape.last().copied().unwrap_or(1);
    let rows = shape.num_elements() / width;
    view(&tensor, 0, [1, rows, width], [rows * pitch, pitch, 1])
}

/// `[V, m, n]` as `[V, n, m]`, in place.
pub(crate) fn transposed(tensor: &CubeTensor) -> CubeTensor {
    let [v, m, n] = tensor.meta.shape().dims();
    let strides = tensor.meta.strides();
    let strides = [strides[0], strides[2], strides[1]];
    view(tensor, 0, [v, n, m], strides)
}

/// `lhs · rhs` for `[V, m, k]` and `[V, k, n]`: `[V, m, n]` in the same type, row-major.
pub(crate) fn product(lhs: &CubeTensor, rhs: &CubeTensor) -> CubeTensor {
    let [v, m, _] = lhs.meta.shape().dims();
    let [_, _, n] = rhs.meta.shape().dims();
    let out = empty(lhs, [v, m, n], lhs.dtype);
    multiply(lhs, rhs, &out);
    out
}

/// `Σ left[r, i] right[r, j]` over the rows r of `[V, rows, m]` and `[V, rows, n]`: `[V, m, n]`, 32-bit,
/// row-major. Long sums are split and the parts added in order.
pub(crate) fn product_over_rows(left: &CubeTensor, right: &CubeTensor) -> CubeTensor {
    let [v, rows, m] = left.meta.shape().dims();
    let [_, _, n] = right.meta.shape().dims();
    let part = part_of(left, rows, v * m.div_ceil(TILE) * n.div_ceil(TILE));
    let (parts, rest) = (rows / part, rows % part);
    let slots = parts + usize::from(rest > 0);
    // Slots too start where every API can bind.
    let slot = (v * m * n).next_multiple_of(64);
    let sums = empty(left, [slots, slot], DType::F32);
    let cut = |tensor: &CubeTensor, first: usize, count: usize, rows: usize| {
        let [_, _, width] = tensor.meta.shape().dims();
        let strides = tensor.meta.strides();
        let strides = [part * strides[1], strides[0], strides[1], strides[2]];
        view(tensor, first * strides[2], [count, v, rows, width], strides)
    };
    let place = |first: usize, count: usize| {
        let strides = [slot, m * n, n, 1];
        view(&sums, first * slot, [count, v, m, n], strides)
    };
    let swapped = |tensor: CubeTensor| {
        let [count, v, rows, width] = tensor.meta.shape().dims();
        let strides = tensor.meta.strides();
        let strides = [strides[0], strides[1], strides[3], strides[2]];
        view(&tensor, 0, [count, v, width, rows], strides)
    };
    if parts > 0 {
        let (left, right) = (cut(left, 0, parts, part), cut(right, 0, parts, part));
        multiply(&swapped(left), &right, &place(0, parts));
    }
    if rest > 0 {
        let first = parts * part;
        let (left, right) = (cut(left, first, 1, rest), cut(right, first, 1, rest));
        multiply(&swapped(left), &right, &place(parts, 1));
    }
    let total = Partials {
        tensor: &sums,
        offset: 0,
        sums: 1,
        rows: slots,
    }
    .sum([slot], DType::F32);
    view(&total, 0, [v, m, n], [m * n, n, 1])
}

/// Rows of a part, so that `tiles` for each part keep the device busy.
fn part_of(like: &CubeTensor, rows: usize, tiles: usize) -> usize {
    let parts = (CUBES * processors(&like.client) / tiles).clamp(1, rows.div_ceil(2 * PART));
    match parts {
        1 => rows,
        _ => PART * units_of_part(rows / PART, rows.div_ceil(parts).div_ceil(PART)),
    }
}

/// The length of a part, from half of `most` to `most`, that leaves the least of `all` over: what is left is a launch of its
/// own, of few cubes. The longest of several.
fn units_of_part(all: usize, most: usize) -> usize {
    let lengths = most.div_ceil(2)..=most;
    let left = |length: &usize| all % length;
    lengths.rev().min_by_key(left).unwrap_or(most)
}

/// `out = lhs · rhs`, batched over any leading axes.
fn multiply(lhs: &CubeTensor, rhs: &CubeTensor, out: &CubeTensor) {
    if multiply_fixed(lhs, rhs, out).is_some() || multiply_exactly(lhs, rhs, out) {
        return;
    }
    let strategy = MatmulStrategy::default();
    matmul(
        lhs.clone(),
        rhs.clone(),
        Some(out.clone()),
        strategy,
        out.dtype,
    )
    .expect("burn has a kernel for every product");
}

/// Multiplies by the kernel that [`strategy`] names; `None` where it names none, or one that does not run.
fn multiply_fixed(lhs: &CubeTensor, rhs: &CubeTensor, out: &CubeTensor) -> Option<()> {
    let elements = MatmulGlobalElems {
        lhs: dtype_to_storage_type(lhs.dtype),
        rhs: dtype_to_storage_type(rhs.dtype),
        out: dtype_to_storage_type(out.dtype),
    };
    let strategy = strategy(lhs, rhs, out, &elements)?;
    let input = |tensor: &CubeTensor| {
        let storage = dtype_to_storage_type(tensor.dtype);
        InputBinding::new(tensor.clone().binding(), storage)
    };
    launch_ref(
        &strategy.into(),
        &out.client,
        input(lhs),
        input(rhs),
        out.clone().binding(),
        &mut MatmulElems::from_globals(&elements),
    )
    .ok()
}

/// The fixed choice on NVIDIA's cards in 16 bits: tensor-core tiles whose stages are loaded row by row.
fn strategy(
    lhs: &CubeTensor,
    rhs: &CubeTensor,
    out: &CubeTensor,
    elements: &MatmulGlobalElems,
) -> Option<Strategy> {
    let is_half = matches!(lhs.dtype, DType::BF16 | DType::F16) && lhs.dtype == rhs.dtype;
    if !matches!(lhs.device, CubeDevice::Cuda(_)) || !is_half {
        return None;
    }
    let blueprint = blueprint(lhs, rhs, out, elements)?;
    Some(Strategy::SimpleStridedMma(Forced(blueprint)))
}

/// Four planes, each with two by four tiles of 16 by 8, over a depth of 64.
fn blueprint(
    lhs: &CubeTensor,
    rhs: &CubeTensor,
    out: &CubeTensor,
    elements: &MatmulGlobalElems,
) -> Option<BatchMatmulBlueprint> {
    const PLANE: u32 = 32;
    let shape = |tensor: &CubeTensor| tensor.meta.shape().clone();
    let strides = |tensor: &CubeTensor| tensor.meta.strides().clone();
    let address = super::tensors::address_type(&[lhs, rhs, out]);
    let problem = MatmulProblem::from_shapes_and_strides(
        shape(lhs),
        shape(rhs),
        shape(out),
        strides(lhs),
        strides(rhs),
        strides(out),
        elements.clone(),
        address,
        None,
        None,
    )
    .ok()?;
    let tiling = TilingScheme::builder()
        .with_tile_size((16, 8, 16).into())
        .with_partition_size((2, 4, 4).into())
        .with_stage_size((2, 2, 1).into())
        .build()
        .ok()?;
    let vector = 16 / lhs.dtype.size();
    let swizzle = SwizzleModes {
        lhs: select_swizzle(TILE, elements.lhs, vector),
        rhs: select_swizzle(TILE, elements.rhs, vector),
        ..SwizzleModes::default()
    };
    let builder = BatchMatmulBlueprint::builder(TileMatmulKind::Mma, tiling, PLANE, &problem);
    Some(builder.shared_swizzle(swizzle).build())
}

/// The same memory from element `first` on.
fn view<const D: usize>(
    tensor: &CubeTensor,
    first: usize,
    shape: [usize; D],
    strides: [usize; D],
) -> CubeTensor {
    let bytes = (first * tensor.dtype.size()) as u64;
    CubeTensor::new(
        tensor.client.clone(),
        tensor.handle.clone().offset_start(bytes),
        Metadata::new(shape, strides),
        tensor.device.clone(),
        tensor.dtype,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_leave_little_over() {
        // 128 images of 197 tokens: 197 units of 128 rows.
        assert_eq!(units_of_part(197, 9), 7);
        assert_eq!(units_of_part(197, 40), 28);
        assert_eq!(units_of_part(64, 16), 16);
        assert_eq!(units_of_part(0, 1), 1);
    }
}

//! The GPU implementation: parts of the rows side by side, then the sums of the parts.

use burn::backend::cubecl::dtype_to_storage_type;
use burn::backend::tensor::FloatTensor;
use burn::tensor::DType;
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::ops::RowOps;
use crate::cube::{Rows, address_type, empty, vector};

const UNITS: usize = 256;
/// Vectors of columns that a cube has at most: with as many, its units read whole cache lines.
const LANES: usize = 16;
/// Parts that the rows are summed in, at most: enough for every core of a large device, few enough to be summed by one cube.
const PARTS: usize = 512;
/// Rows that a unit sums at least where there are several parts.
const DEPTH: usize = 8;

impl RowOps for CubeBackend {
    fn row_sums(x: FloatTensor<Self>, dtype: DType) -> FloatTensor<Self> {
        let shape = x.meta.shape();
        let columns = shape[shape.num_dims() - 1];
        let rows = match columns {
            0 => 0,
            _ => shape.num_elements() / columns,
        };
        let parts = rows
            .div_ceil(DEPTH * UNITS / lanes(columns))
            .clamp(1, PARTS);
        if parts == 1 {
            return sums(x, [rows, columns], 1, dtype);
        }
        let first = sums(x, [rows, columns], parts, DType::F32);
        sums(first, [parts, columns], 1, dtype)
    }
}

/// Sums of equal parts of the rows, `[parts, columns]`, or `[columns]` if there is one.
fn sums(x: CubeTensor, [rows, columns]: [usize; 2], parts: usize, dtype: DType) -> CubeTensor {
    let out = match parts {
        1 => empty(&x, [columns], dtype),
        _ => empty(&x, [parts, columns], dtype),
    };
    if columns == 0 {
        return out;
    }
    let (vector, lanes) = (vector(columns), lanes(columns));
    let x = Rows::new(x, vector);
    let vectors = columns / vector;
    // SAFETY: a unit reads rows of its part, below their count, and columns below theirs, at the distance between rows; it writes the
    // columns of its part if they are below their count.
    unsafe {
        sums_kernel::launch_unchecked(
            &x.tensor.client,
            CubeCount::Static(vectors.div_ceil(lanes) as u32, parts as u32, 1),
            CubeDim::new_2d(lanes as u32, (UNITS / lanes) as u32),
            address_type(&[&x.tensor]),
            vector,
            x.tensor.clone().into_buffer_arg(),
            out.clone().into_buffer_arg(),
            ExtentLaunch::new(rows, rows.div_ceil(parts), vectors, x.pitch / vector),
            lanes,
            [
                dtype_to_storage_type(x.tensor.dtype),
                dtype_to_storage_type(dtype),
            ],
        );
    }
    out
}

/// Vectors of columns of a cube, a power of two.
fn lanes(columns: usize) -> usize {
    (columns / vector(columns)).next_power_of_two().min(LANES)
}

/// Sizes.
#[derive(CubeType, CubeLaunch, Clone, Copy, Debug)]
struct Extent {
    rows: usize,
    /// Rows of a part.
    share: usize,
    /// Vectors of a row.
    columns: usize,
    /// Vectors from one row to the next.
    pitch: usize,
}

/// Unit `(x, y)` of cube `(i, j)` sums every `UNITS / lanes`-th row of part j from row y; the units of a column are then added by halves.
#[cube(launch_unchecked, address_type = "dynamic")]
fn sums_kernel<F: Float, O: Float, N: Size>(
    x: &[Vector<F, N>],
    sums: &mut [Vector<O, N>],
    extent: Extent,
    #[comptime] lanes: usize,
    #[define(F, O)] _dtypes: [ElemType; 2],
) {
    let side_by_side = comptime!(UNITS / lanes);
    let wanted = CUBE_POS_X as usize * lanes + UNIT_POS_X as usize;
    // A surplus unit repeats the last column.
    let column = min(wanted, extent.columns - 1);
    let start = CUBE_POS_Y as usize * extent.share;
    let end = min(start + extent.share, extent.rows);
    let mut row = start + UNIT_POS_Y as usize;
    let mut total = Vector::<f32, N>::new(0.0);
    // Four loads are under way together.
    while row + comptime!(3 * side_by_side) < end {
        let first = Vector::<f32, N>::cast_from(x[row * extent.pitch + column]);
        let second = Vector::<f32, N>::cast_from(x[(row + side_by_side) * extent.pitch + column]);
        let third = Vector::<f32, N>::cast_from(
            x[(row + comptime!(2 * side_by_side)) * extent.pitch + column],
        );
        let fourth = Vector::<f32, N>::cast_from(
            x[(row + comptime!(3 * side_by_side)) * extent.pitch + column],
        );
        total = total + first + second + third + fourth;
        row += comptime!(4 * side_by_side);
    }
    while row < end {
        total += Vector::<f32, N>::cast_from(x[row * extent.pitch + column]);
        row += side_by_side;
    }
    let mut shared = Shared::<[Vector<f32, N>]>::new_slice(UNITS);
    shared[UNIT_POS as usize] = total;
    sync_cube();
    #[unroll]
    for round in 0..comptime!(side_by_side.ilog2() as usize) {
        let others = comptime!(side_by_side >> (round + 1));
        if (UNIT_POS_Y as usize) < others {
            total += shared[UNIT_POS as usize + comptime!(others * lanes)];
            shared[UNIT_POS as usize] = total;
        }
        sync_cube();
    }
    if UNIT_POS_Y == 0 && wanted < extent.columns {
        sums[CUBE_POS_Y as usize * extent.columns + column] = Vector::cast_from(total);
    }
}

//! Gradients of slices, put together into that of the whole.

use burn::backend::cubecl::dtype_to_storage_type;
use burn::tensor::Shape;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use crate::cube::{address_type, empty, spread};

const UNITS: usize = 256;

/// Some columns of the result: rows of `width` elements.
pub(super) struct Source {
    /// Holds the rows of every term, one term behind the other.
    pub(super) tensor: CubeTensor,
    /// Elements in front of the first row.
    pub(super) first: usize,
    /// Elements from one row to the next.
    pub(super) pitch: usize,
    /// Elements of a row; zero for none.
    pub(super) width: usize,
}

/// The sources side by side, `rows` rows of them, as a tensor of `shape`; of each source, the sum of its
/// `terms`.
pub(super) fn join(
    sources: [Source; 3],
    terms: usize,
    rows: usize,
    shape: impl Into<Shape>,
) -> CubeTensor {
    let like = &sources[0].tensor;
    let out = empty(like, shape, like.dtype);
    let vector = vector(&sources, like.dtype.size());
    let layout = |source: &Source| {
        ColumnsLaunch::new(
            source.first / vector,
            source.pitch / vector,
            source.width / vector,
        )
    };
    let width: usize = sources.iter().map(|source| source.width / vector).sum();
    // SAFETY: a unit beyond the result leaves first; the others read rows and columns below the counts, and
    // write one element of the result.
    unsafe {
        join_kernel::launch_unchecked(
            &like.client,
            spread((rows * width).div_ceil(UNITS)),
            CubeDim::new_1d(UNITS as u32),
            address_type(&[&sources[0].tensor, &sources[1].tensor, &out]),
            vector,
            sources[0].tensor.clone().into_buffer_arg(),
            sources[1].tensor.clone().into_buffer_arg(),
            sources[2].tensor.clone().into_buffer_arg(),
            out.clone().into_buffer_arg(),
            layout(&sources[0]),
            layout(&sources[1]),
            layout(&sources[2]),
            rows,
            terms,
            dtype_to_storage_type(like.dtype),
        );
    }
    out
}

/// Elements that a unit moves at once: up to eight bytes, as many as divide every distance.
fn vector(sources: &[Source; 3], size: usize) -> usize {
    let bits = sources
        .iter()
        .fold(8 / size, |bits, s| bits | s.first | s.pitch | s.width);
    1 << bits.trailing_zeros()
}

/// Where a source's rows lie, in vectors.
#[derive(CubeType, CubeLaunch, Clone, Copy, Debug)]
struct Columns {
    first: usize,
    pitch: usize,
    width: usize,
}

#[cube(launch_unchecked, address_type = "dynamic")]
fn join_kernel<F: Float, V: Size>(
    first: &[Vector<F, V>],
    second: &[Vector<F, V>],
    third: &[Vector<F, V>],
    out: &mut [Vector<F, V>],
    first_columns: Columns,
    second_columns: Columns,
    third_columns: Columns,
    rows: usize,
    #[comptime] terms: usize,
    #[define(F)] _dtype: ElemType,
) {
    let width = first_columns.width + second_columns.width + third_columns.width;
    if ABSOLUTE_POS >= rows * width {
        terminate!();
    }
    let row = ABSOLUTE_POS / width;
    let column = ABSOLUTE_POS % width;
    if column < first_columns.width {
        out[ABSOLUTE_POS] = sum::<F, V>(first, &first_columns, rows, row, column, terms);
    } else if column < first_columns.width + second_columns.width {
        let column = column - first_columns.width;
        out[ABSOLUTE_POS] = sum::<F, V>(second, &second_columns, rows, row, column, terms);
    } else {
        let column = column - first_columns.width - second_columns.width;
        out[ABSOLUTE_POS] = sum::<F, V>(third, &third_columns, rows, row, column, terms);
    }
}

/// The sum of one element's terms.
#[cube]
fn sum<F: Float, V: Size>(
    source: &[Vector<F, V>],
    columns: &Columns,
    rows: usize,
    row: usize,
    column: usize,
    #[comptime] terms: usize,
) -> Vector<F, V> {
    let at = columns.first + row * columns.pitch + column;
    let mut total = Vector::<f32, V>::cast_from(source[at]);
    #[unroll]
    for term in 1..terms {
        total += Vector::<f32, V>::cast_from(source[at + term * rows * columns.pitch]);
    }
    Vector::cast_from(total)
}

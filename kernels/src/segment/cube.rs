//! The GPU implementation: a unit is one vector of channels of one segment, piece or row.

use burn::backend::cubecl::dtype_to_storage_type;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::tensor::DType;
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::ops::{SegmentOps, SegmentPlan};
use super::pieces::piece;
use crate::cube::{Rows, address_type, contiguous, empty, spread, vector};

const UNITS: usize = 256;

impl SegmentOps for CubeBackend {
    fn segment_sum(
        x: FloatTensor<Self>,
        of_row: IntTensor<Self>,
        pointers: IntTensor<Self>,
        order: IntTensor<Self>,
        plan: SegmentPlan,
    ) -> FloatTensor<Self> {
        let (pointers, order) = (contiguous(pointers), contiguous(order));
        let segments = pointers.meta.shape()[0] - 1;
        let columns = x.meta.shape()[1];
        let vector = vector(columns);
        let x = Rows::new(x, vector);
        let piece = piece(of_row.meta.shape()[0]);
        let pieces = match piece {
            Some(piece) => piece_sums(&x, of_row, &order, piece, vector, plan),
            // Something to bind; it is not read.
            None => empty(&x.tensor, [1, vector], DType::F32),
        };
        let sums = empty(&x.tensor, [segments, columns], x.tensor.dtype);
        let units = segments * columns / vector;
        // SAFETY: a unit beyond the sums leaves first; the others read pointers of one segment below their count, rows
        // that the caller counts within the tensor and whole pieces of them, and write one vector of their own.
        unsafe {
            sum_kernel::launch_unchecked(
                &x.tensor.client,
                spread(units.div_ceil(UNITS)),
                CubeDim::new_1d(UNITS as u32),
                address_type(&[&x.tensor, &sums, &order]),
                vector,
                x.tensor.clone().into_buffer_arg(),
                pointers.clone().into_buffer_arg(),
                order.clone().into_buffer_arg(),
                pieces.clone().into_buffer_arg(),
                sums.clone().into_buffer_arg(),
                columns / vector,
                x.pitch / vector,
                units,
                piece.unwrap_or(0),
                plan.ordered,
                dtype_to_storage_type(x.tensor.dtype),
            );
        }
        sums
    }

    fn segment_spread(
        x: FloatTensor<Self>,
        of_row: IntTensor<Self>,
        _pointers: IntTensor<Self>,
        _order: IntTensor<Self>,
        _plan: SegmentPlan,
    ) -> FloatTensor<Self> {
        let of_row = contiguous(of_row);
        let rows = of_row.meta.shape()[0];
        let columns = x.meta.shape()[1];
        let vector = vector(columns);
        let x = Rows::new(x, vector);
        let out = empty(&x.tensor, [rows, columns], x.tensor.dtype);
        let units = rows * columns / vector;
        // SAFETY: a unit beyond the rows leaves first; the others read one row's segment, which the caller counts within
        // the tensor, and write one vector of their own.
        unsafe {
            spread_kernel::launch_unchecked(
                &x.tensor.client,
                spread(units.div_ceil(UNITS)),
                CubeDim::new_1d(UNITS as u32),
                address_type(&[&x.tensor, &out]),
                vector,
                x.tensor.clone().into_buffer_arg(),
                of_row.clone().into_buffer_arg(),
                out.clone().into_buffer_arg(),
                columns / vector,
                x.pitch / vector,
                units,
                dtype_to_storage_type(x.tensor.dtype),
            );
        }
        out
    }

    fn segment_argmax(
        x: FloatTensor<Self>,
        of_row: IntTensor<Self>,
        pointers: IntTensor<Self>,
        order: IntTensor<Self>,
        plan: SegmentPlan,
    ) -> IntTensor<Self> {
        let (pointers, order) = (contiguous(pointers), contiguous(order));
        let segments = pointers.meta.shape()[0] - 1;
        let columns = x.meta.shape()[1];
        let x = Rows::new(x, 1);
        let piece = piece(of_row.meta.shape()[0]);
        let pieces = match piece {
            Some(piece) => piece_argmaxes(&x, of_row, &order, piece, plan),
            None => empty(&x.tensor, [1, 1], DType::I32),
        };
        let largest = empty(&x.tensor, [segments, columns], DType::I32);
        let units = segments * columns;
        // SAFETY: as for the sum.
        unsafe {
            argmax_kernel::launch_unchecked(
                &x.tensor.client,
                spread(units.div_ceil(UNITS)),
                CubeDim::new_1d(UNITS as u32),
                address_type(&[&x.tensor, &largest, &order]),
                x.tensor.clone().into_buffer_arg(),
                pointers.clone().into_buffer_arg(),
                order.clone().into_buffer_arg(),
                pieces.clone().into_buffer_arg(),
                largest.clone().into_buffer_arg(),
                columns,
                x.pitch,
                units,
                piece.unwrap_or(0),
                plan.ordered,
                dtype_to_storage_type(x.tensor.dtype),
            );
        }
        largest
    }
}

/// Sums of the pieces, 32-bit; of a piece of several segments nothing is written.
fn piece_sums(
    x: &Rows,
    of_row: CubeTensor,
    order: &CubeTensor,
    piece: usize,
    vector: usize,
    plan: SegmentPlan,
) -> CubeTensor {
    let of_row = contiguous(of_row);
    let columns = x.tensor.meta.shape()[1];
    let pieces = of_row.meta.shape()[0] / piece;
    let sums = empty(&x.tensor, [pieces, columns], DType::F32);
    let units = pieces * columns / vector;
    // SAFETY: a unit beyond the pieces leaves first; the others read the rows of one piece, which the caller counts within
    // the tensor, and write one vector of their own.
    unsafe {
        piece_sum_kernel::launch_unchecked(
            &x.tensor.client,
            spread(units.div_ceil(UNITS)),
            CubeDim::new_1d(UNITS as u32),
            address_type(&[&x.tensor, &sums, order]),
            vector,
            x.tensor.clone().into_buffer_arg(),
            of_row.clone().into_buffer_arg(),
            order.clone().into_buffer_arg(),
            sums.clone().into_buffer_arg(),
            columns / vector,
            x.pitch / vector,
            units,
            piece,
            plan.ordered,
            dtype_to_storage_type(x.tensor.dtype),
        );
    }
    sums
}

/// The first rows with the largest numbers of the pieces, as [`piece_sums`].
fn piece_argmaxes(
    x: &Rows,
    of_row: CubeTensor,
    order: &CubeTensor,
    piece: usize,
    plan: SegmentPlan,
) -> CubeTensor {
    let of_row = contiguous(of_row);
    let columns = x.tensor.meta.shape()[1];
    let pieces = of_row.meta.shape()[0] / piece;
    let largest = empty(&x.tensor, [pieces, columns], DType::I32);
    let units = pieces * columns;
    // SAFETY: as for the sums of the pieces.
    unsafe {
        piece_argmax_kernel::launch_unchecked(
            &x.tensor.client,
            spread(units.div_ceil(UNITS)),
            CubeDim::new_1d(UNITS as u32),
            address_type(&[&x.tensor, &largest, order]),
            x.tensor.clone().into_buffer_arg(),
            of_row.clone().into_buffer_arg(),
            order.clone().into_buffer_arg(),
            largest.clone().into_buffer_arg(),
            columns,
            x.pitch,
            units,
            piece,
            plan.ordered,
            dtype_to_storage_type(x.tensor.dtype),
        );
    }
    largest
}

/// Where whole pieces of a segment are; places in front of and behind them are read one by one. As `Parts::of` has it.
#[derive(CubeType, Clone, Copy)]
pub(crate) struct Places {
    pub(crate) front_end: usize,
    pub(crate) first_piece: usize,
    pub(crate) last_piece: usize,
    pub(crate) back_start: usize,
}

/// Those of a segment of the places `start` to `end`.
#[cube]
pub(crate) fn places(start: usize, end: usize, #[comptime] piece: usize) -> Places {
    let first_piece = (start + comptime!(piece - 1)) / piece;
    let last_piece = end / piece;
    let front_end = min(first_piece * piece, end);
    let back_start = max(last_piece * piece, front_end);
    Places {
        front_end,
        first_piece,
        last_piece,
        back_start,
    }
}

/// Unit `s · columns + c` sums vector c of the rows of segment s, whole pieces of which are summed already; none are if `piece` is 0.
#[cube(launch_unchecked, address_type = "dynamic")]
fn sum_kernel<F: Float, N: Size>(
    x: &[Vector<F, N>],
    pointers: &[i32],
    order: &[i32],
    pieces: &[Vector<f32, N>],
    sums: &mut [Vector<F, N>],
    columns: usize,
    pitch: usize,
    units: usize,
    #[comptime] piece: usize,
    #[comptime] ordered: bool,
    #[define(F)] _dtype: ElemType,
) {
    let unit = ABSOLUTE_POS;
    if unit >= units {
        terminate!();
    }
    let segment = unit / columns;
    let column = unit - segment * columns;
    let start = usize::cast_from(pointers[segment]);
    let end = usize::cast_from(pointers[segment + 1]);
    let mut total = Vector::<f32, N>::new(0.0);
    if comptime!(piece == 0) {
        total = add_rows::<F, N>(total, x, order, start, end, pitch, column, ordered);
    } else {
        let places = places(start, end, piece);
        total = add_rows::<F, N>(
            total,
            x,
            order,
            start,
            places.front_end,
            pitch,
            column,
            ordered,
        );
        total = add_pieces::<N>(
            total,
            pieces,
            places.first_piece,
            places.last_piece,
            columns,
            column,
        );
        total = add_rows::<F, N>(
            total,
            x,
            order,
            places.back_start,
            end,
            pitch,
            column,
            ordered,
        );
    }
    sums[unit] = Vector::cast_from(total);
}

/// Unit `p · columns + c` sums vector c of the rows of piece p, if they are all of one segment.
#[cube(launch_unchecked, address_type = "dynamic")]
fn piece_sum_kernel<F: Float, N: Size>(
    x: &[Vector<F, N>],
    of_row: &[i32],
    order: &[i32],
    sums: &mut [Vector<f32, N>],
    columns: usize,
    pitch: usize,
    units: usize,
    #[comptime] piece: usize,
    #[comptime] ordered: bool,
    #[define(F)] _dtype: ElemType,
) {
    let unit = ABSOLUTE_POS;
    if unit >= units {
        terminate!();
    }
    let number = unit / columns;
    let column = unit - number * columns;
    let start = number * piece;
    let end = start + piece;
    let first = row(order, start, ordered);
    let last = row(order, end - 1, ordered);
    if of_row[first] != of_row[last] {
        terminate!();
    }
    let none = Vector::<f32, N>::new(0.0);
    sums[unit] = add_rows::<F, N>(none, x, order, start, end, pitch, column, ordered);
}

/// `total`, and to it vector `column` of the rows at places `start` to `end`.
#[cube]
#[allow(clippy::too_many_arguments)]
fn add_rows<F: Float, N: Size>(
    total: Vector<f32, N>,
    x: &[Vector<F, N>],
    order: &[i32],
    start: usize,
    end: usize,
    pitch: usize,
    column: usize,
    #[comptime] ordered: bool,
) -> Vector<f32, N> {
    let mut total = total;
    let mut place = start;
    // Four loads are under way together.
    while place + 3 < end {
        let first = Vector::<f32, N>::cast_from(x[row(order, place, ordered) * pitch + column]);
        let second =
            Vector::<f32, N>::cast_from(x[row(order, place + 1, ordered) * pitch + column]);
        let third = Vector::<f32, N>::cast_from(x[row(order, place + 2, ordered) * pitch + column]);
        let fourth =
            Vector::<f32, N>::cast_from(x[row(order, place + 3, ordered) * pitch + column]);
        total = total + first + second + third + fourth;
        place += 4;
    }
    while place < end {
        total += Vector::<f32, N>::cast_from(x[row(order, place, ordered) * pitch + column]);
        place += 1;
    }
    total
}

/// `total`, and to it vector `column` of the pieces `start` to `end`.
#[cube]
fn add_pieces<N: Size>(
    total: Vector<f32, N>,
    pieces: &[Vector<f32, N>],
    start: usize,
    end: usize,
    columns: usize,
    column: usize,
) -> Vector<f32, N> {
    let mut total = total;
    let mut number = start;
    while number + 3 < end {
        let first = pieces[number * columns + column];
        let second = pieces[(number + 1) * columns + column];
        let third = pieces[(number + 2) * columns + column];
        let fourth = pieces[(number + 3) * columns + column];
        total = total + first + second + third + fourth;
        number += 4;
    }
    while number < end {
        total += pieces[number * columns + column];
        number += 1;
    }
    total
}

/// Unit `r · columns + c` copies vector c of row r's segment.
#[cube(launch_unchecked, address_type = "dynamic")]
fn spread_kernel<F: Float, N: Size>(
    x: &[Vector<F, N>],
    of_row: &[i32],
    out: &mut [Vector<F, N>],
    columns: usize,
    pitch: usize,
    units: usize,
    #[define(F)] _dtype: ElemType,
) {
    let unit = ABSOLUTE_POS;
    if unit >= units {
        terminate!();
    }
    let row = unit / columns;
    let column = unit - row * columns;
    out[unit] = x[usize::cast_from(of_row[row]) * pitch + column];
}

/// Unit `s · columns + c` finds the first row of segment s with the largest number in column c, those of whole pieces being known
/// already; none are if `piece` is 0.
#[cube(launch_unchecked, address_type = "dynamic")]
fn argmax_kernel<F: Float>(
    x: &[F],
    pointers: &[i32],
    order: &[i32],
    pieces: &[i32],
    largest: &mut [i32],
    columns: usize,
    pitch: usize,
    units: usize,
    #[comptime] piece: usize,
    #[comptime] ordered: bool,
    #[define(F)] _dtype: ElemType,
) {
    let unit = ABSOLUTE_POS;
    if unit >= units {
        terminate!();
    }
    let segment = unit / columns;
    let column = unit - segment * columns;
    let start = usize::cast_from(pointers[segment]);
    let end = usize::cast_from(pointers[segment + 1]);
    let mut found = i32::new(-1);
    if comptime!(piece == 0) {
        found = largest_row::<F>(found, x, order, start, end, pitch, column, ordered);
    } else {
        let places = places(start, end, piece);
        found = largest_row::<F>(
            found,
            x,
            order,
            start,
            places.front_end,
            pitch,
            column,
            ordered,
        );
        let mut number = places.first_piece;
        while number < places.last_piece {
            let candidate = pieces[number * columns + column];
            found = larger::<F>(found, candidate, x, pitch, column);
            number += 1;
        }
        found = largest_row::<F>(
            found,
            x,
            order,
            places.back_start,
            end,
            pitch,
            column,
            ordered,
        );
    }
    largest[unit] = found;
}

/// Unit `p · columns + c` finds the first row of piece p with the largest number in column c, if its rows are all of one segment.
#[cube(launch_unchecked, address_type = "dynamic")]
fn piece_argmax_kernel<F: Float>(
    x: &[F],
    of_row: &[i32],
    order: &[i32],
    largest: &mut [i32],
    columns: usize,
    pitch: usize,
    units: usize,
    #[comptime] piece: usize,
    #[comptime] ordered: bool,
    #[define(F)] _dtype: ElemType,
) {
    let unit = ABSOLUTE_POS;
    if unit >= units {
        terminate!();
    }
    let number = unit / columns;
    let column = unit - number * columns;
    let start = number * piece;
    let end = start + piece;
    let first = row(order, start, ordered);
    let last = row(order, end - 1, ordered);
    if of_row[first] != of_row[last] {
        terminate!();
    }
    let none = i32::new(-1);
    largest[unit] = largest_row::<F>(none, x, order, start, end, pitch, column, ordered);
}

/// `found`, or the first of the rows at places `start` to `end` whose number is larger; −1 is none.
#[cube]
#[allow(clippy::too_many_arguments)]
fn largest_row<F: Float>(
    found: i32,
    x: &[F],
    order: &[i32],
    start: usize,
    end: usize,
    pitch: usize,
    column: usize,
    #[comptime] ordered: bool,
) -> i32 {
    let mut found = found;
    let mut best = f32::new(0.0);
    if found >= 0 {
        best = f32::cast_from(x[usize::cast_from(found) * pitch + column]);
    }
    let mut place = start;
    while place < end {
        let number = row(order, place, ordered);
        let value = f32::cast_from(x[number * pitch + column]);
        if found < 0 || exceeds(value, best) {
            best = value;
            found = i32::cast_from(number);
        }
        place += 1;
    }
    found
}

/// `found`, or `candidate` if its number is larger.
#[cube]
fn larger<F: Float>(found: i32, candidate: i32, x: &[F], pitch: usize, column: usize) -> i32 {
    let mut kept = candidate;
    if found >= 0 {
        let best = f32::cast_from(x[usize::cast_from(found) * pitch + column]);
        let value = f32::cast_from(x[usize::cast_from(candidate) * pitch + column]);
        if !exceeds(value, best) {
            kept = found;
        }
    }
    kept
}

/// Whether a number is larger; the first NaN stays.
#[cube]
fn exceeds(value: f32, best: f32) -> bool {
    value > best || (value.is_nan() && !best.is_nan())
}

/// The row at a place.
#[cube]
pub(crate) fn row(order: &[i32], place: usize, #[comptime] ordered: bool) -> usize {
    if comptime!(ordered) {
        usize::cast_from(order[place])
    } else {
        place
    }
}

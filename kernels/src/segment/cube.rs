//! The GPU implementation: a unit is one vector of channels of one segment or row.

use burn::backend::cubecl::dtype_to_storage_type;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::tensor::DType;
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::ops::{SegmentOps, SegmentPlan};
use crate::cube::{Rows, address_type, contiguous, empty, spread};

const UNITS: usize = 256;

impl SegmentOps for CubeBackend {
    fn segment_sum(
        x: FloatTensor<Self>,
        _of_row: IntTensor<Self>,
        pointers: IntTensor<Self>,
        order: IntTensor<Self>,
        plan: SegmentPlan,
    ) -> FloatTensor<Self> {
        let (pointers, order) = (contiguous(pointers), contiguous(order));
        let segments = pointers.meta.shape()[0] - 1;
        let columns = x.meta.shape()[1];
        let vector = vector(&x);
        let x = Rows::new(x, vector);
        let sums = empty(&x.tensor, [segments, columns], x.tensor.dtype);
        let units = segments * columns / vector;
        // SAFETY: a unit beyond the sums leaves first; the others read pointers of one segment below their count, rows
        // that the caller counts within the tensor, and write one vector of their own.
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
                sums.clone().into_buffer_arg(),
                columns / vector,
                x.pitch / vector,
                units,
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
        let vector = vector(&x);
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
        pointers: IntTensor<Self>,
        order: IntTensor<Self>,
        plan: SegmentPlan,
    ) -> IntTensor<Self> {
        let (pointers, order) = (contiguous(pointers), contiguous(order));
        let segments = pointers.meta.shape()[0] - 1;
        let columns = x.meta.shape()[1];
        let x = Rows::new(x, 1);
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
                largest.clone().into_buffer_arg(),
                columns,
                x.pitch,
                units,
                plan.ordered,
                dtype_to_storage_type(x.tensor.dtype),
            );
        }
        largest
    }
}

/// Channels that a unit reads at once.
fn vector(x: &CubeTensor) -> usize {
    match x.meta.shape()[1].is_multiple_of(4) {
        true => 4,
        false => 1,
    }
}

/// Unit `s · columns + c` sums vector c of the rows of segment s, in their order.
#[cube(launch_unchecked, address_type = "dynamic")]
fn sum_kernel<F: Float, N: Size>(
    x: &[Vector<F, N>],
    pointers: &[i32],
    order: &[i32],
    sums: &mut [Vector<F, N>],
    columns: usize,
    pitch: usize,
    units: usize,
    #[comptime] ordered: bool,
    #[define(F)] _dtype: ElemType,
) {
    let unit = ABSOLUTE_POS;
    if unit >= units {
        terminate!();
    }
    let segment = unit / columns;
    let column = unit - segment * columns;
    let mut place = usize::cast_from(pointers[segment]);
    let end = usize::cast_from(pointers[segment + 1]);
    let mut total = Vector::<f32, N>::new(0.0);
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
    sums[unit] = Vector::cast_from(total);
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

/// Unit `s · columns + c` finds the first row of segment s with the largest number in column c.
#[cube(launch_unchecked, address_type = "dynamic")]
fn argmax_kernel<F: Float>(
    x: &[F],
    pointers: &[i32],
    order: &[i32],
    largest: &mut [i32],
    columns: usize,
    pitch: usize,
    units: usize,
    #[comptime] ordered: bool,
    #[define(F)] _dtype: ElemType,
) {
    let unit = ABSOLUTE_POS;
    if unit >= units {
        terminate!();
    }
    let segment = unit / columns;
    let column = unit - segment * columns;
    let mut place = usize::cast_from(pointers[segment]);
    let end = usize::cast_from(pointers[segment + 1]);
    let mut best = f32::new(0.0);
    let mut found = i32::new(-1);
    while place < end {
        let number = row(order, place, ordered);
        let value = f32::cast_from(x[number * pitch + column]);
        // The first NaN stays.
        if found < 0 || value > best || (value.is_nan() && !best.is_nan()) {
            best = value;
            found = i32::cast_from(number);
        }
        place += 1;
    }
    largest[unit] = found;
}

/// The row at a place.
#[cube]
fn row(order: &[i32], place: usize, #[comptime] ordered: bool) -> usize {
    if comptime!(ordered) {
        usize::cast_from(order[place])
    } else {
        place
    }
}

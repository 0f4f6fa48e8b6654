//! Sums of partial results, in a fixed order: gradients are the same in every run.

use burn::backend::cubecl::dtype_to_storage_type;
use burn::tensor::{DType, Shape};
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::tensors::{empty, part, spread};

const UNITS: usize = 256;
/// Rows that are summed at a time where there are very many.
const BLOCK: usize = 64;

/// Rows of partial results, all of one length, that lie one behind the other in a tensor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Partials<'a> {
    /// Holds the rows.
    pub(crate) tensor: &'a CubeTensor,
    /// Element at which the first row starts.
    pub(crate) offset: usize,
    /// Sums that are wanted; the rows of each lie together.
    pub(crate) sums: usize,
    /// Rows per sum.
    pub(crate) rows: usize,
}

impl Partials<'_> {
    /// The sums, in 32-bit arithmetic, as a tensor of `shape` and type `dtype`; the first axes of
    /// `shape` count the sums, and the others make up a row.
    pub(crate) fn sum(self, shape: impl Into<Shape>, dtype: DType) -> CubeTensor {
        let shape = shape.into();
        let elements = shape.num_elements();
        if self.rows == 1 && dtype == self.tensor.dtype {
            return part(self.tensor, self.offset, shape);
        }
        if self.rows >= 8 * BLOCK && self.rows.is_multiple_of(BLOCK) {
            return self.in_two_stages(shape, dtype);
        }
        let sum = empty(self.tensor, shape, dtype);
        let length = elements / self.sums;
        // Many rows of few elements would leave most of a device idle; eight units share an element.
        let groups = if self.rows < 32 { 1 } else { 8 };
        let vector = match groups {
            1 => vector(self.tensor.dtype, [self.offset, length]),
            _ => 1,
        };
        let lanes = UNITS / groups;
        // SAFETY: the kernel reads vectors `(set · rows + row) · length + element + offset` for sets, rows
        // and elements below their counts, which stays within the tensor, and writes elements below
        // theirs.
        unsafe {
            sum_kernel::launch_unchecked(
                &self.tensor.client,
                spread((elements / vector).div_ceil(lanes)),
                CubeDim::new_2d(lanes as u32, groups as u32),
                super::address_type(&[self.tensor, &sum]),
                vector,
                self.tensor.clone().into_buffer_arg(),
                sum.clone().into_buffer_arg(),
                self.offset / vector,
                self.rows,
                length / vector,
                elements / vector,
                groups,
                [
                    dtype_to_storage_type(self.tensor.dtype),
                    dtype_to_storage_type(dtype),
                ],
            );
        }
        sum
    }

    /// First blocks of rows, then their sums: more units are at work, each on fewer rows.
    fn in_two_stages(self, shape: Shape, dtype: DType) -> CubeTensor {
        let blocks = self.rows / BLOCK;
        let length = shape.num_elements() / self.sums;
        let first = Self {
            sums: self.sums * blocks,
            rows: BLOCK,
            ..self
        }
        .sum([self.sums * blocks, length], DType::F32);
        Partials {
            tensor: &first,
            offset: 0,
            sums: self.sums,
            rows: blocks,
        }
        .sum(shape, dtype)
    }
}

/// Elements that a unit reads at once: up to eight bytes, as many as divide all of `sizes`.
fn vector(dtype: DType, sizes: [usize; 2]) -> usize {
    let mut vector = 8 / dtype.size();
    while sizes.iter().any(|size| !size.is_multiple_of(vector)) {
        vector /= 2;
    }
    vector
}

/// Unit `(x, y)` sums every `groups`-th row from row `y`; the units of an element are then added in
/// order.
#[cube(launch_unchecked, address_type = "dynamic")]
fn sum_kernel<P: Float, F: Float, V: Size>(
    partials: &[Vector<P, V>],
    sum: &mut [Vector<F, V>],
    offset: usize,
    rows: usize,
    length: usize,
    elements: usize,
    #[comptime] groups: usize,
    #[define(P, F)] _dtypes: [ElemType; 2],
) {
    let lanes = comptime!(UNITS / groups);
    let element = CUBE_POS * lanes + UNIT_POS_X as usize;
    // A surplus unit repeats the last element.
    let own = min(element, elements - 1);
    let column = offset + own / length * rows * length + own % length;
    let mut row = UNIT_POS_Y as usize;
    let mut total = Vector::<f32, V>::new(0.0);
    // Four loads are under way together.
    while row + comptime!(3 * groups) < rows {
        let first = Vector::<f32, V>::cast_from(partials[column + row * length]);
        let second = Vector::<f32, V>::cast_from(partials[column + (row + groups) * length]);
        let third =
            Vector::<f32, V>::cast_from(partials[column + (row + comptime!(2 * groups)) * length]);
        let fourth =
            Vector::<f32, V>::cast_from(partials[column + (row + comptime!(3 * groups)) * length]);
        total = total + first + second + third + fourth;
        row += comptime!(4 * groups);
    }
    while row < rows {
        total += Vector::<f32, V>::cast_from(partials[column + row * length]);
        row += groups;
    }
    if comptime!(groups > 1) {
        let mut shared = Shared::<[Vector<f32, V>]>::new_slice(UNITS);
        shared[UNIT_POS as usize] = total;
        sync_cube();
        #[unroll]
        for group in 1..groups {
            total += shared[comptime!(group * lanes) + UNIT_POS_X as usize];
        }
    }
    if UNIT_POS_Y == 0 && element < elements {
        sum[element] = Vector::cast_from(total);
    }
}

//! The native CPU implementation: a task is a block of segments or rows, SIMD lanes are channels.

use burn::backend::Flex;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::tensor::{DType, TensorData};
use burn_flex::FlexTensor;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::ops::{SegmentOps, SegmentPlan};
use crate::flex::rows::{Rows, with_contiguous_rows};
use crate::flex::simd::{load, store};
use crate::flex::{from_vec, output, to_f32};

/// Numbers that a task writes, about: enough to be worth handing out.
const TASK: usize = 1 << 14;

impl SegmentOps for Flex {
    fn segment_sum(
        x: FloatTensor<Self>,
        _of_row: IntTensor<Self>,
        pointers: IntTensor<Self>,
        order: IntTensor<Self>,
        plan: SegmentPlan,
    ) -> FloatTensor<Self> {
        let members = Members::new(&pointers, &order, plan);
        let (dtype, x) = (x.dtype(), readable(x));
        let width = x.layout().shape()[1];
        let mut sums = output(members.segments() * width);
        let rows = Rows::new(&x);
        in_blocks(&mut sums, width, |first, block| {
            Arch::new().dispatch(Sums {
                rows: &rows,
                members: &members,
                first,
                block,
                width,
            });
        });
        from_vec(sums, [members.segments(), width], dtype)
    }

    fn segment_spread(
        x: FloatTensor<Self>,
        of_row: IntTensor<Self>,
        _pointers: IntTensor<Self>,
        _order: IntTensor<Self>,
        _plan: SegmentPlan,
    ) -> FloatTensor<Self> {
        let of_row = integers(&of_row);
        let (dtype, x) = (x.dtype(), readable(x));
        let width = x.layout().shape()[1];
        let mut spread = output(of_row.len() * width);
        let rows = Rows::new(&x);
        in_blocks(&mut spread, width, |first, block| {
            let segments = &of_row[first..];
            for (row, segment) in block.chunks_mut(width).zip(segments) {
                row.copy_from_slice(rows.row([*segment as usize]));
            }
        });
        from_vec(spread, [of_row.len(), width], dtype)
    }

    fn segment_argmax(
        x: FloatTensor<Self>,
        pointers: IntTensor<Self>,
        order: IntTensor<Self>,
        plan: SegmentPlan,
    ) -> IntTensor<Self> {
        let members = Members::new(&pointers, &order, plan);
        let x = readable(x);
        let width = x.layout().shape()[1];
        let mut largest = vec![-1_i32; members.segments() * width];
        let rows = Rows::new(&x);
        in_blocks(&mut largest, width, |first, block| {
            for (segment, largest) in (first..).zip(block.chunks_mut(width)) {
                find_largest(&rows, members.rows(segment), largest);
            }
        });
        FlexTensor::from_data(TensorData::new(largest, [members.segments(), width]))
    }
}

/// Calls `task` with blocks of rows of `width` numbers, and the number of the first row of each.
fn in_blocks<T: Send>(all: &mut [T], width: usize, task: impl Fn(usize, &mut [T]) + Send + Sync) {
    let rows = TASK.div_ceil(width);
    let blocks = all.par_chunks_mut(rows * width).enumerate();
    blocks.for_each(|(number, block)| task(number * rows, block));
}

fn find_largest(x: &Rows<'_, 1>, members: impl Iterator<Item = usize>, largest: &mut [i32]) {
    let mut best = vec![0.0_f32; largest.len()];
    for number in members {
        let row = x.row([number]).iter();
        for ((value, best), largest) in row.zip(&mut best).zip(largest.iter_mut()) {
            // The first NaN stays.
            let is_larger = *value > *best || (value.is_nan() && !best.is_nan());
            if *largest < 0 || is_larger {
                (*best, *largest) = (*value, number as i32);
            }
        }
    }
}

/// Which rows belong to a segment.
struct Members {
    pointers: Vec<i32>,
    order: Option<Vec<i32>>,
}

impl Members {
    fn new(pointers: &FlexTensor, order: &FlexTensor, plan: SegmentPlan) -> Self {
        Self {
            pointers: integers(pointers),
            order: plan.ordered.then(|| integers(order)),
        }
    }

    fn segments(&self) -> usize {
        self.pointers.len() - 1
    }

    #[inline(always)]
    fn rows(&self, segment: usize) -> impl Iterator<Item = usize> {
        let places = self.pointers[segment] as usize..self.pointers[segment + 1] as usize;
        places.map(|place| match &self.order {
            Some(order) => order[place] as usize,
            None => place,
        })
    }
}

/// Sums of a block of segments.
struct Sums<'a> {
    rows: &'a Rows<'a, 1>,
    members: &'a Members,
    first: usize,
    block: &'a mut [f32],
    width: usize,
}

impl WithSimd for Sums<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        for (segment, sum) in (self.first..).zip(self.block.chunks_mut(self.width)) {
            sum.fill(0.0);
            for row in self.members.rows(segment) {
                let row = self.rows.row([row]);
                for (sum, x) in sum.chunks_mut(S::F32_LANES).zip(row.chunks(S::F32_LANES)) {
                    store(s, sum, s.add_f32s(load(s, sum), load(s, x)));
                }
            }
        }
    }
}

/// The tensor in 32 bits, its innermost axis contiguous.
fn readable(tensor: FlexTensor) -> FlexTensor {
    with_contiguous_rows(to_f32(tensor))
}

/// The numbers of a one-dimensional operand of 32-bit integers.
fn integers(tensor: &FlexTensor) -> Vec<i32> {
    debug_assert_eq!(tensor.dtype(), DType::I32);
    let tensor = tensor.to_contiguous();
    let (from, to) = tensor.layout().contiguous_offsets().unwrap_or((0, 0));
    tensor.storage::<i32>()[from..to].to_vec()
}

//! The native CPU implementation: a task is a block of segments or rows, or a piece of a long segment; SIMD lanes are channels.

use std::ops::Range;

use burn::backend::Flex;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::tensor::{DType, TensorData};
use burn_flex::FlexTensor;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::ops::{SegmentOps, SegmentPlan};
use super::pieces::{Parts, piece};
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
        let rows = Rows::new(&x);
        let pieces = piece_sums(&rows, &members, width);
        let mut sums = output(members.segments() * width);
        in_blocks(&mut sums, width, |first, block| {
            Arch::new().dispatch(Sums {
                rows: &rows,
                members: &members,
                pieces: &pieces,
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
        _of_row: IntTensor<Self>,
        pointers: IntTensor<Self>,
        order: IntTensor<Self>,
        plan: SegmentPlan,
    ) -> IntTensor<Self> {
        let members = Members::new(&pointers, &order, plan);
        let x = readable(x);
        let width = x.layout().shape()[1];
        let rows = Rows::new(&x);
        let pieces = piece_argmaxes(&rows, &members, width);
        let mut largest = vec![-1_i32; members.segments() * width];
        in_blocks(&mut largest, width, |first, block| {
            for (segment, largest) in (first..).zip(block.chunks_mut(width)) {
                let parts = members.parts(segment);
                find_largest(&rows, members.rows(parts.front), largest);
                for piece in parts.pieces {
                    let piece = &pieces[piece * width..(piece + 1) * width];
                    take_larger(&rows, piece, largest);
                }
                find_largest(&rows, members.rows(parts.back), largest);
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

/// Sums of the pieces, `[pieces, width]`; zeros where a piece is of several segments.
fn piece_sums(rows: &Rows<'_, 1>, members: &Members, width: usize) -> Vec<f32> {
    let mut sums = vec![0.0; members.pieces() * width];
    sums.par_chunks_mut(width)
        .enumerate()
        .for_each(|(piece, sum)| {
            let places = members.whole(piece);
            Arch::new().dispatch(RowSums {
                rows,
                members,
                places,
                sum,
            });
        });
    sums
}

/// The first rows with the largest numbers of the pieces, −1 where a piece is of several segments.
fn piece_argmaxes(rows: &Rows<'_, 1>, members: &Members, width: usize) -> Vec<i32> {
    let mut largest = vec![-1_i32; members.pieces() * width];
    largest
        .par_chunks_mut(width)
        .enumerate()
        .for_each(|(piece, largest)| {
            find_largest(rows, members.rows(members.whole(piece)), largest);
        });
    largest
}

/// Goes on from the rows that `largest` names, −1 being none.
fn find_largest(x: &Rows<'_, 1>, members: impl Iterator<Item = usize>, largest: &mut [i32]) {
    let of = |(column, row): (usize, &i32)| match usize::try_from(*row) {
        Ok(row) => x.row([row])[column],
        Err(_) => 0.0,
    };
    let mut best: Vec<f32> = largest.iter().enumerate().map(of).collect();
    for number in members {
        let row = x.row([number]).iter();
        for ((value, best), largest) in row.zip(&mut best).zip(largest.iter_mut()) {
            if *largest < 0 || exceeds(*value, *best) {
                (*best, *largest) = (*value, number as i32);
            }
        }
    }
}

/// Takes the rows of a piece that have larger numbers.
fn take_larger(x: &Rows<'_, 1>, piece: &[i32], largest: &mut [i32]) {
    for (column, (largest, &candidate)) in largest.iter_mut().zip(piece).enumerate() {
        let of = |row: i32| x.row([row as usize])[column];
        if *largest < 0 || exceeds(of(candidate), of(*largest)) {
            *largest = candidate;
        }
    }
}

/// Whether a number is larger; the first NaN stays.
fn exceeds(value: f32, best: f32) -> bool {
    value > best || (value.is_nan() && !best.is_nan())
}

/// Which rows belong to a segment.
struct Members {
    pointers: Vec<i32>,
    order: Option<Vec<i32>>,
    /// Length of a piece, where a segment is long enough to have one.
    piece: Option<usize>,
}

impl Members {
    fn new(pointers: &FlexTensor, order: &FlexTensor, plan: SegmentPlan) -> Self {
        let pointers = integers(pointers);
        let rows = pointers.last().map_or(0, |end| *end as usize);
        let longest = pointers.windows(2).map(|pair| (pair[1] - pair[0]) as usize);
        let longest = longest.max().unwrap_or(0);
        Self {
            piece: piece(rows).filter(|piece| longest >= *piece),
            pointers,
            order: plan.ordered.then(|| integers(order)),
        }
    }

    fn segments(&self) -> usize {
        self.pointers.len() - 1
    }

    /// Number of pieces; 0 where no segment is long.
    fn pieces(&self) -> usize {
        let rows = self.pointers[self.segments()] as usize;
        self.piece.map_or(0, |piece| rows / piece)
    }

    /// Places of a piece, none of one that is of several segments.
    fn whole(&self, number: usize) -> Range<usize> {
        let piece = self.piece.unwrap_or(0);
        let places = number * piece..(number + 1) * piece;
        let segment = self
            .pointers
            .partition_point(|&at| at as usize <= places.start);
        match self.pointers.get(segment) {
            Some(&end) if end as usize >= places.end => places,
            _ => 0..0,
        }
    }

    /// What a segment is added up from.
    #[inline(always)]
    fn parts(&self, segment: usize) -> Parts {
        let places = self.pointers[segment] as usize..self.pointers[segment + 1] as usize;
        match self.piece {
            Some(piece) => Parts::of(places, piece),
            None => Parts {
                back: places.end..places.end,
                pieces: 0..0,
                front: places,
            },
        }
    }

    #[inline(always)]
    fn rows(&self, places: Range<usize>) -> impl Iterator<Item = usize> {
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
    pieces: &'a [f32],
    first: usize,
    block: &'a mut [f32],
    width: usize,
}

impl WithSimd for Sums<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let (rows, members) = (self.rows, self.members);
        for (segment, sum) in (self.first..).zip(self.block.chunks_mut(self.width)) {
            sum.fill(0.0);
            let parts = members.parts(segment);
            add_rows(s, rows, members.rows(parts.front), sum);
            for piece in parts.pieces {
                add(
                    s,
                    sum,
                    &self.pieces[piece * self.width..(piece + 1) * self.width],
                );
            }
            add_rows(s, rows, members.rows(parts.back), sum);
        }
    }
}

/// Adds the rows at some places to `sum`.
struct RowSums<'a> {
    rows: &'a Rows<'a, 1>,
    members: &'a Members,
    places: Range<usize>,
    sum: &'a mut [f32],
}

impl WithSimd for RowSums<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        add_rows(s, self.rows, self.members.rows(self.places), self.sum);
    }
}

#[inline(always)]
fn add_rows<S: Simd>(s: S, x: &Rows<'_, 1>, rows: impl Iterator<Item = usize>, sum: &mut [f32]) {
    for row in rows {
        add(s, sum, x.row([row]));
    }
}

#[inline(always)]
fn add<S: Simd>(s: S, sum: &mut [f32], row: &[f32]) {
    for (sum, x) in sum.chunks_mut(S::F32_LANES).zip(row.chunks(S::F32_LANES)) {
        store(s, sum, s.add_f32s(load(s, sum), load(s, x)));
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

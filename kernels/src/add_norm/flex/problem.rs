//! Sizes, and the rows that a task takes.

use std::ops::Range;

use burn_flex::FlexTensor;

use crate::flex::rows::with_contiguous_rows;
use crate::flex::to_f32;

/// Rows of one task: enough to be worth handing out, few enough to leave tasks for every core. It
/// never depends on the number of cores, so that sums over tasks are the same on any.
const ROWS: usize = 32;

/// Sizes of an operand `[B, L, D]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    pub(super) batch: usize,
    pub(super) length: usize,
    pub(super) channels: usize,
}

impl Extent {
    pub(super) fn of(tensor: &FlexTensor) -> Self {
        let shape = tensor.layout().shape();
        Self {
            batch: shape[0],
            length: shape[1],
            channels: shape[2],
        }
    }

    pub(super) fn shape(self) -> [usize; 3] {
        [self.batch, self.length, self.channels]
    }

    pub(super) fn elements(self) -> usize {
        self.batch * self.length * self.channels
    }

    pub(super) fn tasks(self) -> usize {
        (self.batch * self.length).div_ceil(ROWS)
    }

    /// Rows of task `task`.
    pub(super) fn rows(self, task: usize) -> Range<usize> {
        task * ROWS..((task + 1) * ROWS).min(self.batch * self.length)
    }

    /// Batch element and token of a row.
    pub(super) fn index(self, row: usize) -> [usize; 2] {
        [row / self.length, row % self.length]
    }

    /// Where a row lies in a contiguous tensor.
    pub(super) fn range(self, row: usize) -> Range<usize> {
        row * self.channels..(row + 1) * self.channels
    }
}

/// The tensor in 32 bits, its innermost axis contiguous.
pub(super) fn readable(tensor: FlexTensor) -> FlexTensor {
    with_contiguous_rows(to_f32(tensor))
}

/// The numbers of a one-dimensional operand.
pub(super) fn numbers(tensor: FlexTensor) -> Vec<f32> {
    let tensor = to_f32(tensor).to_contiguous();
    let layout = tensor.layout();
    tensor.storage::<f32>()[layout.start_offset()..][..layout.num_elements()].to_vec()
}

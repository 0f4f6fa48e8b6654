//! Tensors as matrices of all their rows.

use burn_flex::FlexTensor;

/// A matrix of 32-bit numbers in memory, with any distance between its rows and between its columns.
#[derive(Clone, Copy)]
pub(super) struct Matrix<'a> {
    /// What the offsets of all elements lie in.
    storage: &'a [f32],
    start: usize,
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) row_stride: isize,
    pub(super) column_stride: isize,
}

impl<'a> Matrix<'a> {
    /// The last axis of a tensor that went through [`evenly_spaced`] as columns, all others as rows.
    pub(super) fn of(tensor: &'a FlexTensor) -> Self {
        let layout = tensor.layout();
        let (shape, strides) = (layout.shape(), layout.strides());
        let last = layout.num_dims() - 1;
        // All axes of one element lie outside the others, or nowhere.
        let inner = (0..last).rev().find(|axis| shape[*axis] > 1);
        Self {
            storage: tensor.storage::<f32>(),
            start: layout.start_offset(),
            rows: shape.iter().take(last).product(),
            columns: shape[last],
            row_stride: inner.map_or(0, |axis| strides[axis]),
            column_stride: strides[last],
        }
    }

    /// Row-major numbers.
    pub(super) fn row_major(numbers: &'a [f32], rows: usize, columns: usize) -> Self {
        Self {
            storage: numbers,
            start: 0,
            rows,
            columns,
            row_stride: columns as isize,
            column_stride: 1,
        }
    }

    pub(super) fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }

    /// Rows of part `index` of `parts` equal ones.
    pub(super) fn part(self, index: usize, parts: usize) -> Self {
        let rows = self.rows / parts;
        let start = self.start as isize + self.row_stride * (index * rows) as isize;
        Self {
            start: start as usize,
            rows,
            ..self
        }
    }

    /// Where the element of the first row and column is. All others are at their multiples of the strides from there.
    ///
    /// # Panics
    ///
    /// Panics if one of them lies outside the tensor's memory.
    pub(super) fn first(&self) -> *const f32 {
        let far = |count: usize, stride: isize| stride * (count.max(1) - 1) as isize;
        let ends = [
            far(self.rows, self.row_stride),
            far(self.columns, self.column_stride),
        ];
        let reach =
            |of: fn(isize, isize) -> isize| ends.iter().map(|end| of(*end, 0)).sum::<isize>();
        let start = self.start as isize;
        let (low, high) = (start + reach(Ord::min), start + reach(Ord::max));
        let is_empty = self.rows == 0 || self.columns == 0;
        assert!(is_empty || (low >= 0 && (high as usize) < self.storage.len()));
        self.storage.as_ptr().wrapping_add(self.start)
    }

    /// The elements of a row, if they lie side by side.
    pub(super) fn row(&self, row: usize) -> Option<&'a [f32]> {
        let start = self.start as isize + self.row_stride * row as isize;
        let start = usize::try_from(start).ok()?;
        (self.column_stride == 1 || self.columns == 1)
            .then(|| &self.storage[start..start + self.columns])
    }
}

/// The tensor itself if all its rows are at the same distance, a contiguous copy otherwise.
pub(super) fn evenly_spaced(tensor: FlexTensor) -> FlexTensor {
    let layout = tensor.layout();
    let (shape, strides) = (layout.shape(), layout.strides());
    let last = layout.num_dims() - 1;
    let axes: Vec<usize> = (0..last).filter(|axis| shape[*axis] > 1).collect();
    let follows = |pair: &[usize]| {
        let [outer, inner] = [pair[0], pair[1]];
        strides[outer] == strides[inner] * shape[inner] as isize
    };
    match axes.windows(2).all(follows) {
        true => tensor,
        false => tensor.to_contiguous(),
    }
}

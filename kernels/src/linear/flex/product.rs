//! Products of matrices, written where they belong.

use std::mem::MaybeUninit;

use gemm::Parallelism;

use super::matrix::Matrix;

/// Multiplications that a thread is woken for.
const PER_THREAD: usize = 1 << 20;

/// Memory of one product or of several, one below the other, before it is written.
pub(super) struct Sheet {
    numbers: Box<[MaybeUninit<f32>]>,
    columns: usize,
}

impl Sheet {
    pub(super) fn new(rows: usize, columns: usize) -> Self {
        let mut numbers = Box::new_uninit_slice(rows * columns);
        if cfg!(test) {
            // An element that nobody writes shows.
            numbers.fill(MaybeUninit::new(f32::NAN));
        }
        Self { numbers, columns }
    }

    /// Part `index` of `parts` equal parts of the rows.
    fn part(&mut self, index: usize, parts: usize) -> &mut [MaybeUninit<f32>] {
        let len = self.numbers.len() / parts;
        &mut self.numbers[index * len..(index + 1) * len]
    }

    /// Writes `row` to every row.
    pub(super) fn repeat(&mut self, row: &[f32]) {
        if self.columns > 0 {
            for out in self.numbers.chunks_exact_mut(self.columns) {
                out.write_copy_of_slice(row);
            }
        }
    }

    /// Zeroes part `index` of `parts`.
    pub(super) fn clear(&mut self, index: usize, parts: usize) {
        self.part(index, parts).fill(MaybeUninit::new(0.0));
    }

    /// Writes `left · right` to part `index` of `parts`.
    pub(super) fn write(&mut self, [index, parts]: [usize; 2], left: Matrix, right: Matrix) {
        // SAFETY: nothing is read.
        unsafe { self.multiply([index, parts], left, right, false) }
    }

    /// Adds `left · right` to all rows.
    ///
    /// # Safety
    ///
    /// They have been written.
    pub(super) unsafe fn add(&mut self, left: Matrix, right: Matrix) {
        // SAFETY: that of the caller.
        unsafe { self.multiply([0, 1], left, right, true) }
    }

    /// # Safety
    ///
    /// With `onto` the part has been written.
    unsafe fn multiply(
        &mut self,
        [index, parts]: [usize; 2],
        left: Matrix,
        right: Matrix,
        onto: bool,
    ) {
        let columns = self.columns;
        let out = self.part(index, parts);
        assert_eq!(left.columns, right.rows);
        assert_eq!(columns, right.columns);
        assert_eq!(out.len(), left.rows * columns);
        // SAFETY: `out` is as long as the product, whose rows lie one behind the other; `first` has seen that all elements of
        // the operands are within their memory. What is written to is read only with `onto`.
        unsafe {
            gemm::gemm(
                left.rows,
                columns,
                left.columns,
                out.as_mut_ptr().cast::<f32>(),
                1,
                columns as isize,
                onto,
                left.first(),
                left.column_stride,
                left.row_stride,
                right.first(),
                right.column_stride,
                right.row_stride,
                1.0,
                1.0,
                false,
                false,
                false,
                parallelism(left.rows * left.columns * columns),
            );
        }
    }

    /// The numbers.
    ///
    /// # Safety
    ///
    /// All have been written.
    pub(super) unsafe fn written(self) -> Vec<f32> {
        // SAFETY: that of the caller.
        unsafe { self.numbers.assume_init() }.into_vec()
    }
}

/// As many threads as the work is worth. Every element is computed by one of them, in the same way whichever it is.
fn parallelism(multiplications: usize) -> Parallelism {
    let worth = multiplications / PER_THREAD;
    match worth.min(rayon::current_num_threads()) {
        0 | 1 => Parallelism::None,
        threads => Parallelism::Rayon(threads),
    }
}

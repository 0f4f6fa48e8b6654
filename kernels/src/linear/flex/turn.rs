//! Weights with their outputs side by side, as the product reads them.

use std::mem::MaybeUninit;

use rayon::prelude::*;

use super::matrix::Matrix;

/// Rows and columns of a tile: a cache line of both.
const TILE: usize = 16;

/// Elements that a second thread is woken for.
const SERIAL: usize = 1 << 15;

/// Rows of the other operand from which on turning is worth its time.
const ROWS: usize = 16;

/// Whether a product with `rows` rows gains from `weight`, `[out, in]`, turned.
///
/// The product needs a few outputs at a time of every input. It collects them with steps of a row, which all fall into the same part of
/// the cache where rows are a power of two long: a tenth of a training step of small matrices.
pub(super) fn is_worth(rows: usize, weight: &Matrix) -> bool {
    rows >= ROWS && weight.column_stride == 1 && weight.row_stride != 1
}

/// The matrix turned: `[in, out]`, row-major.
pub(super) fn turned(matrix: Matrix) -> Vec<f32> {
    let (rows, columns) = (matrix.rows, matrix.columns);
    let mut out = Box::new_uninit_slice(rows * columns);
    let strips = out.par_chunks_mut((TILE * rows).max(1)).enumerate();
    let least = match rows * columns < SERIAL {
        true => usize::MAX,
        false => 1,
    };
    strips.with_min_len(least).for_each(|(strip, out)| {
        for first in (0..rows).step_by(TILE) {
            turn(matrix, [first, strip * TILE], out);
        }
    });
    // SAFETY: every strip holds as many columns as `turn` writes, and the tiles cover all rows.
    unsafe { out.assume_init() }.into_vec()
}

/// Writes the tile at `[row, column]` to the strip of its columns.
fn turn(matrix: Matrix, [row, column]: [usize; 2], out: &mut [MaybeUninit<f32>]) {
    let columns = TILE.min(matrix.columns - column);
    let rows = TILE.min(matrix.rows - row);
    let mut tile = [[0.0; TILE]; TILE];
    for (i, line) in tile[..rows].iter_mut().enumerate() {
        let from = matrix.row(row + i).expect("columns side by side");
        match from.get(column..column + TILE) {
            Some(from) => line.copy_from_slice(from),
            None => line[..columns].copy_from_slice(&from[column..]),
        }
    }
    for (j, out) in out.chunks_exact_mut(matrix.rows).enumerate() {
        for (out, line) in out[row..row + rows].iter_mut().zip(&tile) {
            out.write(line[j]);
        }
    }
}

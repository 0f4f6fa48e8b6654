//! Sums over the rows of a matrix.

use pulp::{Arch, Simd, WithSimd};

use super::matrix::Matrix;
use crate::flex::simd::{load, store};

/// Adds all rows of the matrix to `sums`, one after the other.
pub(super) fn add_rows(sums: &mut [f32], matrix: Matrix) {
    let rows: Option<Vec<&[f32]>> = (0..matrix.rows).map(|row| matrix.row(row)).collect();
    let rows = rows.expect("made such that columns lie side by side");
    Arch::new().dispatch(Add { sums, rows: &rows });
}

struct Add<'a> {
    sums: &'a mut [f32],
    rows: &'a [&'a [f32]],
}

impl WithSimd for Add<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        for row in self.rows {
            for (sum, x) in self
                .sums
                .chunks_mut(S::F32_LANES)
                .zip(row.chunks(S::F32_LANES))
            {
                let total = s.add_f32s(load(s, sum), load(s, x));
                store(s, sum, total);
            }
        }
    }
}

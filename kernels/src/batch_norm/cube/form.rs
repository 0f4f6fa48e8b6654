//! How cubes and units divide a matrix, and what a kernel is specialised for.

use cubecl::prelude::*;

/// Units of a cube, at most.
pub(super) const UNITS: usize = 256;
/// Vectors of columns that a cube of a pass over all rows has, at most: with as many, its units read whole cache lines.
const LANES: usize = 16;
/// The same of a cube that puts parts together: few, so that many units share a column's parts.
const LANES_OF_PARTS: usize = 4;
/// Cubes that take moments or sums, at most: enough for every core of a large device, few enough for the next kernel to put together.
const CUBES: usize = 512;
/// Cubes on one axis, at most, on every API.
const AXIS: usize = 65_535;
/// Rows that a unit has under way together.
pub(super) const TOGETHER: usize = 4;

/// What a kernel is specialised for.
///
/// Cube `(i, j)` has the columns of block i and the rows of part j. Its unit `(x, y)` has vector `x` of these columns, and of these rows every
/// `side`-th from row `y`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Form {
    /// Vectors of columns.
    pub lanes: usize,
    /// Rows side by side, a power of two.
    pub side: usize,
    /// Some rows are padding.
    pub masked: bool,
}

/// The division of a matrix, in vectors of columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Division {
    /// Columns of a vector.
    pub vector: usize,
    pub lanes: usize,
    pub side: usize,
    /// Blocks of columns.
    pub blocks: usize,
    /// Parts of the rows.
    pub parts: usize,
}

impl Division {
    /// For moments and sums over `rows` rows.
    pub(super) fn into_parts([rows, columns]: [usize; 2]) -> Self {
        let whole = Self::of_columns(columns, LANES);
        let most = (CUBES / whole.blocks).max(1);
        let parts = rows.div_ceil(whole.side * TOGETHER).min(most);
        Self { parts, ..whole }
    }

    /// For what is put together from parts.
    pub(super) fn of_parts(columns: usize) -> Self {
        Self::of_columns(columns, LANES_OF_PARTS)
    }

    /// For rows by themselves.
    pub(super) fn by_rows([rows, columns]: [usize; 2]) -> Self {
        let whole = Self::of_columns(columns, LANES);
        let parts = rows.div_ceil(whole.side * TOGETHER).min(AXIS);
        Self { parts, ..whole }
    }

    /// Blocks of `most` vectors or less, about equally wide, and one part.
    fn of_columns(columns: usize, most: usize) -> Self {
        let vector = crate::cube::vector(columns);
        let vectors = columns / vector;
        let lanes = vectors.div_ceil(vectors.div_ceil(most));
        Self {
            vector,
            lanes,
            side: 1 << (UNITS / lanes).ilog2(),
            blocks: vectors.div_ceil(lanes),
            parts: 1,
        }
    }

    pub(super) fn cubes(self) -> CubeCount {
        CubeCount::Static(self.blocks as u32, self.parts as u32, 1)
    }

    pub(super) fn units(self) -> CubeDim {
        CubeDim::new_2d(self.lanes as u32, self.side as u32)
    }

    pub(super) fn form(self, masked: bool) -> Form {
        Form {
            lanes: self.lanes,
            side: self.side,
            masked,
        }
    }

    /// Sizes of a matrix of `rows` rows, divided so.
    pub(super) fn extent(self, [rows, columns]: [usize; 2]) -> ExtentLaunch {
        ExtentLaunch::new(rows, rows.div_ceil(self.parts), columns / self.vector)
    }
}

/// Sizes.
#[derive(CubeType, CubeLaunch, Clone, Copy, Debug)]
pub(super) struct Extent {
    /// Rows.
    pub rows: usize,
    /// Rows of a part.
    pub share: usize,
    /// Vectors of a row.
    pub columns: usize,
}

/// A unit's place in the matrix.
#[derive(CubeType, Clone, Copy)]
pub(super) struct Place {
    /// First row.
    pub row: usize,
    /// End of the part's rows.
    pub end: usize,
    /// Vector of a row; a surplus unit repeats the last.
    pub column: usize,
    /// False for a surplus unit.
    pub inside: bool,
}

#[cube]
pub(super) fn place(extent: &Extent, #[comptime] form: Form) -> Place {
    let wanted = CUBE_POS_X as usize * comptime!(form.lanes) + UNIT_POS_X as usize;
    let start = CUBE_POS_Y as usize * extent.share;
    Place {
        row: start + UNIT_POS_Y as usize,
        end: min(start + extent.share, extent.rows),
        column: min(wanted, extent.columns - 1),
        inside: wanted < extent.columns,
    }
}

/// Whether `row` is one of the part and no padding. Anything but padding is nearer to 1 than to 0.
#[cube]
pub(super) fn is_real(real: &[f32], row: usize, end: usize, #[comptime] form: Form) -> bool {
    if comptime!(form.masked) {
        row < end && real[min(row, end - 1)] > 0.5
    } else {
        row < end
    }
}

/// One over the standard deviation.
#[cube]
pub(super) fn inverse<N: Size>(variance: Vector<f32, N>, epsilon: f32) -> Vector<f32, N> {
    Vector::new(1.0) / (variance + Vector::new(epsilon)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::Division;

    #[test]
    fn units_and_cubes_fit_the_matrix() {
        let sizes = |division: Division| {
            let Division {
                vector,
                lanes,
                side,
                blocks,
                parts,
            } = division;
            [vector, lanes, side, blocks, parts]
        };
        for (shape, expected) in [
            ([1, 1], [1, 1, 256, 1, 1]),
            ([2, 3], [1, 3, 64, 1, 1]),
            ([1900, 48], [4, 12, 16, 1, 30]),
            ([70_000, 48], [4, 12, 16, 1, 512]),
            ([70_000, 100], [4, 13, 16, 2, 256]),
            ([1000, 1_000_000], [4, 16, 16, 15_625, 1]),
        ] {
            assert_eq!(sizes(Division::into_parts(shape)), expected, "{shape:?}");
        }
        assert_eq!(sizes(Division::of_parts(48)), [4, 4, 64, 3, 1]);
        assert_eq!(sizes(Division::by_rows([70_000, 48])), [4, 12, 16, 1, 1094]);
    }
}

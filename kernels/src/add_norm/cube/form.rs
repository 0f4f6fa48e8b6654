//! What a kernel is specialised for, and which rows a unit works on.

use cubecl::prelude::*;

/// Units per cube.
const UNITS: usize = 256;
/// Vectors of a row that a unit holds, where the row allows.
const HELD: usize = 8;
/// Most units that share a row.
const LANES: usize = 64;

/// Everything that a kernel is specialised for. Unit `(x, y)` of a cube owns every `lanes`-th vector
/// of row y, from vector x.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Form {
    /// Units that share a row: the cube's units along x.
    pub lanes: usize,
    /// Rows that a cube works on at once: its units along y.
    pub rows: usize,
    /// Vectors per unit.
    pub held: usize,
    /// Every unit owns a vector in each of its places.
    pub even: bool,
    /// Layer norm instead of RMS norm.
    pub layer: bool,
    /// A residual stream comes in.
    pub residual: bool,
    /// Sequences have factors.
    pub scale: bool,
    /// There is a bias.
    pub bias: bool,
}

impl Form {
    /// For rows of `vectors` vectors; the other fields are off.
    pub(super) fn new(vectors: usize, layer: bool, bias: bool) -> Self {
        let lanes = vectors.div_ceil(HELD).next_power_of_two();
        // Two vectors a unit and more units hide the latency of memory better than few busy units.
        let lanes = lanes.max(vectors.div_ceil(2).next_power_of_two().min(32));
        let lanes = lanes.min(LANES);
        Self {
            lanes,
            rows: UNITS / lanes,
            held: vectors.div_ceil(lanes),
            even: vectors.is_multiple_of(lanes),
            layer,
            residual: false,
            scale: false,
            bias,
        }
    }
}

/// Sizes of one problem.
#[derive(CubeType, CubeLaunch, Clone, Copy, Debug)]
pub(super) struct Extent {
    /// Rows.
    pub rows: usize,
    /// Rows per sequence.
    pub length: usize,
    /// Vectors per row.
    pub vectors: usize,
    /// Elements per row, as a number.
    pub width: f32,
    /// Added under the root.
    pub epsilon: f32,
}

/// Where the rows of an operand lie, in vectors.
#[derive(CubeType, CubeLaunch, Clone, Copy, Debug)]
pub(super) struct Layout {
    /// Start of the first row.
    pub first: usize,
    /// From one row to the next.
    pub pitch: usize,
}

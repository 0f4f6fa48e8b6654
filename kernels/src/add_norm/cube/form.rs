//! What a kernel is specialised for at compile time, and its sizes at run time.

use cubecl::prelude::*;

/// Everything that a kernel is specialised for.
///
/// Unit `(x, y)` of a cube works on row `y` of its cube's group, on the vectors `x`, `x + lanes`,
/// `x + 2 lanes`, … of the row: neighbouring units read neighbouring channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Form {
    /// Channels per vector.
    pub width: usize,
    /// Units of a row, a power of two.
    pub lanes: usize,
    /// Rows of a cube.
    pub rows: usize,
    /// Vectors of a unit.
    pub share: usize,
    /// Subtract the mean.
    pub layer: bool,
    /// A residual stream is there.
    pub residual: bool,
    /// Factors of the hidden state are there.
    pub scaled: bool,
    /// A shift is there.
    pub bias: bool,
    /// What the pass does besides: write the sum (forward), add a gradient of the sum (backward).
    pub sum: bool,
    /// Hidden state and residual stream have gradients of their own.
    pub two_gradients: bool,
}

/// Channels that a unit can hold in registers several times over. Loops over more are left to run.
const REGISTERS: usize = 32;

/// Lanes whose numbers every unit of the row reads and adds by itself.
const ONE_STEP: usize = 16;

impl Form {
    /// Units per cube.
    pub(super) fn cube(self) -> usize {
        self.lanes * self.rows
    }

    /// Whether loops over a unit's vectors are written out, so that these stay in registers.
    pub(super) fn unroll(self) -> bool {
        self.share * self.width <= REGISTERS
    }

    /// Groups of lanes that are summed first; one if a sum takes one step.
    pub(super) fn groups(self) -> usize {
        if self.lanes <= ONE_STEP {
            1
        } else {
            1 << (self.lanes.ilog2() / 2)
        }
    }

    /// Numbers that pass through shared memory for one sum over lanes: those of two sums in turn, and of the
    /// groups.
    pub(super) fn exchange(self) -> usize {
        2 * self.cube() + self.rows * self.groups()
    }

    /// Parameter gradients of a channel: the weight's and the bias's.
    pub(super) fn parameters(self) -> usize {
        1 + usize::from(self.bias)
    }
}

/// Sizes of one problem.
#[derive(CubeType, CubeLaunch, Clone, Copy, Debug)]
pub(super) struct Extent {
    /// Tokens per batch element.
    pub length: usize,
    /// Rows, B · L.
    pub rows: usize,
    /// Vectors per row.
    pub vectors: usize,
    /// One over the channels.
    pub inverse: f32,
    /// Added to the mean square or variance.
    pub epsilon: f32,
}

/// A unit's row.
#[derive(CubeType, Clone, Copy)]
pub(super) struct Place {
    /// The row, at most the last.
    pub row: usize,
    /// False beyond the last row.
    pub inside: bool,
}

/// The row of this unit in group `group`.
#[cube]
pub(super) fn place(extent: &Extent, group: usize, #[comptime] form: Form) -> Place {
    let row = group * comptime!(form.rows) + UNIT_POS_Y as usize;
    Place {
        row: min(row, extent.rows - 1),
        inside: row < extent.rows,
    }
}

/// This unit's vector number `i` of its row.
#[cube]
pub(super) fn vector(i: usize, #[comptime] form: Form) -> usize {
    i * comptime!(form.lanes) + UNIT_POS_X as usize
}

/// The factor of the hidden state in a row; one without factors.
#[cube]
pub(super) fn row_factor(
    row_scale: &[f32],
    extent: &Extent,
    row: usize,
    #[comptime] form: Form,
) -> f32 {
    if comptime!(form.scaled) {
        row_scale[row / extent.length]
    } else {
        f32::new(1.0)
    }
}

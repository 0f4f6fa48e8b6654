//! What a kernel is specialised for at compile time, and its sizes at run time.

use cubecl::prelude::*;

use crate::cube::Units;

/// Everything that a kernel is specialised for.
///
/// Unit `(x, y)` of a cube owns channel vector `x` of its cube's block and walks run `y` of its
/// cube's group: neighbouring units read neighbouring channels, and runs that lie side by side read
/// the tokens at their common border at about the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Form {
    /// Taps K.
    pub taps: usize,
    /// Channels per unit, the width of its vectors.
    pub width: usize,
    /// Units of a cube along the channels.
    pub lanes: usize,
    /// Units of a cube along the runs.
    pub rows: usize,
    /// Tokens that are on their way from memory together.
    pub steps: usize,
    /// The special-function instructions.
    pub units: Units,
    /// SiLU over the result.
    pub silu: bool,
    /// Tokens are processed from last to first.
    pub reverse: bool,
    /// A bias is there.
    pub bias: bool,
    /// Inputs before the first processed token are there.
    pub columns: bool,
    /// Sequence starts are marked.
    pub reset: bool,
}

impl Form {
    /// Tokens that a tap looks back at most, K − 1.
    pub(super) fn kept(self) -> usize {
        self.taps - 1
    }

    /// Units per cube.
    pub(super) fn cube(self) -> usize {
        self.lanes * self.rows
    }

    /// Parameter gradients of a channel: one per tap, and the bias.
    pub(super) fn sums(self) -> usize {
        self.taps + usize::from(self.bias)
    }
}

/// Sizes of one convolution.
#[derive(CubeType, CubeLaunch, Clone, Copy, Debug)]
pub(super) struct Extent {
    /// Tokens per sequence.
    pub length: usize,
    /// Vectors of channels per token.
    pub vectors: usize,
    /// Tokens per run.
    pub run: usize,
    /// Runs per sequence.
    pub runs: usize,
    /// Runs of all sequences.
    pub total: usize,
    /// Where the result's tokens lie.
    pub out: Strides,
}

/// Where the tokens of a tensor `[B, L, D]` lie, in vectors of channels.
#[derive(CubeType, CubeLaunch, Clone, Copy, Debug)]
pub(super) struct Strides {
    /// Start of the first token.
    pub first: usize,
    /// From one sequence to the next.
    pub batch: usize,
    /// From one token to the next.
    pub token: usize,
}

/// A unit's channels and run.
#[derive(CubeType, Clone, Copy)]
pub(super) struct Place {
    /// Sequence.
    pub batch: usize,
    /// First token, in processing order.
    pub from: usize,
    /// One past the last token, in processing order.
    pub to: usize,
    /// One past the last token that is read, in processing order.
    pub end: usize,
    /// Vector of channels.
    pub vector: usize,
}

/// The place of run `run` of all, at `vector`; its unit reads `ahead` tokens beyond it.
#[cube]
pub(super) fn place(extent: &Extent, run: usize, vector: usize, #[comptime] ahead: usize) -> Place {
    let from = (run % extent.runs) * extent.run;
    let to = min(from + extent.run, extent.length);
    Place {
        batch: run / extent.runs,
        from,
        to,
        end: min(to + ahead, extent.length),
        vector,
    }
}

/// Blocks of channels that the cubes of one group of runs share among them.
#[cube]
pub(super) fn blocks(extent: &Extent, #[comptime] form: Form) -> usize {
    extent.vectors.div_ceil(comptime!(form.lanes))
}

/// The sequence position of the token that is processed as number `number`.
#[cube]
pub(super) fn position(extent: &Extent, number: usize, #[comptime] form: Form) -> usize {
    if comptime!(form.reverse) {
        extent.length - 1 - number
    } else {
        number
    }
}

/// The row of the initial columns that lies `kept − number` processing steps in front of the first
/// token.
#[cube]
pub(super) fn column(number: usize, #[comptime] form: Form) -> usize {
    if comptime!(form.reverse) {
        comptime!(form.kept() - 1) - number
    } else {
        number
    }
}

/// Index of a token's vector in the result.
#[cube]
pub(super) fn token_index(
    extent: &Extent,
    place: &Place,
    number: usize,
    #[comptime] form: Form,
) -> usize {
    let token = position(extent, number, form);
    extent.out.first + place.batch * extent.out.batch + token * extent.out.token + place.vector
}

/// Index of the vector of a row of the initial columns, `[B, K − 1, D]`; `number` as for [`column`].
#[cube]
pub(super) fn column_index(
    extent: &Extent,
    place: &Place,
    number: usize,
    #[comptime] form: Form,
) -> usize {
    (place.batch * comptime!(form.kept()) + column(number, form)) * extent.vectors + place.vector
}

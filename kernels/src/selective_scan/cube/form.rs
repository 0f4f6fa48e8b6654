//! What a kernel is specialised for at compile time, and its sizes at run time.

use cubecl::prelude::*;

use crate::cube::Units;

/// How a cube covers channels, states and time.
///
/// Channels come in columns of `channels` neighbours, which travel through memory together. Unit
/// `(x, y)` of a cube owns column x of the cube and the states `y · states ..` of its channels;
/// neighbouring units own neighbouring columns, so that their accesses to memory coalesce, and all
/// units of a row read the same B and C.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Tile {
    /// Columns per cube: its units along x.
    pub lanes: usize,
    /// Channels per column.
    pub channels: usize,
    /// Parts that the states are divided into: the cube's units along y.
    pub groups: usize,
    /// States per unit.
    pub states: usize,
    /// Tokens whose operands are loaded at a time.
    pub steps: usize,
    /// Tokens between two sums over a cube's units; divides `steps`.
    pub flush: usize,
}

impl Tile {
    /// Channels per cube.
    pub(super) fn width(self) -> usize {
        self.lanes * self.channels
    }

    /// Units per cube.
    pub(super) fn units(self) -> usize {
        self.lanes * self.groups
    }

    /// States, padded to whole units.
    pub(super) fn padded_states(self) -> usize {
        self.groups * self.states
    }

    /// Column elements of a tile.
    pub(super) fn area(self) -> usize {
        self.steps * self.lanes
    }

    /// Column elements between two sums.
    pub(super) fn flush_area(self) -> usize {
        self.flush * self.lanes
    }

    /// Of these, per unit.
    pub(super) fn flush_share(self) -> usize {
        self.flush_area().div_ceil(self.units())
    }

    /// Sums per tile.
    pub(super) fn flushes(self) -> usize {
        self.steps / self.flush
    }

    /// Column elements of a tile per unit.
    pub(super) fn share(self) -> usize {
        self.flushes() * self.flush_share()
    }

    /// Vectors of a tile of B or C.
    pub(super) fn matrix(self) -> usize {
        self.steps * self.groups
    }

    /// Of these, per unit.
    pub(super) fn matrix_share(self) -> usize {
        self.matrix().div_ceil(self.units())
    }

    /// True if `states` fill the units, which then read B and C as vectors of their states.
    pub(super) fn whole(self, states: usize) -> bool {
        states.is_multiple_of(self.states)
    }

    /// Vector length of B and C in memory.
    pub(super) fn matrix_vector(self, states: usize) -> usize {
        if self.whole(states) { self.states } else { 1 }
    }

    /// True if every unit has its full share of column elements.
    pub(super) fn even(self) -> bool {
        self.flush_area().is_multiple_of(self.units())
    }
}

/// Everything that a kernel is specialised for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Form {
    /// How a cube covers its part.
    pub tile: Tile,
    /// The special-function instructions.
    pub units: Units,
    /// Softplus over the step sizes.
    pub softplus: bool,
    /// Tokens are processed from last to first.
    pub reverse: bool,
    /// The second half of the sequences runs the other way, with parameters of its own, over the
    /// gate, border marks and output gradient of the first.
    pub both: bool,
    /// A skip coefficient is there.
    pub skip: bool,
    /// A gate is there.
    pub gate: bool,
    /// A step-size bias is there.
    pub bias: bool,
    /// Sequence starts are marked.
    pub reset: bool,
    /// Chunks start from given values.
    pub start: bool,
    /// The final state is wanted.
    pub state: bool,
    /// Kept states are wanted.
    pub keep: bool,
    /// Tokens between two kept states.
    pub interval: usize,
    /// The states fill the units, which read B and C as vectors of them.
    pub whole_states: bool,
}

impl Form {
    /// Border marks of a tile; one if there are none.
    pub(super) fn borders(self) -> usize {
        if self.reset { self.tile.steps } else { 1 }
    }
}

/// Sizes of one scan.
#[derive(CubeType, CubeLaunch, Clone, Copy, Debug)]
pub(super) struct Extent {
    /// Sequences.
    pub batch: usize,
    /// Tokens per sequence.
    pub length: usize,
    /// Columns of channels.
    pub columns: usize,
    /// Groups of channels that share B and C.
    pub groups: usize,
    /// States per channel.
    pub states: usize,
    /// Chunks per sequence.
    pub chunks: usize,
    /// Tokens per chunk.
    pub chunk: usize,
}

/// Where the rows of an operand lie, in the vectors that it is read in. Burn leaves gaps between the
/// rows of tensors that it allocates, and a slice has its parent's rows.
#[derive(CubeType, CubeLaunch, Clone, Copy, Debug)]
pub(super) struct Layout {
    /// Start of the first row.
    pub first: usize,
    /// From one row to the next.
    pub pitch: usize,
}

/// Where the operands lie.
#[derive(CubeType, CubeLaunch, Clone, Copy, Debug)]
pub(super) struct Layouts {
    /// u.
    pub u: Layout,
    /// delta.
    pub delta: Layout,
    /// The gate.
    pub z: Layout,
    /// B.
    pub b: Layout,
    /// C.
    pub c: Layout,
    /// The output's gradient.
    pub grad: Layout,
}

/// One cube's part of the problem.
#[derive(CubeType, Clone, Copy)]
pub(super) struct Part {
    /// Sequence.
    pub batch: usize,
    /// Sequence of the operands that both directions share.
    pub shared: usize,
    /// The sequence belongs to the second direction.
    pub second: bool,
    /// First column of the direction's parameters.
    pub parameters: usize,
    /// Chunk of the sequence.
    pub chunk: usize,
    /// First token, in processing order.
    pub from: usize,
    /// One past the last token, in processing order.
    pub to: usize,
    /// Group of B and C.
    pub group: usize,
    /// First column.
    pub column: usize,
    /// One past the last column of the group.
    pub column_end: usize,
    /// Index of the cube among those of its group, batch and chunk.
    pub block: usize,
}

/// Which part cube `index` owns. Blocks of columns vary fastest: cubes that run side by side read
/// the same B and C.
#[cube]
pub(super) fn part(extent: &Extent, index: usize, #[comptime] form: Form) -> Part {
    let tile = comptime!(form.tile);
    let per_group = extent.columns / extent.groups;
    let blocks_per_group = per_group.div_ceil(comptime!(tile.lanes));
    let blocks = blocks_per_group * extent.groups;
    let rest = index / blocks;
    let chunk = rest % extent.chunks;
    let group = index % blocks / blocks_per_group;
    let block = index % blocks_per_group;
    let from = chunk * extent.chunk;
    let batch = rest / extent.chunks;
    let mut shared = batch;
    let mut second = false.runtime();
    let mut parameters = 0usize.runtime();
    if comptime!(form.both) {
        let half = extent.batch / 2;
        second = batch >= half;
        shared = select(second, batch - half, batch);
        parameters = select(second, extent.columns, 0);
    }
    Part {
        batch,
        shared,
        second,
        parameters,
        chunk,
        from,
        to: min(from + extent.chunk, extent.length),
        group,
        column: group * per_group + block * comptime!(tile.lanes),
        column_end: (group + 1) * per_group,
        block,
    }
}

/// A cube on its way through its part, in processing order or, for the adjoint of a chunk, against it.
#[derive(CubeType, Clone, Copy)]
pub(super) struct Walk {
    /// The whole problem.
    pub extent: Extent,
    /// The cube's part.
    pub part: Part,
    /// From the sequence's last token to its first; where both directions run, this is the first's.
    #[cube(comptime)]
    pub reverse: bool,
    /// What the kernel is specialised for.
    #[cube(comptime)]
    pub form: Form,
}

/// The sequence position of the token that is processed as number `order`.
#[cube]
pub(super) fn position(walk: &Walk, order: usize) -> usize {
    let mirrored = walk.extent.length - 1 - order;
    if comptime!(walk.form.both) {
        if comptime!(walk.reverse) {
            select(walk.part.second, order, mirrored)
        } else {
            select(walk.part.second, mirrored, order)
        }
    } else if comptime!(walk.reverse) {
        mirrored
    } else {
        order
    }
}

/// This unit's column.
#[cube]
pub(super) fn own_column(part: &Part) -> usize {
    part.column + UNIT_POS_X as usize
}

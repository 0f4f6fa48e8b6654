//! What a kernel is specialised for at compile time, and its sizes at run time.

use cubecl::prelude::*;

use crate::cube::Units;

/// How a cube covers channels, states and time. Unit `(x, y)` of a cube owns the channels
/// `x + i · lanes` and the states `y · states ..` of its cube; neighbouring units own neighbouring
/// channels, so that their memory accesses coalesce and all units of a row read the same B and C.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Tile {
    /// Units along the channels.
    pub lanes: usize,
    /// Channels per unit.
    pub channels: usize,
    /// Units along the states.
    pub groups: usize,
    /// States per unit.
    pub states: usize,
    /// Time steps between two exchanges through shared memory.
    pub steps: usize,
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

    /// Elements of one channel tile.
    pub(super) fn area(self) -> usize {
        self.steps * self.width()
    }

    /// States, padded to whole units.
    pub(super) fn padded_states(self) -> usize {
        self.groups * self.states
    }
}

/// Where a scan's first state comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Start {
    /// Zero.
    Zero,
    /// The caller, `[B, D, N]`.
    Given,
    /// The chunks in front, `[B, chunks, N, D]`.
    Chained,
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
    /// A skip coefficient is there.
    pub skip: bool,
    /// A gate is there.
    pub gate: bool,
    /// A step-size bias is there.
    pub bias: bool,
    /// Sequence starts are marked.
    pub reset: bool,
    /// The first state.
    pub start: Start,
    /// The final state is wanted.
    pub state: bool,
    /// Kept states are wanted.
    pub keep: bool,
    /// Tokens between two kept states.
    pub interval: usize,
    /// The states fill the units.
    pub whole_states: bool,
}

impl Form {
    /// Elements of a channel tile per unit.
    pub(super) fn held(self) -> usize {
        self.tile.area().div_ceil(self.tile.units())
    }

    /// Vectors of a tile of B or C per unit.
    pub(super) fn held_rows(self) -> usize {
        (self.tile.steps * self.tile.groups).div_ceil(self.tile.units())
    }

    /// The elements of a channel tile do not divide evenly among the units.
    pub(super) fn ragged(self) -> bool {
        self.tile.area() % self.tile.units() != 0
    }

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
    /// Channels.
    pub channels: usize,
    /// Groups of channels that share B and C.
    pub groups: usize,
    /// States per channel.
    pub states: usize,
    /// Chunks per sequence.
    pub chunks: usize,
    /// Tokens per chunk.
    pub chunk: usize,
}

/// One cube's part of the problem.
#[derive(CubeType, Clone, Copy)]
pub(super) struct Part {
    /// Sequence.
    pub batch: usize,
    /// Chunk of the sequence.
    pub chunk: usize,
    /// First token, in processing order.
    pub from: usize,
    /// One past the last token, in processing order.
    pub to: usize,
    /// Group of B and C.
    pub group: usize,
    /// First channel.
    pub channel: usize,
    /// One past the last channel of the group.
    pub channel_end: usize,
    /// Index of the cube among those that share batch and chunk.
    pub block: usize,
}

/// Which part cube `index` owns. Blocks of channels vary fastest: cubes that run side by side read
/// the same B and C.
#[cube]
pub(super) fn part(extent: &Extent, index: usize, #[comptime] tile: Tile) -> Part {
    let width = comptime!(tile.width());
    let per_group = extent.channels / extent.groups;
    let blocks_per_group = per_group.div_ceil(width);
    let blocks = blocks_per_group * extent.groups;
    let block = index % blocks;
    let rest = index / blocks;
    let chunk = rest % extent.chunks;
    let batch = rest / extent.chunks;
    let group = block / blocks_per_group;
    let channel = group * per_group + (block % blocks_per_group) * width;
    let from = chunk * extent.chunk;
    Part {
        batch,
        chunk,
        from,
        to: min(from + extent.chunk, extent.length),
        group,
        channel,
        channel_end: (group + 1) * per_group,
        block,
    }
}

/// The sequence position of the token that is processed as number `order`.
#[cube]
pub(super) fn position(extent: &Extent, order: usize, #[comptime] reverse: bool) -> usize {
    if comptime!(reverse) {
        extent.length - 1 - order
    } else {
        order
    }
}

//! The choice of tile and chunks.

use cubecl::client::Client;

use super::form::Tile;
use crate::selective_scan::ops::ScanPlan;

/// Sizes that a strategy depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
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
}

/// Which kernel a tile is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pass {
    Forward,
    Backward,
}

impl Pass {
    /// Units that keep a multiprocessor busy: six planes per scheduler forward; backward, what its
    /// registers allow.
    fn resident_units(self) -> usize {
        match self {
            Self::Forward => 768,
            Self::Backward => 256,
        }
    }

    /// How many times the cubes of a single pass have to fit on the device before chunks pay.
    fn patience(self) -> usize {
        match self {
            Self::Forward => 5,
            Self::Backward => 2,
        }
    }

    /// Shared memory of the pass's kernel, in bytes.
    fn shared_bytes(self, tile: Tile, interval: usize) -> usize {
        let column = tile.channels;
        let staged = 2 * tile.matrix() * tile.states + tile.steps;
        let words = match self {
            Self::Forward => tile.area() * column * (2 + tile.groups) + staged,
            Self::Backward => {
                let kept = interval / tile.steps * tile.units() * column * tile.states;
                let over_states = 3 * tile.flush_area() * tile.groups * column;
                let over_lanes = 2 * tile.flush * tile.padded_states() * (tile.lanes + 1);
                3 * tile.area() * column + staged + over_states + over_lanes + kept
            }
        };
        words * 4
    }
}

/// True on compute devices, whose cubes share more memory than graphics interfaces grant.
fn has_large_memory(client: &Client) -> bool {
    client.properties().hardware.max_shared_memory_size >= 96 << 10
}

/// Tokens between two kept states. At 64 and N = 16, kept states cost one byte per element, half of
/// what one 16-bit activation does; but the backward pass holds the states in front of every tile of
/// an interval in shared memory.
pub(crate) fn interval(client: &Client) -> usize {
    if has_large_memory(client) { 64 } else { 32 }
}

/// The tile for `shape` on the device of `client`.
pub(super) fn tile(client: &Client, shape: Shape, pass: Pass, plan: ScanPlan) -> Tile {
    let tuning = plan.options.tuning;
    let hardware = &client.properties().hardware;
    let per_group = shape.channels / shape.groups;
    let states = shape.states.next_power_of_two().min(4);
    let groups = shape.states.div_ceil(states);
    let mut channels = tuning.channels.unwrap_or(2);
    while !per_group.is_multiple_of(channels) {
        channels /= 2;
    }
    // Long tiles hide the latency of memory behind arithmetic. Drivers of graphics interfaces run out of
    // registers in them.
    let steps = tuning.steps.unwrap_or(match pass {
        Pass::Forward if has_large_memory(client) => 16,
        Pass::Backward if has_large_memory(client) => 8,
        _ => 4,
    });
    let mut tile = Tile {
        lanes: tuning.lanes.unwrap_or(32),
        channels,
        groups,
        states,
        steps,
        flush: match pass {
            Pass::Forward => steps,
            Pass::Backward => steps.min(4),
        },
    };
    let fits = |tile: Tile| {
        tile.units() <= hardware.max_units_per_cube as usize
            && tile.groups <= hardware.max_cube_dim.1 as usize
            && pass.shared_bytes(tile, plan.interval) <= hardware.max_shared_memory_size
    };
    while tile.lanes > 1 && (!fits(tile) || tile.width() / 2 >= per_group) {
        tile.lanes /= 2;
    }
    tile
}

/// Cubes along the channels.
pub(super) fn blocks(shape: Shape, tile: Tile) -> usize {
    shape.groups * (shape.channels / shape.groups).div_ceil(tile.width())
}

/// Tokens per chunk: the whole sequence where batch and channels alone fill the device, else a
/// multiple of the interval of kept states.
///
/// A chunked scan runs its recurrence twice, so it pays only where a single pass leaves most of the
/// device idle.
pub(super) fn chunk(
    client: &Client,
    shape: Shape,
    tile: Tile,
    pass: Pass,
    plan: ScanPlan,
) -> usize {
    let cubes = shape.batch * blocks(shape, tile);
    let wanted = plan.options.tuning.chunks.unwrap_or_else(|| {
        // Graphics interfaces do not tell. Too many chunks cost at most twice the time; too few, as
        // many times as the device is larger than thought.
        let processors = client.properties().hardware.num_streaming_multiprocessors;
        let full = processors.unwrap_or(128) as usize * pass.resident_units() / tile.units();
        if cubes * pass.patience() > full {
            1
        } else {
            full / cubes
        }
    });
    let chunk = shape.length.div_ceil(wanted);
    if chunk >= shape.length {
        return shape.length;
    }
    chunk.next_multiple_of(plan.interval).min(shape.length)
}

//! The choice of tile and chunks.

use cubecl::client::Client;

use super::INTERVAL;
use super::form::Tile;
use crate::selective_scan::Tuning;

/// Sizes that a strategy depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub batch: usize,
    pub length: usize,
    pub channels: usize,
    pub groups: usize,
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

    /// Shared memory of the pass's kernel, in bytes.
    fn shared_bytes(self, tile: Tile) -> usize {
        let column = tile.channels;
        let staged = 2 * tile.matrix() * tile.states + tile.steps;
        let words = match self {
            Self::Forward => tile.area() * column * (2 + tile.groups) + staged,
            Self::Backward => {
                let kept = INTERVAL / tile.steps * tile.units() * column * tile.states;
                let over_states = 3 * tile.flush_area() * tile.groups * column;
                let over_lanes = 2 * tile.flush * tile.padded_states() * (tile.lanes + 1);
                3 * tile.area() * column + staged + over_states + over_lanes + kept
            }
        };
        words * 4
    }
}

/// The tile for `shape` on the device of `client`.
pub(super) fn tile(client: &Client, shape: Shape, pass: Pass, tuning: Tuning) -> Tile {
    let hardware = &client.properties().hardware;
    let per_group = shape.channels / shape.groups;
    let states = shape.states.next_power_of_two().min(4);
    let groups = shape.states.div_ceil(states);
    let mut channels = tuning.channels.unwrap_or(2);
    while per_group % channels != 0 {
        channels /= 2;
    }
    let steps = tuning.steps.unwrap_or(match pass {
        Pass::Forward => 16,
        Pass::Backward => 8,
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
            && pass.shared_bytes(tile) <= hardware.max_shared_memory_size
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
/// A chunked scan runs its recurrence twice, so it pays once a single pass leaves more than half of
/// the device idle.
pub(super) fn chunk(
    client: &Client,
    shape: Shape,
    tile: Tile,
    pass: Pass,
    tuning: Tuning,
) -> usize {
    let cubes = shape.batch * blocks(shape, tile);
    let wanted = tuning.chunks.unwrap_or_else(|| {
        // An unknown device is taken to be small.
        let processors = client.properties().hardware.num_streaming_multiprocessors;
        let full = processors.unwrap_or(16) as usize * pass.resident_units() / tile.units();
        (full / cubes).max(1)
    });
    let chunk = shape.length.div_ceil(wanted);
    if chunk >= shape.length {
        return shape.length;
    }
    chunk.next_multiple_of(INTERVAL).min(shape.length)
}

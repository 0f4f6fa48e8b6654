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
    fn steps(self) -> usize {
        match self {
            Self::Forward => 16,
            Self::Backward => 8,
        }
    }

    /// Shared memory of the pass's kernel, in bytes.
    fn shared_bytes(self, tile: Tile) -> usize {
        let matrix = tile.steps * tile.padded_states();
        let words = match self {
            Self::Forward => tile.area() * (2 + tile.groups) + 2 * matrix + tile.steps,
            Self::Backward => {
                let kept = INTERVAL / tile.steps * tile.width() * tile.padded_states();
                tile.area() * (3 + 3 * tile.groups)
                    + 2 * matrix * (tile.lanes + 2)
                    + kept
                    + tile.steps
            }
        };
        words * 4
    }
}

/// The tile for `shape` on the device of `client`.
pub(super) fn tile(client: &Client, shape: Shape, pass: Pass, tuning: Tuning) -> Tile {
    let hardware = &client.properties().hardware;
    let states = shape.states.next_power_of_two().min(4);
    let groups = shape.states.div_ceil(states);
    let channels = match tuning.channels {
        Some(channels) => channels,
        None if groups % 2 == 0 => 2,
        None => 1,
    };
    let mut tile = Tile {
        lanes: tuning.lanes.unwrap_or(match pass {
            Pass::Forward => 32,
            Pass::Backward => 64,
        }),
        channels,
        groups,
        states,
        steps: tuning.steps.unwrap_or(pass.steps()),
    };
    let per_group = shape.channels / shape.groups;
    while tile.lanes > 1 && tile.width() / 2 >= per_group {
        tile.lanes /= 2;
    }
    let fits = |tile: Tile| {
        tile.units() <= hardware.max_units_per_cube as usize
            && tile.groups <= hardware.max_cube_dim.1 as usize
            && pass.shared_bytes(tile) <= hardware.max_shared_memory_size
    };
    while tile.lanes > 1 && !fits(tile) {
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
/// A chunked scan runs its recurrence twice, so it pays once the single pass leaves more than half
/// of the device idle.
pub(super) fn chunk(client: &Client, shape: Shape, tile: Tile, tuning: Tuning) -> usize {
    let cubes = shape.batch * blocks(shape, tile);
    let wanted = match tuning.chunks {
        Some(chunks) => chunks,
        None => {
            // Four planes per scheduler hide a recurrence's latency; an unknown device is taken to
            // be small.
            let processors = client.properties().hardware.num_streaming_multiprocessors;
            let full = processors.unwrap_or(16) as usize * 4 * 4 * 32 / tile.units();
            if cubes * 2 > full {
                1
            } else {
                full.div_ceil(cubes)
            }
        }
    };
    let chunk = shape.length.div_ceil(wanted.max(1));
    if chunk >= shape.length {
        return shape.length;
    }
    chunk.next_multiple_of(INTERVAL).min(shape.length)
}

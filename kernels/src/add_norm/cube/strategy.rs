//! The division of the work: channels per vector, units per row, and rows per cube.

use cubecl::client::Client;

/// How a kernel covers the rows; the parts are those of a [`Form`](super::form::Form).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Division {
    pub(super) width: usize,
    pub(super) lanes: usize,
    pub(super) rows: usize,
    /// Cubes. In the forward pass a unit has one row, in the backward pass as many as it takes.
    pub(super) parts: usize,
}

/// Which kernel a division is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pass {
    Forward,
    Backward,
}

/// Units per cube, unless a row takes more: few wait for each other.
const UNITS: usize = 128;

/// Units per row at most.
const LANES: usize = 256;

/// Channels per unit, unless a row has too many: enough loads under way, and room in the registers for
/// the next row and for sums.
const CHANNELS: usize = 16;

/// The widest vector that divides the channels.
pub(super) fn width(channels: usize) -> usize {
    1 << channels.trailing_zeros().min(2)
}

/// The division of `rows` rows of `channels` on the device of `client`.
pub(super) fn divide(client: &Client, rows: usize, channels: usize, pass: Pass) -> Division {
    let hardware = &client.properties().hardware;
    // An unknown device is taken to be small.
    let processors = hardware.num_streaming_multiprocessors.unwrap_or(16) as usize;
    let most = (hardware.max_units_per_cube as usize).clamp(1, LANES);
    let width = width(channels);
    let lanes = lanes(channels / width, width, most);
    let per_cube = (UNITS.min(most) / lanes).max(1);
    let groups = rows.div_ceil(per_cube);
    let parts = match pass {
        Pass::Forward => groups,
        // Partial sums cost memory; a few waves of cubes are as fast as many, if all are about
        // equally long.
        Pass::Backward => groups.div_ceil(groups.div_ceil(processors * 8)),
    };
    Division {
        width,
        lanes,
        rows: per_cube,
        parts,
    }
}

/// Units per row: the fewest that do not own too many channels each, but not so few that they read
/// in short pieces.
fn lanes(vectors: usize, width: usize, most: usize) -> usize {
    const PIECE: usize = 8;
    let needed = vectors.div_ceil(CHANNELS / width).max(vectors.min(PIECE));
    let most = 1 << most.ilog2();
    needed.next_power_of_two().min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_fit_rows() {
        for (channels, expected) in [
            (1, 1),
            (5, 8),
            (33, 8),
            (192, 16),
            (384, 32),
            (768, 64),
            (1000, 64),
            (2048, 128),
            (5120, 256),
            (100_000, 256),
        ] {
            let width = width(channels);
            assert_eq!(
                lanes(channels / width, width, 256),
                expected,
                "{channels} channels"
            );
        }
        assert_eq!(lanes(1280, 4, 200), 128);
    }
}

//! The division of the work: channels per unit, units per cube, and tokens per run.

use cubecl::client::Client;

/// Sizes that a division depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) batch: usize,
    pub(super) length: usize,
    pub(super) channels: usize,
    pub(super) taps: usize,
}

/// Which kernel a division is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pass {
    Forward,
    Backward,
}

impl Pass {
    /// Units per processor that keep enough loads under way.
    fn units(self) -> usize {
        match self {
            Self::Forward => 1024,
            Self::Backward => 512,
        }
    }

    /// Shortest and longest run, in tokens. K − 1 tokens of a neighbouring run are read again and, in the
    /// backward pass, computed again; beyond the longest run that no longer matters, and several
    /// waves of cubes even out.
    fn runs(self, taps: usize) -> (usize, usize) {
        match self {
            Self::Forward => (8.max(2 * taps), 64.max(8 * taps)),
            Self::Backward => (16.max(4 * taps), 128.max(16 * taps)),
        }
    }
}

/// Tokens that are on their way together: fewer where the taps of the present ones already occupy
/// registers and time.
fn steps(taps: usize) -> usize {
    (16 / taps).clamp(1, 4)
}

/// How a kernel covers channels and tokens; the parts are those of a [`Form`](super::form::Form)
/// and an [`Extent`](super::form::Extent).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Division {
    pub(super) width: usize,
    pub(super) lanes: usize,
    pub(super) rows: usize,
    pub(super) steps: usize,
    /// Tokens per run.
    pub(super) run: usize,
    /// Cubes along the runs. In the forward pass a unit has one run, in the backward pass as many
    /// as it takes.
    pub(super) parts: usize,
}

/// The widest vector whose taps fit the registers, for channels and offsets that are all multiples
/// of `alignment`.
pub(super) fn width(alignment: usize, taps: usize) -> usize {
    let widths = [4, 2, 1].into_iter();
    let mut fitting = widths.filter(|width| alignment.is_multiple_of(*width) && width * taps <= 32);
    fitting.next().unwrap_or(1)
}

/// The division of `shape` into vectors of `width` channels on the device of `client`.
pub(super) fn divide(client: &Client, shape: Shape, width: usize, pass: Pass) -> Division {
    let hardware = &client.properties().hardware;
    // An unknown device is taken to be small.
    let processors = hardware.num_streaming_multiprocessors.unwrap_or(16) as usize;
    let vectors = shape.channels / width;
    let lanes = lanes(vectors);
    let rows = 128.min(hardware.max_units_per_cube as usize) / lanes;
    let steps = steps(shape.taps);
    let run = run(shape, vectors, processors, pass);
    let groups = (shape.batch * shape.length.div_ceil(run)).div_ceil(rows);
    let parts = match pass {
        Pass::Forward => groups,
        // Partial sums cost memory; a few waves of cubes are as fast as many.
        Pass::Backward => {
            let most = (processors * 16).div_ceil(vectors.div_ceil(lanes));
            groups.div_ceil(groups.div_ceil(most))
        }
    };
    Division {
        width,
        lanes,
        rows,
        steps,
        run,
        parts,
    }
}

/// Units along the channels: the power of two that leaves the fewest idle, the largest of equals.
/// Eight vectors still fill whole sectors of memory.
fn lanes(vectors: usize) -> usize {
    if vectors < 8 {
        return vectors.next_power_of_two();
    }
    let padded = |lanes: &usize| vectors.next_multiple_of(*lanes);
    [32, 16, 8].into_iter().min_by_key(padded).unwrap_or(32)
}

/// Tokens per run: as many as leave enough runs to fill the device, all of about the same length.
fn run(shape: Shape, vectors: usize, processors: usize, pass: Pass) -> usize {
    let (shortest, longest) = pass.runs(shape.taps);
    let steps = steps(shape.taps);
    let filling = shape.batch * shape.length * vectors / (processors * pass.units());
    let runs = shape.length.div_ceil(filling.clamp(shortest, longest));
    let even = shape.length.div_ceil(runs);
    // What a unit walks is to be whole tiles.
    match pass {
        Pass::Forward => even.next_multiple_of(steps),
        Pass::Backward => (even + shape.taps - 1).next_multiple_of(steps) - (shape.taps - 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_leave_few_units_idle() {
        for (vectors, expected) in [
            (1, 1),
            (3, 4),
            (19, 8),
            (24, 8),
            (48, 16),
            (96, 32),
            (131, 8),
        ] {
            assert_eq!(lanes(vectors), expected, "{vectors} vectors");
        }
    }

    #[test]
    fn vectors_fit_channels_and_registers() {
        for (alignment, taps, expected) in
            [(384, 4, 4), (6, 4, 2), (19, 4, 1), (64, 9, 2), (64, 40, 1)]
        {
            assert_eq!(width(alignment, taps), expected);
        }
    }

    #[test]
    fn runs_are_whole_tiles_that_cover_the_sequence() {
        for length in [1, 2, 16, 197, 5000] {
            for taps in [1, 3, 4, 17] {
                let shape = Shape {
                    batch: 128,
                    length,
                    channels: 384,
                    taps,
                };
                for pass in [Pass::Forward, Pass::Backward] {
                    let run = run(shape, 96, 132, pass);
                    let walked = match pass {
                        Pass::Forward => run,
                        Pass::Backward => run + taps - 1,
                    };
                    assert!(run > 0 && walked.is_multiple_of(steps(taps)));
                    assert!((length.div_ceil(run) - 1) * run < length);
                }
            }
        }
    }
}

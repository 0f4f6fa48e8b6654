//! Parts of long segments.
//!
//! A unit that added up all rows of a segment by itself would let one node with 100,000 edges hold up the whole launch. So
//! places are cut into pieces of one length, whatever the segments are. A piece whose places are all of one segment is
//! summed by a unit of its own, and a segment is then
//!
//! ```text
//! rows in front of its first whole piece, one by one + sums of its whole pieces + rows behind the last, one by one
//! ```
//!
//! always in this order. How long pieces are follows from the number of rows alone, which the host knows, so nothing is read back
//! and every run of the same batch adds in the same order, on any number of threads.

use std::ops::Range;

/// Rows that one unit adds up soon enough.
const FEW: usize = 512;
/// The shortest piece: reading the sum of a shorter one saves little.
const SHORTEST: usize = 64;

/// Length of a piece, such that no unit adds up many more than `4 √rows` numbers; none where all rows are few.
pub(crate) fn piece(rows: usize) -> Option<usize> {
    (rows >= FEW).then(|| (1 << (rows / 2).isqrt().ilog2()).max(SHORTEST))
}

/// What makes up a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parts {
    /// Places in front of the pieces.
    pub(super) front: Range<usize>,
    /// Numbers of the whole pieces.
    pub(super) pieces: Range<usize>,
    /// Places behind the pieces.
    pub(super) back: Range<usize>,
}

impl Parts {
    /// Those of a segment with these places, pieces being `piece` long.
    pub(super) fn of(places: Range<usize>, piece: usize) -> Self {
        let pieces = places.start.div_ceil(piece)..places.end / piece;
        let first = (pieces.start * piece).min(places.end);
        let last = (pieces.end * piece).max(first);
        Self {
            front: places.start..first,
            pieces: pieces.start..pieces.end.max(pieces.start),
            back: last..places.end,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_the_segment() {
        for piece in [1, 4, 64] {
            for start in 0..2 * piece + 2 {
                for len in 0..4 * piece + 3 {
                    let Parts {
                        front,
                        pieces,
                        back,
                    } = Parts::of(start..start + len, piece);
                    let whole = pieces.flat_map(|number| number * piece..(number + 1) * piece);
                    let all: Vec<usize> = front.chain(whole).chain(back).collect();
                    assert!(all.into_iter().eq(start..start + len));
                }
            }
        }
    }

    #[test]
    fn no_unit_adds_up_many() {
        assert_eq!(piece(511), None);
        for rows in [512, 5_000, 100_000, 190_000, 10_000_000] {
            let piece = piece(rows).unwrap();
            // A segment of all rows but one at each end.
            let parts = Parts::of(1..rows - 1, piece);
            let most = parts.front.len() + parts.pieces.len() + parts.back.len();
            let bound = 4 * rows.isqrt() + 2 * SHORTEST;
            assert!(
                most <= bound,
                "{rows} rows: {most} numbers, at most {bound}"
            );
        }
    }
}

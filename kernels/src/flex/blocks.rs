//! Division of an operator into tasks: blocks of channels of one batch element.

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};

/// Vectors of channels that one task carries through time together: enough to use whole cache
/// lines and to share the loads of B and C, few enough to leave tasks for every core.
const VECTORS_PER_BLOCK: usize = 4;

/// Consecutive channels of one group of one batch element.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub(crate) batch: usize,
    pub(crate) group: usize,
    /// Number of this block within its group.
    pub(crate) part: usize,
    pub(crate) channels: Range<usize>,
}

impl Block {
    /// Number of vectors of `lanes` channels.
    #[inline(always)]
    pub(crate) fn vectors(&self, lanes: usize) -> usize {
        self.channels.len().div_ceil(lanes)
    }

    /// Channels of vector `v`; the last may be shorter than the lanes.
    #[inline(always)]
    pub(crate) fn vector(&self, v: usize, lanes: usize) -> Range<usize> {
        let start = self.channels.start + v * lanes;
        start..(start + lanes).min(self.channels.end)
    }
}

/// All blocks: batch outermost, then group, then part.
pub(crate) fn blocks(batch: usize, groups: usize, channels: usize) -> Vec<Block> {
    let (width, per_group) = (block_width(), channels / groups);
    let mut blocks = Vec::with_capacity(batch * groups * parts(per_group));
    for batch in 0..batch {
        for group in 0..groups {
            for part in 0..parts(per_group) {
                let start = group * per_group + part * width;
                let end = (start + width).min((group + 1) * per_group);
                blocks.push(Block {
                    batch,
                    group,
                    part,
                    channels: start..end,
                });
            }
        }
    }
    blocks
}

/// Blocks that a group of `channels` divides into.
pub(crate) fn parts(channels: usize) -> usize {
    channels.div_ceil(block_width())
}

/// Channels that one task owns at most. It depends on the machine's vector width but never on its
/// number of cores, so that sums over blocks are the same on any number of threads.
fn block_width() -> usize {
    struct Lanes;
    impl WithSimd for Lanes {
        type Output = usize;
        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) -> usize {
            S::F32_LANES
        }
    }
    Arch::new().dispatch(Lanes) * VECTORS_PER_BLOCK
}

//! Which patches of a spectrogram are masked.

use rand_chacha::ChaCha8Rng;

use crate::error::DataError;
use crate::random::{below, purpose, stream};
use crate::transform::require;

/// Draws masks over the patches of a spectrogram, which are numbered frequency by frequency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PatchMask {
    /// Patches along frequency and time.
    pub grid: [usize; 2],
    /// Patches that are masked.
    pub masked: usize,
    /// What is masked together.
    pub shape: MaskShape,
    /// Which patches stay masked where clusters hide too many.
    pub keep: MaskKeep,
}

/// What is masked together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaskShape {
    /// Squares of a side of 3, 4 or 5 patches, the same for a whole spectrogram.
    Clustered,
    /// Single patches.
    Scattered,
}

/// Which patches stay masked where clusters hide too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaskKeep {
    /// Any of them, as published (SSAST, arXiv 2110.09784, algorithm 1).
    Random,
    /// Those of the lowest numbers, as the official code has it: what is too much is always taken from the highest
    /// frequencies. There, squares also go on from the right edge in the next row, and the first patch is never masked.
    Lowest,
}

/// What the masks of sample `number` are drawn from in evaluation.
pub(super) fn numbered(number: u64) -> ChaCha8Rng {
    let mut rng = stream(0, &[purpose::PATCHES, number]);
    rng.set_stream(purpose::PATCHES);
    rng
}

impl PatchMask {
    /// Number of patches.
    #[must_use]
    pub fn patches(&self) -> usize {
        self.grid[0] * self.grid[1]
    }

    /// Refuses a number of patches that could not be drawn.
    ///
    /// # Errors
    ///
    /// If fewer than two patches are masked, or more than can be: all but two, since the first may never be.
    pub fn check(&self) -> Result<(), DataError> {
        let most = self.patches().saturating_sub(2);
        let legal = (2..=most).contains(&self.masked);
        let expected = format!("2 to {most}, with {} patches", self.patches());
        require(legal, "task.masked", self.masked, &expected)
    }

    /// 1 where a patch is masked, 0 elsewhere; exactly `masked` ones.
    #[must_use]
    pub fn draw(&self, rng: &mut ChaCha8Rng) -> Vec<f32> {
        let chosen = match self.shape {
            MaskShape::Scattered => self.any((0..self.patches()).collect(), rng),
            MaskShape::Clustered => self.clusters(rng),
        };
        let mut mask = vec![0.0; self.patches()];
        for patch in chosen {
            mask[patch] = 1.0;
        }
        mask
    }

    /// The mask that sample `number` has in every evaluation, in the first of its two passes.
    #[must_use]
    pub fn numbered(&self, number: u64) -> Vec<f32> {
        self.draw(&mut numbered(number))
    }

    fn clusters(&self, rng: &mut ChaCha8Rng) -> Vec<usize> {
        let side = 3 + below(rng, 3);
        let mut is_hidden = vec![false; self.patches()];
        let mut hidden = 0;
        while hidden <= self.masked {
            let start = below(rng, self.patches());
            for patch in self.square(start, side) {
                hidden += usize::from(!is_hidden[patch]);
                is_hidden[patch] = true;
            }
        }
        let hidden = (0..self.patches()).filter(|patch| is_hidden[*patch]);
        match self.keep {
            MaskKeep::Lowest => hidden.take(self.masked).collect(),
            MaskKeep::Random => self.any(hidden.collect(), rng),
        }
    }

    /// The patches of a square whose first one is `start`.
    fn square(&self, start: usize, side: usize) -> impl Iterator<Item = usize> {
        let [_, time] = self.grid;
        let (patches, wraps) = (self.patches(), self.keep == MaskKeep::Lowest);
        let cells = (0..side).flat_map(move |row| (0..side).map(move |column| (row, column)));
        cells.filter_map(move |(row, column)| {
            let patch = start + row * time + column;
            let is_inside = match wraps {
                true => patch > 0,
                false => start % time + column < time,
            };
            (is_inside && patch < patches).then_some(patch)
        })
    }

    /// As many of the patches as are to be masked, drawn without replacement.
    fn any(&self, mut patches: Vec<usize>, rng: &mut ChaCha8Rng) -> Vec<usize> {
        for at in 0..self.masked {
            let other = at + below(rng, patches.len() - at);
            patches.swap(at, other);
        }
        patches.truncate(self.masked);
        patches
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::stream;

    const SHAPES: [MaskShape; 2] = [MaskShape::Clustered, MaskShape::Scattered];
    const KEEPS: [MaskKeep; 2] = [MaskKeep::Random, MaskKeep::Lowest];

    fn mask(masked: usize, shape: MaskShape, keep: MaskKeep) -> PatchMask {
        PatchMask {
            grid: [8, 64],
            masked,
            shape,
            keep,
        }
    }

    #[test]
    fn exactly_as_many_patches_are_masked() {
        for shape in SHAPES {
            for keep in KEEPS {
                for masked in [2, 250, 400, 510] {
                    let mask = mask(masked, shape, keep);
                    assert_eq!(mask.check(), Ok(()));
                    let drawn = mask.draw(&mut stream(masked as u64, &[]));
                    assert_eq!(drawn.len(), 512);
                    assert_eq!(drawn.iter().filter(|x| **x == 1.0).count(), masked);
                }
            }
        }
        assert!(mask(511, SHAPES[0], KEEPS[0]).check().is_err());
    }

    /// Share of the draws in which each patch is masked.
    fn shares(mask: PatchMask) -> Vec<f32> {
        let mut sums = vec![0.0; mask.patches()];
        for seed in 0..400 {
            for (sum, x) in sums.iter_mut().zip(mask.draw(&mut stream(seed, &[]))) {
                *sum += x / 400.0;
            }
        }
        sums
    }

    #[test]
    fn the_official_rule_prefers_low_frequencies_and_spares_the_first_patch() {
        let official = shares(mask(250, MaskShape::Clustered, MaskKeep::Lowest));
        let published = shares(mask(250, MaskShape::Clustered, MaskKeep::Random));
        // Squares reach towards high frequencies, so these are masked more often by either rule.
        let mean = |shares: &[f32]| shares.iter().sum::<f32>() / shares.len() as f32;
        let [low, high] = [64..128, 448..512].map(|rows| {
            let (official, published) = (&official[rows.clone()], &published[rows]);
            mean(official) - mean(published)
        });
        assert!(low > 0.0 && high < -0.05, "{low} {high}");
        assert_eq!(official[0], 0.0);
        assert!(published[0] > 0.0);
    }

    #[test]
    fn clusters_hold_together() {
        let together = |shape| {
            let drawn = mask(100, shape, MaskKeep::Random).draw(&mut stream(5, &[]));
            let pairs = (0..512).filter(|at| at % 64 < 63);
            pairs
                .filter(|&at| drawn[at] == 1.0 && drawn[at + 1] == 1.0)
                .count()
        };
        assert!(together(MaskShape::Clustered) > together(MaskShape::Scattered) + 20);
    }
}

//! Masks of SpecAugment (Park et al., arXiv:1904.08779), as torchaudio's `FrequencyMasking` and `TimeMasking` draw them.

use rand_chacha::ChaCha8Rng;

use crate::audio::filterbank::Frames;
use crate::random::unit;

/// Consecutive rows or columns that are set to 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mask {
    /// The first of them.
    pub(crate) start: usize,
    /// How many.
    pub(crate) width: usize,
}

impl Mask {
    /// A mask of up to `widest` of `size` rows or columns.
    #[must_use]
    pub(crate) fn draw(widest: usize, size: usize, rng: &mut ChaCha8Rng) -> Self {
        Self::at(unit(rng), unit(rng), widest, size)
    }

    /// The mask that two numbers of `[0, 1)` stand for: width and start are uniform real numbers, both rounded down.
    pub(super) fn at(width: f32, start: f32, widest: usize, size: usize) -> Self {
        let width = width * widest.min(size) as f32;
        let start = start * (size as f32 - width);
        let (start, width) = (start as usize, width as usize);
        Self { start, width }
    }

    /// Sets bins to 0 in all frames.
    pub(crate) fn hide_bins(self, frames: &mut Frames) {
        for frame in frames.values.chunks_exact_mut(frames.bins) {
            frame[self.start..self.start + self.width].fill(0.0);
        }
    }

    /// Sets whole frames to 0.
    pub(crate) fn hide_frames(self, frames: &mut Frames) {
        let (first, count) = (self.start * frames.bins, self.width * frames.bins);
        frames.values[first..first + count].fill(0.0);
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::random::stream;
    use crate::transform::golden;

    #[derive(Deserialize)]
    struct Case {
        size: usize,
        parameter: usize,
        draws: [f32; 2],
        start: Option<usize>,
        width: usize,
    }

    #[test]
    fn masks_are_those_of_torchaudio() {
        for case in golden::cases::<Case>("fbank/masks.json") {
            let mask = Mask::at(case.draws[0], case.draws[1], case.parameter, case.size);
            assert_eq!(mask.width, case.width);
            if let Some(start) = case.start {
                assert_eq!(mask.start, start);
            }
        }
    }

    #[test]
    fn masks_lie_inside_and_take_all_widths_and_places() {
        let mut rng = stream(1, &[]);
        let masks: Vec<Mask> = (0..4000).map(|_| Mask::draw(8, 20, &mut rng)).collect();
        assert!(masks.iter().all(|mask| mask.start + mask.width <= 20));
        for width in 0..8 {
            let count = masks.iter().filter(|mask| mask.width == width).count();
            // Five standard deviations are 105.
            assert!(count.abs_diff(500) < 105, "{width}: {count}");
        }
        assert!((0..13).all(|start| masks.iter().any(|mask| mask.start == start)));
        assert_eq!(Mask::draw(0, 20, &mut rng).width, 0);
    }

    #[test]
    fn what_is_hidden_is_zero() {
        let ones = || Frames {
            values: vec![1.0; 12],
            bins: 4,
        };
        let (mut bins, mut frames) = (ones(), ones());
        Mask { start: 1, width: 2 }.hide_bins(&mut bins);
        assert_eq!(bins.values, [1.0, 0.0, 0.0, 1.0].repeat(3));
        Mask { start: 2, width: 1 }.hide_frames(&mut frames);
        assert_eq!(frames.values, [[1.0; 8].as_slice(), &[0.0; 4]].concat());
    }
}

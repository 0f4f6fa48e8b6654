//! A fixed number of frames.

use crate::audio::filterbank::Frames;

/// `frames` with exactly `count` frames: cut at the end, or followed by rows of 0.
#[must_use]
pub(crate) fn fit(mut frames: Frames, count: usize) -> Frames {
    frames.values.resize(count * frames.bins, 0.0);
    frames
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sounds_are_cut_and_padded_at_the_end() {
        let frames = || Frames {
            values: vec![1.0, 2.0, 3.0, 4.0],
            bins: 2,
        };
        assert_eq!(fit(frames(), 1).values, [1.0, 2.0]);
        assert_eq!(fit(frames(), 2), frames());
        assert_eq!(fit(frames(), 3).values, [1.0, 2.0, 3.0, 4.0, 0.0, 0.0]);
    }
}

//! Moving a spectrogram in time.

use rand_chacha::ChaCha8Rng;

use crate::audio::filterbank::Frames;
use crate::random::below;

/// Frames to move by, from `-furthest` to `furthest - 1`, as the official code draws them.
#[must_use]
pub(crate) fn draw_shift(furthest: usize, rng: &mut ChaCha8Rng) -> i64 {
    match furthest {
        0 => 0,
        _ => below(rng, 2 * furthest) as i64 - furthest as i64,
    }
}

/// Moves all frames later by `shift`, or earlier if it is negative. What leaves at one end enters at the other.
pub(crate) fn roll(frames: &mut Frames, shift: i64) {
    let count = frames.len() as i64;
    if count > 0 {
        let places = shift.rem_euclid(count) as usize;
        frames.values.rotate_right(places * frames.bins);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::stream;

    #[test]
    fn frames_go_round() {
        let rolled = |shift| {
            let mut frames = Frames {
                values: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
                bins: 2,
            };
            roll(&mut frames, shift);
            frames.values
        };
        assert_eq!(rolled(1), [5.0, 6.0, 1.0, 2.0, 3.0, 4.0]);
        assert_eq!(rolled(-1), [3.0, 4.0, 5.0, 6.0, 1.0, 2.0]);
        assert_eq!(rolled(3), rolled(0));
        assert_eq!(rolled(-10), rolled(2));
    }

    #[test]
    fn shifts_are_those_of_the_official_range() {
        let mut rng = stream(4, &[]);
        let mut seen = [0_usize; 20];
        for _ in 0..10_000 {
            seen[(draw_shift(10, &mut rng) + 10) as usize] += 1;
        }
        // Five standard deviations are 109.
        assert!(
            seen.iter().all(|&count| count.abs_diff(500) < 109),
            "{seen:?}"
        );
        assert_eq!(draw_shift(0, &mut rng), 0);
    }
}

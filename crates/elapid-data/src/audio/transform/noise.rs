//! Noise on every cell of a spectrogram.

use rand_chacha::ChaCha8Rng;

use crate::audio::filterbank::Frames;
use crate::random::unit;

/// Uniform noise of one strength.
#[derive(Clone, Debug)]
pub(crate) struct Noise {
    strength: f32,
    cells: ChaCha8Rng,
}

impl Noise {
    /// A strength between 0 and `strongest`, and where the numbers of the cells come from.
    #[must_use]
    pub(crate) fn draw(strongest: f32, rng: &mut ChaCha8Rng) -> Self {
        Self {
            strength: unit(rng) * strongest,
            cells: rng.clone(),
        }
    }

    /// Adds it.
    pub(crate) fn apply(mut self, frames: &mut Frames) {
        add(frames, self.strength, || unit(&mut self.cells));
    }
}

/// Adds a number of `[0, 1)` times the strength to each cell.
pub(super) fn add(frames: &mut Frames, strength: f32, mut unit: impl FnMut() -> f32) {
    for value in &mut frames.values {
        *value += unit() * strength;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::stream;

    #[test]
    fn noise_is_positive_and_bounded_and_its_strength_varies() {
        let mut strengths = Vec::new();
        for seed in 0..50 {
            let noise = Noise::draw(0.1, &mut stream(seed, &[]));
            strengths.push(noise.strength);
            let mut frames = Frames {
                values: vec![1.0; 1000],
                bins: 10,
            };
            let strength = noise.strength;
            noise.apply(&mut frames);
            let is_inside = |value: &f32| (1.0..=1.0 + strength).contains(value);
            assert!(frames.values.iter().all(is_inside));
            let mean = frames.values.iter().sum::<f32>() / 1000.0 - 1.0;
            assert!((mean - strength / 2.0).abs() < 0.05 * strength + 1e-6);
        }
        assert!(strengths.iter().any(|&s| s < 0.02) && strengths.iter().any(|&s| s > 0.08));
    }
}

//! Mixup of waveforms, as AST, SSAST and SSAMBA do it before the filterbank.

use rand_chacha::ChaCha8Rng;

use crate::random::{below, symmetric_beta, unit64};

/// Parameter of the beta distribution of the share, that of the official code.
const ALPHA: f64 = 10.0;

/// With what a sound is mixed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mixup {
    /// Index of the partner in the data set.
    pub partner: usize,
    /// What the sound keeps of itself and of its labels.
    pub share: f64,
}

impl Mixup {
    /// Whether and with what one of `len` sounds is mixed; `rate` is the probability.
    #[must_use]
    pub fn draw(rate: f64, len: usize, rng: &mut ChaCha8Rng) -> Option<Self> {
        let is_mixed = unit64(rng) < rate;
        is_mixed.then(|| Self {
            partner: below(rng, len),
            share: symmetric_beta(rng, ALPHA),
        })
    }
}

/// Subtracts the mean.
pub(crate) fn centre(samples: &mut [f32]) {
    let sum: f64 = samples.iter().copied().map(f64::from).sum();
    let mean = (sum / samples.len().max(1) as f64) as f32;
    samples.iter_mut().for_each(|sample| *sample -= mean);
}

/// Mixes a sound with a partner, which is cut, or followed by 0, to its length. Both are centred before and the result
/// after.
pub(crate) fn blend(samples: &mut [f32], partner: &mut [f32], share: f64) {
    centre(samples);
    centre(partner);
    let (own, other) = (share as f32, (1.0 - share) as f32);
    let silence = std::iter::repeat(&0.0);
    for (sample, partner) in samples.iter_mut().zip(partner.iter().chain(silence)) {
        *sample = own * *sample + other * partner;
    }
    centre(samples);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::stream;

    #[test]
    fn partners_are_cut_and_padded() {
        let mut sound = [2.0, 0.0, 0.0, 0.0];
        blend(&mut sound, &mut [1.0, -1.0], 0.5);
        assert_eq!(sound, [1.25, -0.75, -0.25, -0.25]);
        let mut short = [1.0, -1.0];
        blend(&mut short, &mut [4.0, 0.0, -4.0, 0.0], 0.75);
        // 0.75 · (1, -1) + 0.25 · (4, 0), minus the mean.
        assert_eq!(short, [1.25, -1.25]);
    }

    #[test]
    fn a_share_of_the_sounds_is_mixed_in_about_equal_parts() {
        let mut rng = stream(2, &[]);
        let draws: Vec<_> = (0..4000).map(|_| Mixup::draw(0.6, 10, &mut rng)).collect();
        let mixed: Vec<Mixup> = draws.into_iter().flatten().collect();
        // Five standard deviations are 155.
        assert!(mixed.len().abs_diff(2400) < 155, "{}", mixed.len());
        assert!((0..10).all(|at| mixed.iter().any(|mixup| mixup.partner == at)));
        let mean = mixed.iter().map(|mixup| mixup.share).sum::<f64>() / mixed.len() as f64;
        let outer = mixed
            .iter()
            .filter(|mixup| (mixup.share - 0.5).abs() > 0.25);
        // The deviation of Beta(10, 10) is 0.109; 1.6 % lie outside 0.25 to 0.75.
        assert!((mean - 0.5).abs() < 5.0 * 0.109 / (mixed.len() as f64).sqrt());
        assert!(outer.count() < mixed.len() / 25);
        assert_eq!(Mixup::draw(0.0, 10, &mut rng), None);
    }
}

//! Mixup (Zhang et al., arXiv:1710.09412) and cutmix (Yun et al., arXiv:1905.04899) of a whole batch, as timm's `Mixup` in
//! its mode `batch`.

use rand_chacha::ChaCha8Rng;

use crate::error::DataError;
use crate::random::{below, symmetric_beta, unit64};
use crate::transform::{Region, require};

/// How batches are mixed with themselves in reverse order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mixing {
    /// Parameter of the beta distribution of mixup's share; 0 for no mixup.
    pub mixup: f64,
    /// Parameter of the beta distribution of cutmix's share; 0 for no cutmix.
    pub cutmix: f64,
    /// Share of the batches that are mixed.
    pub probability: f64,
    /// Share of the mixed batches that use cutmix where both are on.
    pub switch: f64,
}

/// How one batch is mixed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mixture {
    /// Not at all.
    None,
    /// Each image keeps this share of itself.
    Mixup(f64),
    /// Each image gets this part of its partner.
    Cutmix(Region),
}

impl Mixing {
    /// How a batch of images of `width × height` pixels is mixed.
    #[must_use]
    pub fn draw(&self, width: usize, height: usize, rng: &mut ChaCha8Rng) -> Mixture {
        let is_mixed = unit64(rng) < self.probability;
        let is_switched = unit64(rng) < self.switch;
        match (is_mixed, self.mixup > 0.0, self.cutmix > 0.0) {
            (false, ..) | (_, false, false) => Mixture::None,
            (true, true, cutmix) if !(cutmix && is_switched) => {
                Mixture::Mixup(symmetric_beta(rng, self.mixup))
            }
            _ => {
                let share = symmetric_beta(rng, self.cutmix);
                let centre = [below(rng, width), below(rng, height)];
                Mixture::Cutmix(part(width, height, share, centre))
            }
        }
    }

    /// Refuses settings outside their ranges.
    ///
    /// # Errors
    ///
    /// If a parameter is below 0 or not finite, or a probability not in 0..1.
    pub fn check(&self) -> Result<(), DataError> {
        let is_parameter = |value: f64| value >= 0.0 && value.is_finite();
        let is_share = |value: f64| (0.0..=1.0).contains(&value);
        require(
            is_parameter(self.mixup),
            "augment.mixup",
            self.mixup,
            "at least 0",
        )?;
        require(
            is_parameter(self.cutmix),
            "augment.cutmix",
            self.cutmix,
            "at least 0",
        )?;
        let (share, switch) = (self.probability, self.switch);
        require(is_share(share), "augment.mix_probability", share, "0 to 1")?;
        require(is_share(switch), "augment.cutmix_share", switch, "0 to 1")
    }
}

/// The part that cutmix replaces: `1 - share` of the area around `centre` (x, y), cut off at the border.
fn part(width: usize, height: usize, share: f64, [x, y]: [usize; 2]) -> Region {
    let ratio = (1.0 - share).sqrt();
    let span = |length: usize, centre: usize| {
        let half = (length as f64 * ratio) as usize / 2;
        let first = centre.saturating_sub(half);
        (first, (centre + half).min(length) - first)
    };
    let ((left, width), (top, height)) = (span(width, x), span(height, y));
    Region {
        left,
        top,
        width,
        height,
    }
}

impl Mixture {
    /// Mixes every image of a batch with the one as far from the other end. Returns the share of its target that
    /// an image keeps; the rest is its partner's.
    ///
    /// # Shapes
    ///
    /// - `values`: `shape`, which is B, C, H and W
    pub fn apply(self, values: &mut [f32], [_, channels, height, width]: [usize; 4]) -> f32 {
        let images = values.chunks_exact_mut(channels * height * width);
        let mut images: Vec<&mut [f32]> = images.collect();
        let half = images.len() / 2;
        let (front, back) = images.split_at_mut(half);
        let pairs = front.iter_mut().zip(back.iter_mut().rev());
        match self {
            Self::None => 1.0,
            Self::Mixup(share) => {
                pairs.for_each(|(one, other)| blend(one, other, share));
                share as f32
            }
            Self::Cutmix(region) => {
                pairs.for_each(|(one, other)| swap(one, other, width, height, region));
                let area = (region.width * region.height) as f64;
                (1.0 - area / (width * height) as f64) as f32
            }
        }
    }
}

fn blend(one: &mut [f32], other: &mut [f32], share: f64) {
    let (own, rest) = (share as f32, (1.0 - share) as f32);
    for (a, b) in one.iter_mut().zip(other) {
        (*a, *b) = (*a * own + *b * rest, *b * own + *a * rest);
    }
}

fn swap(one: &mut [f32], other: &mut [f32], width: usize, height: usize, region: Region) {
    let planes = one
        .chunks_exact_mut(width * height)
        .zip(other.chunks_exact_mut(width * height));
    for (one, other) in planes {
        let rows = one
            .chunks_exact_mut(width)
            .zip(other.chunks_exact_mut(width));
        for (one, other) in rows.skip(region.top).take(region.height) {
            let columns = region.left..region.left + region.width;
            one[columns.clone()].swap_with_slice(&mut other[columns]);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::random::stream;
    use crate::transform::golden::record;

    const OFFICIAL: Mixing = Mixing {
        mixup: 0.8,
        cutmix: 1.0,
        probability: 1.0,
        switch: 0.5,
    };

    #[derive(Deserialize)]
    struct Recorded {
        shape: [usize; 4],
        classes: usize,
        smoothing: f64,
        labels: Vec<usize>,
        pixels: Vec<f32>,
        cases: Vec<Case>,
    }

    #[derive(Deserialize)]
    struct Case {
        share: f64,
        centre: Option<[usize; 2]>,
        pixels: Vec<f32>,
        targets: Vec<Vec<f64>>,
    }

    #[test]
    fn pixels_and_targets_are_those_of_timm() {
        let recorded: Recorded = record("transforms/mixing.json");
        let [images, _, height, width] = recorded.shape;
        for case in recorded.cases {
            let mixture = match case.centre {
                None => Mixture::Mixup(case.share),
                Some([y, x]) => Mixture::Cutmix(part(width, height, case.share, [x, y])),
            };
            let mut pixels = recorded.pixels.clone();
            let share = f64::from(mixture.apply(&mut pixels, recorded.shape));
            assert_eq!(pixels, case.pixels, "{mixture:?}");
            let spread = recorded.smoothing / recorded.classes as f64;
            for (at, expected) in case.targets.iter().enumerate() {
                let (own, partner) = (recorded.labels[at], recorded.labels[images - 1 - at]);
                for (class, expected) in expected.iter().enumerate() {
                    let hot = |label: usize| f64::from(u8::from(label == class));
                    let mixed = share * hot(own) + (1.0 - share) * hot(partner);
                    let target = (1.0 - recorded.smoothing) * mixed + spread;
                    assert!(
                        (target - expected).abs() < 1e-6,
                        "{mixture:?}: {target} {expected}"
                    );
                }
            }
        }
    }

    #[test]
    fn half_of_the_batches_are_cut_and_shares_are_uniform_there() {
        let mut rng = stream(1, &[]);
        let draws: Vec<Mixture> = (0..4000).map(|_| OFFICIAL.draw(32, 24, &mut rng)).collect();
        let mixups = draws
            .iter()
            .filter(|m| matches!(m, Mixture::Mixup(_)))
            .count();
        // Five standard deviations are 158.
        assert!(mixups.abs_diff(2000) < 158, "{mixups}");
        assert!(!draws.contains(&Mixture::None));
        for mixture in draws {
            match mixture {
                Mixture::Mixup(share) => assert!((0.0..=1.0).contains(&share)),
                Mixture::Cutmix(part) => {
                    assert!(part.left + part.width <= 32 && part.top + part.height <= 24);
                }
                Mixture::None => unreachable!(),
            }
        }
    }

    #[test]
    fn what_is_off_is_not_drawn() {
        let mut rng = stream(2, &[]);
        let mut all = |mixing: Mixing, is_legal: fn(&Mixture) -> bool| {
            (0..200).all(|_| is_legal(&mixing.draw(8, 8, &mut rng)))
        };
        let off = Mixing {
            probability: 0.0,
            ..OFFICIAL
        };
        assert!(all(off, |mixture| *mixture == Mixture::None));
        let mixup = Mixing {
            cutmix: 0.0,
            ..OFFICIAL
        };
        assert!(all(mixup, |mixture| matches!(mixture, Mixture::Mixup(_))));
        let cutmix = Mixing {
            mixup: 0.0,
            ..OFFICIAL
        };
        assert!(all(cutmix, |mixture| matches!(mixture, Mixture::Cutmix(_))));
        let neither = Mixing {
            mixup: 0.0,
            cutmix: 0.0,
            ..OFFICIAL
        };
        assert!(all(neither, |mixture| *mixture == Mixture::None));
    }

    #[test]
    fn the_middle_of_an_odd_batch_stays_as_it_is() {
        let mut values = vec![1.0, 5.0, 3.0];
        assert_eq!(Mixture::Mixup(0.25).apply(&mut values, [3, 1, 1, 1]), 0.25);
        assert_eq!(values, [2.5, 5.0, 1.5]);
        assert_eq!(Mixture::None.apply(&mut values, [3, 1, 1, 1]), 1.0);
    }

    #[test]
    fn illegal_settings_are_named() {
        let message = |mixing: Mixing| mixing.check().unwrap_err().to_string();
        assert_eq!(OFFICIAL.check(), Ok(()));
        let negative = Mixing {
            mixup: -1.0,
            ..OFFICIAL
        };
        assert_eq!(
            message(negative),
            "augment.mixup is -1, expected at least 0"
        );
        let beyond = Mixing {
            switch: 1.5,
            ..OFFICIAL
        };
        assert_eq!(
            message(beyond),
            "augment.cutmix_share is 1.5, expected 0 to 1"
        );
    }
}

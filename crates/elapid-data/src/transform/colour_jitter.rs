//! Random brightness, contrast and saturation, as torchvision's `ColorJitter` without hue.

use std::borrow::Cow;

use rand_chacha::ChaCha8Rng;

use super::enhance;
use crate::random::{below, unit};
use crate::vision::PixelImage;

/// One change of all colours.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Change {
    /// Towards black or away from it.
    Brightness(f32),
    /// Towards the mean or away from it.
    Contrast(f32),
    /// Towards grey or away from it.
    Saturation(f32),
}

impl Change {
    /// `image` after this change.
    #[must_use]
    pub fn apply(self, image: &PixelImage) -> PixelImage {
        match self {
            Self::Brightness(factor) => enhance::brightness(image, factor),
            Self::Contrast(factor) => enhance::contrast(image, factor),
            Self::Saturation(factor) => enhance::saturation(image, factor),
        }
    }
}

/// The three changes in random order, their factors uniform in `1 ± strength` but not below 0.
#[must_use]
pub fn draw(strength: f32, rng: &mut ChaCha8Rng) -> [Change; 3] {
    let lowest = (1.0 - strength).max(0.0);
    let mut factor = || lowest + unit(rng) * (1.0 + strength - lowest);
    let mut changes = [
        Change::Brightness(factor()),
        Change::Contrast(factor()),
        Change::Saturation(factor()),
    ];
    changes.swap(0, below(rng, 3));
    changes.swap(1, 1 + below(rng, 2));
    changes
}

/// `image` after all `changes`.
#[must_use]
pub fn apply<'a>(image: Cow<'a, PixelImage>, changes: &[Change]) -> Cow<'a, PixelImage> {
    let changes = changes.iter();
    changes.fold(image, |image, change| Cow::Owned(change.apply(&image)))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::random::stream;
    use crate::transform::golden::{cases, picture, slices};

    fn change((name, factor): &(String, f32)) -> Change {
        match name.as_str() {
            "brightness" => Change::Brightness(*factor),
            "contrast" => Change::Contrast(*factor),
            _ => Change::Saturation(*factor),
        }
    }

    #[test]
    fn changes_give_the_pixels_of_torchvision() {
        let cases: Vec<Vec<(String, f32)>> = cases("transforms/colour_jitter.json");
        for name in ["scene", "noise", "grey"] {
            let image = picture(&format!("transforms/{name}.png"));
            let recorded = slices(&format!("transforms/colour_jitter_{name}.png"), cases.len());
            for (case, expected) in cases.iter().zip(recorded) {
                let changes: Vec<Change> = case.iter().map(change).collect();
                assert_eq!(
                    *apply(Cow::Borrowed(&image), &changes),
                    expected,
                    "{case:?} {name}"
                );
            }
        }
    }

    #[test]
    fn all_orders_are_equally_likely_and_factors_fill_their_range() {
        let mut rng = stream(4, &[]);
        let (mut orders, mut factors) = (HashMap::new(), Vec::new());
        for _ in 0..6000 {
            let changes = draw(0.3, &mut rng);
            let name = changes.map(|change| match change {
                Change::Brightness(_) => 'b',
                Change::Contrast(_) => 'c',
                Change::Saturation(_) => 's',
            });
            *orders.entry(name).or_insert(0_usize) += 1;
            factors.extend(changes.map(|change| match change {
                Change::Brightness(x) | Change::Contrast(x) | Change::Saturation(x) => x,
            }));
        }
        assert_eq!(orders.len(), 6);
        // A thousand each, five standard deviations are 145.
        assert!(
            orders.values().all(|count| count.abs_diff(1000) < 145),
            "{orders:?}"
        );
        assert!(factors.iter().all(|factor| (0.7..1.3).contains(factor)));
        assert!(factors.iter().any(|&factor| factor < 0.701));
        assert!(factors.iter().any(|&factor| factor > 1.299));
        // Beyond 1 the range is cut off at 0.
        let strong = (0..1000).flat_map(|_| draw(3.0, &mut rng));
        assert!(strong.into_iter().all(|change| match change {
            Change::Brightness(x) | Change::Contrast(x) | Change::Saturation(x) => x >= 0.0,
        }));
    }
}

//! The photometric distortion of mmsegmentation (`PhotoMetricDistortion`), from SSD (arXiv 1512.02325).

use std::borrow::Cow;

use rand_chacha::ChaCha8Rng;

use super::hsv;
use super::tone::{mapped, table};
use crate::random::{below, is_heads, symmetric, unit};
use crate::vision::PixelImage;

/// Largest change of brightness, levels.
const BRIGHTNESS: f32 = 32.0;
/// Smallest and largest factor of contrast and saturation.
const FACTOR: [f32; 2] = [0.5, 1.5];
/// Hues are turned by less than this, in units of [`hsv::HUES`].
const HUE: usize = 18;

/// One change of all colours. Results are rounded down, as in mmsegmentation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Change {
    /// Added to every level.
    Brightness(f32),
    /// What every level is multiplied by.
    Contrast(f32),
    /// What the saturation is multiplied by.
    Saturation(f32),
    /// Added to the hue, on a circle of [`hsv::HUES`].
    Hue(i16),
}

impl Change {
    /// `image` after this change. Grey images have neither hue nor saturation.
    #[must_use]
    pub fn apply(self, image: &PixelImage) -> PixelImage {
        match self {
            Self::Brightness(amount) => {
                mapped(image, &table(|level| lowered(f32::from(level) + amount)))
            }
            Self::Contrast(factor) => {
                mapped(image, &table(|level| lowered(f32::from(level) * factor)))
            }
            Self::Saturation(factor) => in_hsv(image, |[hue, saturation, value]| {
                [hue, lowered(f32::from(saturation) * factor), value]
            }),
            Self::Hue(turn) => in_hsv(image, |[hue, saturation, value]| {
                let turned = (i16::from(hue) + turn).rem_euclid(hsv::HUES as i16);
                [turned as u8, saturation, value]
            }),
        }
    }
}

/// To a byte, towards 0.
fn lowered(level: f32) -> u8 {
    level.clamp(0.0, 255.0) as u8
}

fn in_hsv(image: &PixelImage, change: impl Fn([u8; 3]) -> [u8; 3]) -> PixelImage {
    if image.channels() == 1 {
        return image.clone();
    }
    let mut data = image.data().to_vec();
    for pixel in data.as_chunks_mut::<3>().0 {
        *pixel = hsv::to_rgb(change(hsv::from_rgb(*pixel)));
    }
    PixelImage::new(image.width(), image.height(), 3, data)
}

/// Brightness, contrast, saturation and hue, each with probability one half and in this order; or contrast last, with the same
/// probability.
#[must_use]
pub fn draw(rng: &mut ChaCha8Rng) -> Vec<Change> {
    let mut changes = Vec::new();
    let factor = |rng: &mut ChaCha8Rng| FACTOR[0] + unit(rng) * (FACTOR[1] - FACTOR[0]);
    if is_heads(rng) {
        changes.push(Change::Brightness(symmetric(rng, BRIGHTNESS)));
    }
    let contrast_first = is_heads(rng);
    let contrast = is_heads(rng).then(|| Change::Contrast(factor(rng)));
    changes.extend(contrast.filter(|_| contrast_first));
    if is_heads(rng) {
        changes.push(Change::Saturation(factor(rng)));
    }
    if is_heads(rng) {
        changes.push(Change::Hue(below(rng, 2 * HUE) as i16 - HUE as i16));
    }
    changes.extend(contrast.filter(|_| !contrast_first));
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
    use std::collections::BTreeMap;

    use super::*;
    use crate::random::stream;
    use crate::transform::golden::{cases, picture, slices};

    fn change((name, amount): &(String, f32)) -> Change {
        match name.as_str() {
            "brightness" => Change::Brightness(*amount),
            "contrast" => Change::Contrast(*amount),
            "saturation" => Change::Saturation(*amount),
            _ => Change::Hue(*amount as i16),
        }
    }

    #[test]
    fn changes_give_the_pixels_of_mmsegmentation() {
        let cases: Vec<Vec<(String, f32)>> = cases("segmentation_transforms/distortion.json");
        for name in ["scene", "noise"] {
            let image = picture(&format!("segmentation_transforms/vectors_{name}.png"));
            let recorded = format!("segmentation_transforms/distortion_{name}.png");
            for (case, expected) in cases.iter().zip(slices(&recorded, cases.len())) {
                let changes: Vec<Change> = case.iter().map(change).collect();
                let found = apply(Cow::Borrowed(&image), &changes);
                let pairs = found.data().iter().zip(expected.data());
                let apart: Vec<u8> = pairs.map(|(a, b)| a.abs_diff(*b)).collect();
                // A vector of OpenCV may multiply and add in one step, which moves levels at the edge of rounding: 3 of 4,608.
                let in_colours = changes
                    .iter()
                    .any(|change| matches!(change, Change::Saturation(_) | Change::Hue(_)));
                let (worst, most) = match in_colours {
                    true => (1, apart.len() / 1000),
                    false => (0, 0),
                };
                assert!(
                    apart.iter().all(|&levels| levels <= worst),
                    "{case:?} {name}"
                );
                let count = apart.iter().filter(|&&levels| levels > 0).count();
                assert!(count <= most, "{case:?} {name}: {count} of {}", apart.len());
            }
        }
    }

    #[test]
    fn every_change_comes_up_half_the_time_within_its_range() {
        let mut rng = stream(5, &[]);
        let mut counts = BTreeMap::new();
        let mut orders = [0_usize; 2];
        for _ in 0..4000 {
            let changes = draw(&mut rng);
            for change in &changes {
                let (name, is_legal) = match *change {
                    Change::Brightness(x) => ("brightness", (-32.0..32.0).contains(&x)),
                    Change::Contrast(x) => ("contrast", (0.5..1.5).contains(&x)),
                    Change::Saturation(x) => ("saturation", (0.5..1.5).contains(&x)),
                    Change::Hue(x) => ("hue", (-18..18).contains(&x)),
                };
                assert!(is_legal, "{change:?}");
                *counts.entry(name).or_insert(0_usize) += 1;
            }
            let at = |wanted: fn(&Change) -> bool| changes.iter().position(wanted);
            let contrast = at(|change| matches!(change, Change::Contrast(_)));
            let saturation = at(|change| matches!(change, Change::Saturation(_)));
            if let (Some(contrast), Some(saturation)) = (contrast, saturation) {
                orders[usize::from(contrast > saturation)] += 1;
            }
        }
        // Half of 4000, five standard deviations are 158.
        assert_eq!(counts.len(), 4);
        assert!(
            counts.values().all(|count| count.abs_diff(2000) < 158),
            "{counts:?}"
        );
        assert!(
            orders.iter().all(|count| count.abs_diff(500) < 110),
            "{orders:?}"
        );
    }
}

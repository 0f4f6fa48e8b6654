//! RandAugment (Cubuk et al., arXiv:1909.13719) as timm has it in `rand-m9-mstd0.5-inc1`.

use std::borrow::Cow;

use rand_chacha::ChaCha8Rng;

use super::warp::Warp;
use super::{enhance, tone};
use crate::random::{below, is_heads, normal};
use crate::vision::PixelImage;

/// Levels go from 0 to this.
pub const HIGHEST_LEVEL: f64 = 10.0;

/// How the operations are drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RandAugment {
    /// Operations an image; each is then left out with probability one half.
    pub operations: usize,
    /// Mean of the level, from 0 to 10.
    pub level: f64,
    /// Standard deviation of the level; levels beyond 0 to 10 are cut off.
    pub deviation: f64,
}

/// What can be done to an image, stronger with the level in all cases that have one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Stretches each channel to all levels.
    AutoContrast,
    /// Spreads the levels of each channel evenly.
    Equalize,
    /// The negative.
    Invert,
    /// By up to 30 degrees.
    Rotate,
    /// Keeps 4 to 0 bits.
    Posterize,
    /// The negative of all levels from 256 down to 0.
    Solarize,
    /// Up to 110 on top of dark levels.
    SolarizeAdd,
    /// Towards grey or away from it.
    Saturation,
    /// Towards the mean or away from it.
    Contrast,
    /// Towards black or away from it.
    Brightness,
    /// Towards the smoothed image or away from it.
    Sharpness,
    /// By a slope of up to 0.3.
    ShearX,
    /// By a slope of up to 0.3.
    ShearY,
    /// By up to 0.45 of the width.
    TranslateX,
    /// By up to 0.45 of the height.
    TranslateY,
}

impl Operation {
    /// All, each of which is as likely as the others.
    pub const ALL: [Self; 15] = [
        Self::AutoContrast,
        Self::Equalize,
        Self::Invert,
        Self::Rotate,
        Self::Posterize,
        Self::Solarize,
        Self::SolarizeAdd,
        Self::Saturation,
        Self::Contrast,
        Self::Brightness,
        Self::Sharpness,
        Self::ShearX,
        Self::ShearY,
        Self::TranslateX,
        Self::TranslateY,
    ];
}

/// One operation as it was drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// What is done.
    pub operation: Operation,
    /// How strongly, from 0 to 10.
    pub level: f64,
    /// Whether it goes the other way: to the left, or towards the plainer image.
    pub is_negated: bool,
}

impl RandAugment {
    /// The operations for one image, in order.
    #[must_use]
    pub fn draw(&self, rng: &mut ChaCha8Rng) -> Vec<Step> {
        let draw = |_| {
            let operation = Operation::ALL[below(rng, Operation::ALL.len())];
            let is_applied = is_heads(rng);
            let level = self.level + self.deviation * normal(rng);
            let step = Step {
                operation,
                level: level.clamp(0.0, HIGHEST_LEVEL),
                is_negated: is_heads(rng),
            };
            is_applied.then_some(step)
        };
        (0..self.operations).filter_map(draw).collect()
    }
}

/// `image` after all `steps`; `fill` has the levels, one a channel, of what moves in from outside.
#[must_use]
pub fn apply<'a>(image: Cow<'a, PixelImage>, steps: &[Step], fill: &[u8]) -> Cow<'a, PixelImage> {
    let steps = steps.iter();
    steps.fold(image, |image, step| Cow::Owned(step.apply(&image, fill)))
}

impl Step {
    /// `image` after this step.
    #[must_use]
    pub fn apply(&self, image: &PixelImage, fill: &[u8]) -> PixelImage {
        let share = self.level / HIGHEST_LEVEL;
        let signed = |largest: f64| match self.is_negated {
            true => -share * largest,
            false => share * largest,
        };
        let factor = (1.0 + signed(0.9)) as f32;
        let (width, height) = (image.width(), image.height());
        match self.operation {
            Operation::AutoContrast => tone::auto_contrast(image),
            Operation::Equalize => tone::equalize(image),
            Operation::Invert => tone::invert(image),
            Operation::Posterize => tone::posterize(image, 4 - (share * 4.0) as u32),
            Operation::Solarize => tone::solarize(image, 256 - (share * 256.0) as u32),
            Operation::SolarizeAdd => tone::solarize_add(image, (share * 110.0) as u8),
            Operation::Saturation => enhance::saturation(image, factor),
            Operation::Contrast => enhance::contrast(image, factor),
            Operation::Brightness => enhance::brightness(image, factor),
            Operation::Sharpness => enhance::sharpness(image, factor),
            Operation::Rotate => Warp::rotate(signed(30.0), width, height).apply(image, fill),
            Operation::ShearX => Warp::shear_x(signed(0.3)).apply(image, fill),
            Operation::ShearY => Warp::shear_y(signed(0.3)).apply(image, fill),
            Operation::TranslateX => {
                Warp::translate(signed(0.45) * width as f64, 0.0).apply(image, fill)
            }
            Operation::TranslateY => {
                Warp::translate(0.0, signed(0.45) * height as f64).apply(image, fill)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::random::stream;
    use crate::transform::golden::{cases, picture, slices};

    #[derive(Deserialize)]
    struct Case {
        op: String,
        level: f64,
        negate: bool,
    }

    fn operation(name: &str) -> Operation {
        let of_timm = [
            "AutoContrast",
            "Equalize",
            "Invert",
            "Rotate",
            "PosterizeIncreasing",
            "SolarizeIncreasing",
            "SolarizeAdd",
            "ColorIncreasing",
            "ContrastIncreasing",
            "BrightnessIncreasing",
            "SharpnessIncreasing",
            "ShearX",
            "ShearY",
            "TranslateXRel",
            "TranslateYRel",
        ];
        let at = of_timm.iter().position(|known| *known == name).unwrap();
        Operation::ALL[at]
    }

    #[test]
    fn every_operation_gives_the_pixels_of_timm() {
        let cases: Vec<Case> = cases("transforms/rand_augment.json");
        assert_eq!(cases.len(), 87);
        for name in ["scene", "noise", "grey"] {
            let image = picture(&format!("transforms/{name}.png"));
            let recorded = slices(&format!("transforms/rand_augment_{name}.png"), cases.len());
            for (case, expected) in cases.iter().zip(recorded) {
                let step = Step {
                    operation: operation(&case.op),
                    level: case.level,
                    is_negated: case.negate,
                };
                let ours = step.apply(&image, &[124, 116, 104]);
                let pairs = ours.data().iter().zip(expected.data());
                let worst = pairs.map(|(a, b)| a.abs_diff(*b)).max();
                assert_eq!(worst, Some(0), "{} at {}, {}", case.op, case.level, name);
            }
        }
    }

    #[test]
    fn draws_have_the_distribution_of_timm() {
        let settings = RandAugment {
            operations: 2,
            level: 9.0,
            deviation: 0.5,
        };
        let mut rng = stream(3, &[]);
        let images = 15_000;
        let steps: Vec<Step> = (0..images).flat_map(|_| settings.draw(&mut rng)).collect();
        // Two draws, each applied with probability one half: five standard deviations are 433.
        assert!(steps.len().abs_diff(images) < 433, "{}", steps.len());
        for operation in Operation::ALL {
            let count = steps
                .iter()
                .filter(|step| step.operation == operation)
                .count();
            // A thousand each, five standard deviations are 158.
            assert!(count.abs_diff(1000) < 158, "{operation:?}: {count}");
        }
        let negated = steps.iter().filter(|step| step.is_negated).count();
        assert!(negated.abs_diff(steps.len() / 2) < 310, "{negated}");
        assert!(steps.iter().all(|step| (0.0..=10.0).contains(&step.level)));
        // Two deviations above the mean are cut off: one in 44.
        let highest = steps.iter().filter(|step| step.level == 10.0).count();
        assert!(highest.abs_diff(steps.len() / 44) < 92, "{highest}");
        let mean = steps.iter().map(|step| step.level).sum::<f64>() / steps.len() as f64;
        // The cut takes 0.0042 off the mean.
        assert!((mean - 8.9958).abs() < 0.02, "{mean}");
    }
}

//! The transforms of an image together with the mask of its pixels' classes.

use std::borrow::Cow;

use rand_chacha::ChaCha8Rng;

use super::pipeline::require;
use super::{
    ImagePipeline, Interpolation, Region, channels, colour_jitter, flip, normalise, resample,
};
use crate::error::DataError;
use crate::random::{below, unit64};
use crate::vision::{Mask, MaskSample, PixelImage};

/// Attempts to cut out a part that is not nearly all of one class.
const ATTEMPTS: usize = 10;
/// How much longer than its shorter side an image is at most when the shorter side is brought to the network's size, as
/// in mmsegmentation's 2048 × 512; it is made smaller if it is longer.
const LONGEST_ASPECT: f64 = 4.0;

/// Everything between a stored image with its mask and the network's input and target: channels, size, augmentation,
/// normalisation, in this order.
///
/// Without augmentation the whole image is scaled until it fits into the network's input, and what is left over at the
/// right or at the bottom is filled: with the mean in the image, with [`IGNORE`](crate::IGNORE) in the mask.
#[derive(Clone, Debug, PartialEq)]
pub struct MaskPipeline {
    /// Pixels along each side of the network's input.
    pub size: usize,
    /// 1 for grey, 3 for RGB; images that have the other number are converted.
    pub channels: usize,
    /// Mean of each channel, in units where white is 1.
    pub mean: Vec<f32>,
    /// Standard deviation of each channel, in units where white is 1.
    pub std: Vec<f32>,
    /// How images are brought to size. Masks have the class of the nearest pixel.
    pub interpolation: Interpolation,
    /// Random changes to training images.
    pub augment: Option<MaskAugment>,
}

/// What is drawn for each training image, in the order in which it is done. Image and mask move together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MaskAugment {
    /// Smallest and largest length of the shorter side, in sides of the network's input, drawn uniformly. A square of the
    /// network's size is then cut out at random; what is missing of it is filled.
    pub resize: [f64; 2],
    /// Largest share of one class in what is cut out; after ten attempts anything is taken. 1 takes the first.
    pub max_share: f64,
    /// Mirror half of the images left to right.
    pub hflip: bool,
    /// Strength of random brightness, contrast and saturation of the image; 0 for none.
    pub colour_jitter: f32,
}

impl MaskPipeline {
    /// Input and target of the network for a sample.
    ///
    /// Augments if the pipeline has a [`MaskAugment`] and `rng` is given.
    ///
    /// # Shapes
    ///
    /// - values `[channels, size, size]`
    /// - classes `[size, size]`
    ///
    /// # Panics
    ///
    /// If [`check`](Self::check) would fail.
    #[must_use]
    pub fn apply(&self, sample: &MaskSample, rng: Option<&ChaCha8Rng>) -> (Vec<f32>, Vec<u16>) {
        let image = channels::convert(&sample.image, self.channels);
        let (image, mask) = match (&self.augment, rng) {
            (Some(augment), Some(rng)) => augment.apply(&image, &sample.mask, self, rng),
            _ => {
                let sides = self.fitted(image.width(), image.height());
                (
                    self.scaled(&image, sides).into_owned(),
                    sample.mask.resized(sides.0, sides.1),
                )
            }
        };
        (self.padded(&image), mask.padded(self.size))
    }

    /// The network's input for an image without a mask, `[channels, size, size]`.
    #[must_use]
    pub fn input(&self, image: &PixelImage) -> Vec<f32> {
        let image = channels::convert(image, self.channels);
        let sides = self.fitted(image.width(), image.height());
        self.padded(&self.scaled(&image, sides))
    }

    /// Width and height, in the upper left corner of the network's input, of a whole image.
    #[must_use]
    pub fn fitted(&self, width: usize, height: usize) -> (usize, usize) {
        let longer = width.max(height);
        let side = |side: usize| ((2 * side * self.size + longer) / (2 * longer)).max(1);
        (side(width), side(height))
    }

    fn scaled<'a>(
        &self,
        image: &'a PixelImage,
        (width, height): (usize, usize),
    ) -> Cow<'a, PixelImage> {
        match (image.width(), image.height()) == (width, height) {
            true => Cow::Borrowed(image),
            false => {
                let whole = Region::whole(image);
                Cow::Owned(resample(image, whole, width, height, self.interpolation))
            }
        }
    }

    /// Normalised values in the upper left corner of the input; the rest is 0, which is the mean.
    fn padded(&self, image: &PixelImage) -> Vec<f32> {
        let values = normalise::normalise(image, &self.mean, &self.std);
        let (width, height, size) = (image.width(), image.height(), self.size);
        if (width, height) == (size, size) {
            return values;
        }
        let mut padded = vec![0.0; self.values()];
        let planes = padded.chunks_exact_mut(size * size);
        for (to, from) in planes.zip(values.chunks_exact(width * height)) {
            for (to, from) in to.chunks_exact_mut(size).zip(from.chunks_exact(width)) {
                to[..width].copy_from_slice(from);
            }
        }
        padded
    }

    /// Number of values of an input.
    #[must_use]
    pub fn values(&self) -> usize {
        self.channels * self.size * self.size
    }

    /// Refuses settings that no image could pass.
    ///
    /// # Errors
    ///
    /// As [`ImagePipeline::check`], or if a range of [`MaskAugment`] is not legal.
    pub fn check(&self) -> Result<(), DataError> {
        let image = ImagePipeline {
            size: self.size,
            channels: self.channels,
            mean: self.mean.clone(),
            std: self.std.clone(),
            crop_ratio: 1.0,
            interpolation: self.interpolation,
            augment: None,
        };
        image.check()?;
        self.augment.as_ref().map_or(Ok(()), MaskAugment::check)
    }
}

impl MaskAugment {
    /// The part of image and mask that the network sees, at most as large as its input.
    fn apply(
        &self,
        image: &PixelImage,
        mask: &Mask,
        pipeline: &MaskPipeline,
        rng: &ChaCha8Rng,
    ) -> (PixelImage, Mask) {
        // A generator for each transform, so that what one setting draws does not depend on another.
        let numbered = |number| {
            let mut rng = rng.clone();
            rng.set_stream(number);
            rng
        };
        let mut geometry = numbered(0);
        let length = self.resize[0] + unit64(&mut geometry) * (self.resize[1] - self.resize[0]);
        let is_mirrored = unit64(&mut geometry) < 0.5 && self.hflip;
        let sides = sides(image, length * pipeline.size as f64);
        let image = pipeline.scaled(image, sides);
        let mask = mask.resized(sides.0, sides.1);
        let (region, mut mask) = self.cut(&mask, pipeline.size, &mut numbered(1));
        let mut image = Cow::Owned(region.cut(&image));
        if is_mirrored {
            image = Cow::Owned(flip::horizontal(&image));
            mask = mask.mirrored();
        }
        if self.colour_jitter > 0.0 {
            let changes = colour_jitter::draw(self.colour_jitter, &mut numbered(3));
            image = colour_jitter::apply(image, &changes);
        }
        (image.into_owned(), mask)
    }

    /// A part at random, if possible without one class nearly everywhere.
    fn cut(&self, mask: &Mask, size: usize, rng: &mut ChaCha8Rng) -> (Region, Mask) {
        let (width, height) = (mask.width().min(size), mask.height().min(size));
        let mut draw = || {
            let region = Region {
                left: below(rng, mask.width() - width + 1),
                top: below(rng, mask.height() - height + 1),
                width,
                height,
            };
            (region, mask.cut(region))
        };
        let mut found = draw();
        for _ in 1..ATTEMPTS {
            if self.max_share >= 1.0 || found.1.largest_share() < self.max_share {
                break;
            }
            found = draw();
        }
        found
    }

    fn check(&self) -> Result<(), DataError> {
        let [low, high] = self.resize;
        let is_range = 0.0 < low && low <= high && high.is_finite();
        let expected = "two lengths above 0, the smaller first";
        require(
            is_range,
            "augment.resize",
            format!("[{low}, {high}]"),
            expected,
        )?;
        let is_share = 0.0 < self.max_share && self.max_share <= 1.0;
        let expected = "above 0 and at most 1";
        require(is_share, "augment.max_share", self.max_share, expected)?;
        let jitter = self.colour_jitter;
        let is_jitter = jitter >= 0.0 && jitter.is_finite();
        require(is_jitter, "augment.color_jitter", jitter, "at least 0")
    }
}

/// Width and height of an image whose shorter side is `shorter`, if its longer one is not too long then.
fn sides(image: &PixelImage, shorter: f64) -> (usize, usize) {
    let (width, height) = (image.width() as f64, image.height() as f64);
    let factor = (shorter / width.min(height)).min(LONGEST_ASPECT * shorter / width.max(height));
    let side = |side: f64| ((side * factor).round() as usize).max(1);
    (side(width), side(height))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::IGNORE;
    use crate::random::stream;

    fn pipeline(size: usize, augment: Option<MaskAugment>) -> MaskPipeline {
        MaskPipeline {
            size,
            channels: 1,
            mean: vec![0.0],
            std: vec![1.0 / 255.0],
            interpolation: Interpolation::Bilinear,
            augment,
        }
    }

    /// A sample whose levels are its classes.
    fn sample(width: usize, height: usize) -> MaskSample {
        let levels: Vec<u8> = (0..width * height).map(|at| (at % 251) as u8).collect();
        MaskSample {
            mask: Mask::new(
                width,
                height,
                levels.iter().copied().map(u16::from).collect(),
            ),
            image: PixelImage::new(width, height, 1, levels),
        }
    }

    fn augment() -> MaskAugment {
        MaskAugment {
            resize: [1.0, 1.0],
            max_share: 1.0,
            hflip: true,
            colour_jitter: 0.0,
        }
    }

    #[test]
    fn evaluation_shows_the_whole_image_and_fills_the_rest() {
        let (values, ids) = pipeline(4, None).apply(&sample(4, 2), None);
        assert_eq!(ids[..8], [0, 1, 2, 3, 4, 5, 6, 7]);
        assert!(ids[8..].iter().all(|&id| id == IGNORE));
        let levels: Vec<f32> = values.iter().map(|value| value.round()).collect();
        assert_eq!(levels[..8], [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
        assert!(levels[8..].iter().all(|&level| level == 0.0));
        assert_eq!(pipeline(8, None).fitted(640, 480), (8, 6));
        assert_eq!(pipeline(8, None).fitted(1, 1000), (1, 8));
    }

    #[test]
    fn image_and_mask_move_together() {
        // The shorter side is as long as the input, so nothing is scaled: cut and mirrored levels are still the classes.
        let pipeline = pipeline(6, Some(augment()));
        let sample = sample(11, 6);
        let mut firsts = std::collections::BTreeSet::new();
        for seed in 0..60 {
            let (values, ids) = pipeline.apply(&sample, Some(&stream(seed, &[])));
            let levels: Vec<u16> = values.iter().map(|value| value.round() as u16).collect();
            assert_eq!(levels, ids);
            firsts.insert(ids[0]);
        }
        // Six places, mirrored or not.
        assert!(firsts.len() > 8, "{firsts:?}");
    }

    #[test]
    fn small_images_are_filled_and_large_ones_cut() {
        let with = |resize| {
            let augment = MaskAugment {
                resize,
                ..augment()
            };
            let pipeline = pipeline(8, Some(augment));
            let (_, ids) = pipeline.apply(&sample(8, 8), Some(&stream(1, &[])));
            ids.iter().filter(|&&id| id == IGNORE).count()
        };
        assert_eq!(with([0.5, 0.5]), 64 - 16);
        assert_eq!(with([2.0, 2.0]), 0);
        let long = PixelImage::new(800, 8, 1, vec![0; 6400]);
        assert_eq!(sides(&long, 8.0), (32, 1));
    }

    #[test]
    fn parts_of_one_class_are_avoided() {
        // The last four columns are of another class, and 27 of 31 places miss them: ten in a row in a quarter of the cases.
        let ids = (0..400).map(|at| u16::from(at % 40 >= 36)).collect();
        let mask = Mask::new(40, 10, ids);
        let image = PixelImage::new(40, 10, 1, vec![0; 400]);
        let sample = MaskSample { image, mask };
        let uniform = |max_share| {
            let augment = MaskAugment {
                max_share,
                ..augment()
            };
            let pipeline = pipeline(10, Some(augment));
            let is_uniform = |seed: &u64| {
                let (_, ids) = pipeline.apply(&sample, Some(&stream(*seed, &[])));
                ids.iter().all(|&id| id == 0)
            };
            (0..200).filter(is_uniform).count()
        };
        assert!(uniform(1.0) > 140, "{}", uniform(1.0));
        assert!(uniform(0.95) < 85, "{}", uniform(0.95));
    }

    #[test]
    fn illegal_settings_are_named() {
        let inverted = MaskAugment {
            resize: [2.0, 0.5],
            ..augment()
        };
        let error = pipeline(8, Some(inverted)).check().unwrap_err();
        assert_eq!(
            error.to_string(),
            "augment.resize is [2, 0.5], expected two lengths above 0, the smaller first"
        );
    }
}

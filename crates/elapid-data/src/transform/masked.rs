//! The transforms of an image together with the mask of its pixels' classes.

use std::borrow::Cow;

use rand_chacha::ChaCha8Rng;

use super::pipeline::require;
use super::{
    Augment, ImagePipeline, Interpolation, Region, channels, colour_jitter, flip, normalise,
    photometric, resample,
};
use crate::error::DataError;
use crate::random::{below, unit64};
use crate::vision::{Mask, MaskSample, PixelImage};

/// How often a part that is nearly all of one class is drawn anew, as in mmsegmentation.
const ATTEMPTS: usize = 10;
/// How much longer than its shorter side an image is at most when the shorter side is brought to the network's size, as
/// in mmsegmentation's 2048 × 512; it is made smaller if it is longer.
const LONGEST_ASPECT: usize = 4;

/// Everything between a stored image with its mask and the network's input and target: channels, size, augmentation,
/// normalisation, in this order.
///
/// Without augmentation the whole image is scaled until it fits into the network's input, and what is left over at the
/// right or at the bottom is filled: with the mean in the image, with [`IGNORE`](crate::IGNORE) in the mask. Or, with
/// [`Windows`], it is seen part by part ([`frame`](Self::frame)).
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
    /// How images are seen part by part that are not trained on.
    pub windows: Option<Windows>,
}

/// Windows of the size of the network's input that are moved over an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// Length that the shorter side of an image is scaled to; the longer one becomes at most four times as long.
    pub side: usize,
    /// Distance between windows. The last one of a row or column ends with the image and may be closer.
    pub stride: usize,
}

/// Where the windows over an image are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Height and width of the image as stored, which is what counts.
    pub stored: [usize; 2],
    /// Height and width of the scaled image.
    pub scaled: [usize; 2],
    /// First row and column of each window in the scaled image. A window that is larger than the image is filled at the right
    /// or at the bottom.
    pub windows: Vec<[usize; 2]>,
}

/// What is drawn for each training image, in the order in which it is done. Image and mask move together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MaskAugment {
    /// Smallest and largest length of the shorter side, in sides of the network's input, drawn uniformly. A square of the
    /// network's size is then cut out at random; what is missing of it is filled.
    pub resize: [f64; 2],
    /// Largest share of one class in what is cut out; the tenth part that is drawn anew is taken whatever it has. 1 takes the
    /// first.
    pub max_share: f64,
    /// Mirror half of the images left to right.
    pub hflip: bool,
    /// Strength of random brightness, contrast and saturation of the image; 0 for none.
    pub colour_jitter: f32,
    /// The photometric distortion of mmsegmentation.
    pub photometric: bool,
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
                let mask = self.scaled_mask(&sample.mask, sides);
                (self.scaled(&image, sides).into_owned(), mask)
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

    /// The network's inputs for all windows over an image, `[windows, channels, size, size]`, and where these are.
    #[must_use]
    pub fn frame(&self, image: &PixelImage, windows: Windows) -> (Vec<f32>, Frame) {
        let image = channels::convert(image, self.channels);
        let (width, height) = sides(&image, 1.0, windows.side);
        let scaled = self.scaled(&image, (width, height));
        let along = |length| starts(length, self.size, windows.stride);
        let (rows, columns) = (along(height), along(width));
        let rows = rows.into_iter();
        let places: Vec<[usize; 2]> = rows
            .flat_map(|top| columns.iter().map(move |&left| [top, left]))
            .collect();
        let values: Vec<f32> = places
            .iter()
            .flat_map(|&[top, left]| {
                let seen = Region {
                    left,
                    top,
                    width: width.min(self.size),
                    height: height.min(self.size),
                };
                self.padded(&seen.cut(&scaled))
            })
            .collect();
        let frame = Frame {
            stored: [image.height(), image.width()],
            scaled: [height, width],
            windows: places,
        };
        (values, frame)
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

    fn scaled_mask(&self, mask: &Mask, (width, height): (usize, usize)) -> Mask {
        match self.interpolation {
            Interpolation::Linear => mask.resized_from_corners(width, height),
            Interpolation::Bilinear | Interpolation::Bicubic => mask.resized(width, height),
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
            augment: Augment::default(),
            views: 1,
        };
        image.check()?;
        if let Some(Windows { side, stride }) = self.windows {
            let expected = format!("from 1 to {}, the side of the network's input", self.size);
            let is_near = (1..=self.size).contains(&stride);
            require(is_near, "window_stride", stride, &expected)?;
            let expected = format!("at least {}, the side of the network's input", self.size);
            require(side >= self.size, "window_side", side, &expected)?;
        }
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
        let sides = sides(image, length, pipeline.size);
        let image = pipeline.scaled(image, sides);
        let mask = pipeline.scaled_mask(mask, sides);
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
        if self.photometric {
            let changes = photometric::draw(&mut numbered(4));
            image = photometric::apply(image, &changes);
        }
        (image.into_owned(), mask)
    }

    /// A part at random, if possible without one class nearly everywhere.
    fn cut(&self, mask: &Mask, size: usize, rng: &mut ChaCha8Rng) -> (Region, Mask) {
        let (width, height) = (mask.width().min(size), mask.height().min(size));
        let draw = || Region {
            left: below(rng, mask.width() - width + 1),
            top: below(rng, mask.height() - height + 1),
            width,
            height,
        };
        self.chosen(mask, draw)
    }

    /// The first part that is drawn without one class nearly everywhere, or the last one that may be drawn.
    fn chosen(&self, mask: &Mask, mut draw: impl FnMut() -> Region) -> (Region, Mask) {
        let mut region = draw();
        let mut part = mask.cut(region);
        for _ in 0..ATTEMPTS {
            if self.max_share >= 1.0 || part.largest_share() < self.max_share {
                break;
            }
            region = draw();
            part = mask.cut(region);
        }
        (region, part)
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

/// Width and height of an image whose shorter side is `share` of `side`, if its longer one is not too long then: those of
/// mmsegmentation's `Resize(img_scale=(4 * side, side), ratio_range=(share, share))`, which rounds lengths down and sides to the
/// nearest.
fn sides(image: &PixelImage, share: f64, side: usize) -> (usize, usize) {
    let (width, height) = (image.width() as f64, image.height() as f64);
    let whole = |length: usize| (length as f64 * share).floor();
    let (longer, shorter) = (whole(LONGEST_ASPECT * side), whole(side));
    let factor = (longer / width.max(height)).min(shorter / width.min(height));
    let side = |side: f64| ((side * factor + 0.5) as usize).max(1);
    (side(width), side(height))
}

/// Where windows begin that are moved over a length, as in mmsegmentation's `slide_inference`: every `stride`, but none ends
/// behind the length.
fn starts(length: usize, window: usize, stride: usize) -> Vec<usize> {
    let last = length.saturating_sub(window);
    (0..=last.div_ceil(stride))
        .map(|at| (at * stride).min(last))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::IGNORE;
    use crate::random::stream;
    use crate::transform::golden::cases;

    fn pipeline(size: usize, augment: Option<MaskAugment>) -> MaskPipeline {
        MaskPipeline {
            size,
            channels: 1,
            mean: vec![0.0],
            std: vec![1.0 / 255.0],
            interpolation: Interpolation::Bilinear,
            augment,
            windows: None,
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
            photometric: false,
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
        assert_eq!(sides(&long, 1.0, 8), (32, 1));
    }

    #[test]
    fn windows_cover_an_image_and_none_leaves_it() {
        assert_eq!(starts(683, 512, 341), [0, 171]);
        assert_eq!(starts(2048, 512, 341), [0, 341, 682, 1023, 1364, 1536]);
        assert_eq!(starts(512, 512, 341), [0]);
        assert_eq!(starts(100, 512, 341), [0]);
        // 853 − 512 is one stride exactly.
        assert_eq!(starts(853, 512, 341), [0, 341]);
        assert_eq!(starts(854, 512, 341), [0, 341, 342]);
    }

    #[test]
    fn a_frame_shows_every_part_of_an_image_at_its_place() {
        let windows = Windows { side: 6, stride: 4 };
        let sample = sample(11, 6);
        let pipeline = pipeline(6, None);
        let (values, frame) = pipeline.frame(&sample.image, windows);
        let expected = Frame {
            stored: [6, 11],
            scaled: [6, 11],
            windows: vec![[0, 0], [0, 4], [0, 5]],
        };
        assert_eq!(frame, expected);
        let ids = sample.mask.ids();
        for (window, &[top, left]) in values.chunks(36).zip(&frame.windows) {
            for (at, value) in window.iter().enumerate() {
                let place = (top + at / 6) * 11 + left + at % 6;
                assert_eq!(value.round() as u16, ids[place]);
            }
        }
        // A strip is made so narrow that its windows are filled at the bottom.
        let strip = PixelImage::new(60, 2, 1, vec![90; 120]);
        let (values, frame) = pipeline.frame(&strip, windows);
        assert_eq!(frame.scaled, [1, 24]);
        assert_eq!((frame.windows.len(), frame.windows[5]), (6, [0, 18]));
        let filled = values[..36].iter().filter(|&&value| value == 0.0);
        assert_eq!(filled.count(), 30);
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
    fn sizes_are_those_of_mmsegmentation() {
        #[derive(serde::Deserialize)]
        struct Scaled {
            size: (usize, usize),
            factor: f64,
            scaled: (usize, usize),
        }
        let cases: Vec<Scaled> = cases("segmentation_transforms/scaled.json");
        for case in cases {
            let (width, height) = case.size;
            let image = PixelImage::new(width, height, 1, vec![0; width * height]);
            assert_eq!(
                sides(&image, case.factor, 512),
                case.scaled,
                "{width}×{height}"
            );
        }
    }

    #[test]
    fn parts_are_chosen_as_mmsegmentation_chooses_them() {
        #[derive(serde::Deserialize)]
        struct Crop {
            share: f64,
            columns: Vec<usize>,
            drawn: usize,
        }
        let row = [(0, 16), (1, 10), (2, 10), (IGNORE, 8)];
        let row = row.into_iter().flat_map(|(id, count)| vec![id; count]);
        let row: Vec<u16> = row.collect();
        let mask = Mask::new(44, 12, row.repeat(12));
        let crops: Vec<Crop> = cases("segmentation_transforms/crops.json");
        for crop in crops {
            let mut drawn = 0;
            let augment = MaskAugment {
                max_share: crop.share,
                ..augment()
            };
            augment.chosen(&mask, || {
                drawn += 1;
                Region {
                    left: crop.columns[drawn - 1],
                    top: 0,
                    width: 10,
                    height: 12,
                }
            });
            assert_eq!(drawn, crop.drawn, "{:?}", crop.columns);
        }
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
        let windows = |side, stride| MaskPipeline {
            windows: Some(Windows { side, stride }),
            ..pipeline(8, None)
        };
        assert!(windows(8, 8).check().is_ok());
        let error = |side, stride| windows(side, stride).check().unwrap_err().to_string();
        assert_eq!(
            error(8, 9),
            "window_stride is 9, expected from 1 to 8, the side of the network's input"
        );
        assert_eq!(
            error(7, 4),
            "window_side is 7, expected at least 8, the side of the network's input"
        );
    }
}

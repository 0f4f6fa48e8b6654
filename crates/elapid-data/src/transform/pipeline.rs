//! The transforms of one image, in order.

use std::borrow::Cow;

use rand_chacha::ChaCha8Rng;

use super::augment::Draws;
use super::{Augment, Interpolation, channels, normalise, resample, resize};
use crate::error::DataError;
use crate::random::{purpose, stream};
use crate::vision::PixelImage;

/// Everything between a stored image and the network's input: channels, size, augmentation,
/// normalisation, erasing, in this order.
#[derive(Clone, Debug, PartialEq)]
pub struct ImagePipeline {
    /// Pixels along each side of the network's input.
    pub size: usize,
    /// 1 for grey, 3 for RGB; images that have the other number are converted.
    pub channels: usize,
    /// Mean of each channel, in units where white is 1.
    pub mean: Vec<f32>,
    /// Standard deviation of each channel, in units where white is 1.
    pub std: Vec<f32>,
    /// Share of the shorter side that is kept when an image is cut to a square in its middle, above 0.
    pub crop_ratio: f64,
    /// How images are brought to size.
    pub interpolation: Interpolation,
    /// Random changes to training images, and how far views of an evaluation are moved.
    pub augment: Augment,
    /// Views of an image that an evaluation averages over, at least 1.
    pub views: usize,
}

impl ImagePipeline {
    /// The input of the network for a training image, with the changes that `rng` draws.
    ///
    /// # Shapes
    ///
    /// - result: `[channels, size, size]`
    ///
    /// # Panics
    ///
    /// If [`check`](Self::check) would fail.
    #[must_use]
    pub fn apply(&self, image: &PixelImage, rng: &ChaCha8Rng) -> Vec<f32> {
        self.augmented(image, &self.augment, rng)
    }

    /// View `number` of an image, below `views`: the first is the image as it is, others are shifted, turned, zoomed and mirrored as
    /// training images are, a view of every image by the same amount.
    #[must_use]
    pub fn view(&self, image: &PixelImage, number: usize) -> Vec<f32> {
        if number == 0 {
            let image = channels::convert(image, self.channels);
            return normalise::normalise(&self.resized(&image), &self.mean, &self.std);
        }
        let rng = stream(0, &[purpose::VIEWS, number as u64]);
        self.augmented(image, &self.augment.moves(), &rng)
    }

    fn augmented(&self, image: &PixelImage, augment: &Augment, rng: &ChaCha8Rng) -> Vec<f32> {
        let image = channels::convert(image, self.channels);
        let mut draws = Draws::new(rng);
        let resized = match augment.region(&image, &mut draws) {
            None => self.resized(&image),
            Some(part) => Cow::Owned(resample(
                &image,
                part,
                self.size,
                self.size,
                self.interpolation,
            )),
        };
        let augmented = augment.apply(resized, &self.fill(), &mut draws);
        let mut values = normalise::normalise(&augmented, &self.mean, &self.std);
        augment.finish(&mut values, self.size, &mut draws);
        values
    }

    /// The middle of an image, at the network's size.
    fn resized<'a>(&self, image: &'a PixelImage) -> Cow<'a, PixelImage> {
        // 224 / 0.875 is 256 in binary fractions, too.
        let shorter = (self.size as f64 / self.crop_ratio) as usize;
        resize::resize(image, shorter, self.size, self.interpolation)
    }

    /// The mean as levels.
    fn fill(&self) -> Vec<u8> {
        let means = self.mean.iter();
        means.map(|mean| (255.0 * mean).round() as u8).collect()
    }

    /// Number of values that [`apply`](Self::apply) returns.
    #[must_use]
    pub fn values(&self) -> usize {
        self.channels * self.size * self.size
    }

    /// Refuses settings that no image could pass.
    ///
    /// # Errors
    ///
    /// If the size is 0, there are several views that do not differ, the channels are neither 1 nor 3, the mean or deviation has not one value
    /// for each channel, a deviation is not above 0, the crop ratio is not above 0 and at most 1, or a range of
    /// [`Augment`] is not legal.
    pub fn check(&self) -> Result<(), DataError> {
        let channels = self.channels;
        let counts = format!("one value for each of {channels} channels");
        let is_count = |values: &[f32]| values.len() == channels && all_finite(values);
        require(self.size > 0, "size", self.size, "at least 1")?;
        require(
            channels == 1 || channels == 3,
            "channels",
            channels,
            "1 or 3",
        )?;
        require(
            is_count(&self.mean),
            "mean",
            format!("{:?}", self.mean),
            &counts,
        )?;
        require(
            is_count(&self.std),
            "std",
            format!("{:?}", self.std),
            &counts,
        )?;
        let lowest = self.std.iter().copied().fold(f32::INFINITY, f32::min);
        require(lowest > 0.0, "std", lowest, "above 0")?;
        let is_ratio = 0.0 < self.crop_ratio && self.crop_ratio <= 1.0;
        require(
            is_ratio,
            "crop_ratio",
            self.crop_ratio,
            "above 0 and at most 1",
        )?;
        let differ = self.views > 1 && self.augment.moves() != Augment::default();
        let alike = "1: without `shift`, `rotate`, `scale` and `hflip` in [data.augment] all views would be the same";
        require(self.views == 1 || differ, "eval.views", self.views, alike)?;
        self.augment.check()
    }
}

fn all_finite(values: &[f32]) -> bool {
    values.iter().all(|value| value.is_finite())
}

pub(crate) fn require(
    is_legal: bool,
    setting: &'static str,
    value: impl ToString,
    expected: &str,
) -> Result<(), DataError> {
    if is_legal {
        return Ok(());
    }
    let (value, expected) = (value.to_string(), expected.to_owned());
    Err(DataError::Setting {
        setting,
        value,
        expected,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(size: usize, channels: usize) -> ImagePipeline {
        let (mean, std) = (vec![0.0; channels], vec![1.0 / 255.0; channels]);
        ImagePipeline {
            size,
            channels,
            mean,
            std,
            crop_ratio: 1.0,
            interpolation: Interpolation::Bicubic,
            augment: Augment::default(),
            views: 1,
        }
    }

    fn rounded(values: &[f32]) -> Vec<i32> {
        values.iter().map(|value| value.round() as i32).collect()
    }

    fn numbered() -> PixelImage {
        PixelImage::new(3, 3, 1, (1..10).collect())
    }

    #[test]
    fn channels_are_converted_as_demanded() {
        let grey = plain(1, 3).view(&PixelImage::new(1, 1, 1, vec![9]), 0);
        assert_eq!(rounded(&grey), [9, 9, 9]);
        let rgb = plain(1, 1).view(&PixelImage::new(1, 1, 3, vec![255, 0, 0]), 0);
        assert_eq!(rounded(&rgb), [76]);
    }

    #[test]
    fn augmentation_needs_settings_and_is_of_training() {
        let augmented = ImagePipeline {
            augment: Augment {
                shift: 1,
                ..Augment::default()
            },
            ..plain(3, 1)
        };
        let untouched: Vec<i32> = (1..10).collect();
        assert_eq!(rounded(&augmented.view(&numbered(), 0)), untouched);
        let drawn = |pipeline: &ImagePipeline, seed| {
            rounded(&pipeline.apply(&numbered(), &stream(seed, &[])))
        };
        assert_eq!(drawn(&plain(3, 1), 0), untouched);
        assert_eq!(drawn(&augmented, 0), drawn(&augmented, 0));
        assert!((0..20).any(|seed| drawn(&augmented, seed) != untouched));
    }

    #[test]
    fn about_half_of_the_images_are_mirrored() {
        let augment = Augment {
            hflip: true,
            ..Augment::default()
        };
        let pipeline = ImagePipeline {
            augment,
            ..plain(3, 1)
        };
        let mirrored = (0..400).filter(|&seed| {
            let values = pipeline.apply(&numbered(), &stream(seed, &[]));
            rounded(&values)[..3] == [3, 2, 1]
        });
        // 200 expected; five standard deviations are 50.
        assert!((150..250).contains(&mirrored.count()));
    }

    #[test]
    fn views_move_every_image_alike() {
        let augment = Augment {
            shift: 1,
            erase: 1.0,
            elastic: 1.0,
            ..Augment::default()
        };
        let views = ImagePipeline {
            augment,
            views: 9,
            ..plain(3, 1)
        };
        assert_eq!(views.check(), Ok(()));
        let untouched: Vec<i32> = (1..10).collect();
        assert_eq!(rounded(&views.view(&numbered(), 0)), untouched);
        let backwards = PixelImage::new(3, 3, 1, (1..10).rev().collect());
        let mut distinct: Vec<Vec<i32>> = (0..9)
            .map(|number| rounded(&views.view(&numbered(), number)))
            .collect();
        for (number, view) in distinct.iter().enumerate() {
            // What was shifted in is black, in both at the same places.
            let other = rounded(&views.view(&backwards, number));
            let sums = view.iter().zip(&other).map(|(a, b)| a + b);
            assert!(
                sums.into_iter().all(|sum| sum == 10 || sum == 0),
                "{view:?} {other:?}"
            );
        }
        distinct.sort();
        distinct.dedup();
        assert!(distinct.len() > 3);
    }

    #[test]
    fn illegal_settings_are_named() {
        let message = |pipeline: &ImagePipeline| pipeline.check().unwrap_err().to_string();
        assert_eq!(plain(8, 3).check(), Ok(()));
        assert_eq!(message(&plain(0, 3)), "size is 0, expected at least 1");
        assert_eq!(message(&plain(8, 2)), "channels is 2, expected 1 or 3");
        let mismatched = ImagePipeline {
            mean: vec![0.5],
            ..plain(8, 3)
        };
        assert_eq!(
            message(&mismatched),
            "mean is [0.5], expected one value for each of 3 channels"
        );
        let alike = ImagePipeline {
            views: 4,
            augment: Augment {
                erase: 0.5,
                ..Augment::default()
            },
            ..plain(8, 1)
        };
        assert_eq!(
            message(&alike),
            "eval.views is 4, expected 1: without `shift`, `rotate`, `scale` and `hflip` in [data.augment] all views would be the same"
        );
        let flat = ImagePipeline {
            std: vec![0.0],
            ..plain(8, 1)
        };
        assert_eq!(message(&flat), "std is 0, expected above 0");
        let augment = Augment {
            scale: 1.0,
            ..Augment::default()
        };
        let inverted = ImagePipeline {
            augment,
            ..plain(8, 1)
        };
        assert_eq!(
            message(&inverted),
            "augment.scale is 1, expected at least 0 and below 1"
        );
    }
}

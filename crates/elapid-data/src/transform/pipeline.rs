//! The transforms of one image, in order.

use std::borrow::Cow;

use rand_chacha::ChaCha8Rng;

use super::affine::Affine;
use super::elastic::Elastic;
use super::{Interpolation, channels, flip, normalise, resize};
use crate::error::DataError;
use crate::random::unit;
use crate::vision::PixelImage;

/// Everything between a stored image and the network's input: channels, size, augmentation,
/// normalisation, in this order.
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
    /// Random changes to training images.
    pub augment: Option<Augment>,
}

/// Ranges of the random changes to training images, each drawn uniformly.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Augment {
    /// Largest translation along each axis, in whole pixels of the network's input.
    pub shift: u32,
    /// Largest rotation either way, in degrees.
    pub rotate: f32,
    /// Largest zoom: the factor lies in `1 ± scale`.
    pub scale: f32,
    /// Largest local displacement along each axis, in pixels of the network's input.
    pub elastic: f32,
    /// Mirror half of the images left to right.
    pub hflip: bool,
}

impl ImagePipeline {
    /// The input of the network for `image`.
    ///
    /// Augments if the pipeline has an [`Augment`] and `rng` is given.
    ///
    /// # Shapes
    ///
    /// - result: `[channels, size, size]`
    ///
    /// # Panics
    ///
    /// If [`check`](Self::check) would fail.
    #[must_use]
    pub fn apply(&self, image: &PixelImage, rng: Option<&mut ChaCha8Rng>) -> Vec<f32> {
        let image = channels::convert(image, self.channels);
        let mut image = resize::resize(&image, self.size, self.size, Interpolation::Bicubic);
        if let (Some(augment), Some(rng)) = (&self.augment, rng) {
            image = augment.apply(image, rng);
        }
        normalise::normalise(&image, &self.mean, &self.std)
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
    /// If the size is 0, the channels are neither 1 nor 3, the mean or deviation has not one value
    /// for each channel, a deviation is not above 0, or a range of [`Augment`] is not legal.
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
        self.augment.as_ref().map_or(Ok(()), Augment::check)
    }
}

impl Augment {
    /// Always draws the same number of values, so that one setting does not change what another
    /// draws.
    fn apply<'a>(&self, image: Cow<'a, PixelImage>, rng: &mut ChaCha8Rng) -> Cow<'a, PixelImage> {
        let affine = Affine::draw(self, rng);
        let is_flipped = unit(rng) < 0.5 && self.hflip;
        let elastic = Elastic::draw(self.elastic, rng);
        let mut image = image;
        if affine != Affine::IDENTITY {
            image = Cow::Owned(affine.apply(&image));
        }
        if self.elastic > 0.0 {
            image = Cow::Owned(elastic.apply(&image));
        }
        if is_flipped {
            image = Cow::Owned(flip::horizontal(&image));
        }
        image
    }

    fn check(&self) -> Result<(), DataError> {
        let is_angle = (0.0..=180.0).contains(&self.rotate);
        require(is_angle, "augment.rotate", self.rotate, "0 to 180 degrees")?;
        let is_distance = self.elastic >= 0.0 && self.elastic.is_finite();
        require(
            is_distance,
            "augment.elastic",
            self.elastic,
            "at least 0 pixels",
        )?;
        let is_scale = (0.0..1.0).contains(&self.scale);
        require(
            is_scale,
            "augment.scale",
            self.scale,
            "at least 0 and below 1",
        )
    }
}

fn all_finite(values: &[f32]) -> bool {
    values.iter().all(|value| value.is_finite())
}

fn require(
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
    use crate::random::stream;

    fn plain(size: usize, channels: usize) -> ImagePipeline {
        let (mean, std) = (vec![0.0; channels], vec![1.0 / 255.0; channels]);
        ImagePipeline {
            size,
            channels,
            mean,
            std,
            augment: None,
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
        let grey = plain(1, 3).apply(&PixelImage::new(1, 1, 1, vec![9]), None);
        assert_eq!(rounded(&grey), [9, 9, 9]);
        let rgb = plain(1, 1).apply(&PixelImage::new(1, 1, 3, vec![255, 0, 0]), None);
        assert_eq!(rounded(&rgb), [76]);
    }

    #[test]
    fn augmentation_needs_both_settings_and_a_generator() {
        let augmented = ImagePipeline {
            augment: Some(Augment {
                shift: 1,
                ..Augment::default()
            }),
            ..plain(3, 1)
        };
        let untouched: Vec<i32> = (1..10).collect();
        assert_eq!(rounded(&augmented.apply(&numbered(), None)), untouched);
        let drawn = |pipeline: &ImagePipeline, seed| {
            rounded(&pipeline.apply(&numbered(), Some(&mut stream(seed, &[]))))
        };
        assert_eq!(drawn(&plain(3, 1), 0), untouched);
        assert_eq!(drawn(&augmented, 0), drawn(&augmented, 0));
        assert!((0..20).any(|seed| drawn(&augmented, seed) != untouched));
    }

    #[test]
    fn about_half_of_the_images_are_mirrored() {
        let augment = Some(Augment {
            hflip: true,
            ..Augment::default()
        });
        let pipeline = ImagePipeline {
            augment,
            ..plain(3, 1)
        };
        let mirrored = (0..400).filter(|&seed| {
            let values = pipeline.apply(&numbered(), Some(&mut stream(seed, &[])));
            rounded(&values)[..3] == [3, 2, 1]
        });
        // 200 expected; five standard deviations are 50.
        assert!((150..250).contains(&mirrored.count()));
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
        let flat = ImagePipeline {
            std: vec![0.0],
            ..plain(8, 1)
        };
        assert_eq!(message(&flat), "std is 0, expected above 0");
        let augment = Some(Augment {
            scale: 1.0,
            ..Augment::default()
        });
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

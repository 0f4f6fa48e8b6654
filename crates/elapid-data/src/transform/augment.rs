//! Random changes to training images.

use std::borrow::Cow;

use rand_chacha::ChaCha8Rng;

use super::affine::Affine;
use super::elastic::Elastic;
use super::pipeline::require;
use super::rand_augment::{self, HIGHEST_LEVEL};
use super::{RandAugment, RandomCrop, Region, colour_jitter, erase, flip};
use crate::error::DataError;
use crate::random::unit;
use crate::vision::PixelImage;

/// What is drawn for each training image, in the order in which it is done.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Augment {
    /// The part of the stored image that becomes the input; `None` for all of it.
    pub crop: Option<RandomCrop>,
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
    /// Operations of RandAugment.
    pub rand_augment: Option<RandAugment>,
    /// Strength of random brightness, contrast and saturation; 0 for none.
    pub colour_jitter: f32,
    /// Share of the images in which a rectangle is replaced by noise.
    pub erase: f64,
}

/// The generators of one image, one for each transform, so that what one setting draws does not depend on another.
pub(super) struct Draws {
    geometry: ChaCha8Rng,
    crop: ChaCha8Rng,
    operations: ChaCha8Rng,
    colours: ChaCha8Rng,
    erase: ChaCha8Rng,
}

impl Draws {
    pub(super) fn new(rng: &ChaCha8Rng) -> Self {
        let numbered = |number| {
            let mut rng = rng.clone();
            rng.set_stream(number);
            rng
        };
        Self {
            geometry: numbered(0),
            crop: numbered(1),
            operations: numbered(2),
            colours: numbered(3),
            erase: numbered(4),
        }
    }
}

impl Augment {
    /// What only moves an image as a whole, and takes nothing of it away: shifts, turns, zooms and mirrors.
    pub(super) fn moves(&self) -> Self {
        Self {
            shift: self.shift,
            rotate: self.rotate,
            scale: self.scale,
            hflip: self.hflip,
            ..Self::default()
        }
    }

    /// The part of a stored image that is used, if that is drawn.
    pub(super) fn region(&self, image: &PixelImage, draws: &mut Draws) -> Option<Region> {
        let crop = self.crop?;
        Some(crop.draw(image.width(), image.height(), &mut draws.crop))
    }

    /// The image at the network's size with everything done that is done to levels; `fill` has the levels, one a
    /// channel, of what moves in from outside.
    pub(super) fn apply<'a>(
        &self,
        image: Cow<'a, PixelImage>,
        fill: &[u8],
        draws: &mut Draws,
    ) -> Cow<'a, PixelImage> {
        let mut image = self.moved(image, &mut draws.geometry);
        if let Some(settings) = self.rand_augment {
            let steps = settings.draw(&mut draws.operations);
            image = rand_augment::apply(image, &steps, fill);
        }
        if self.colour_jitter > 0.0 {
            let changes = colour_jitter::draw(self.colour_jitter, &mut draws.colours);
            image = colour_jitter::apply(image, &changes);
        }
        image
    }

    /// Shifts, turns, zooms, bends and mirrors. Always draws the same number of values, so that one setting does not
    /// change what another draws.
    fn moved<'a>(&self, image: Cow<'a, PixelImage>, rng: &mut ChaCha8Rng) -> Cow<'a, PixelImage> {
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

    /// What is done to the normalised `values` of an image of `size × size`.
    pub(super) fn finish(&self, values: &mut [f32], size: usize, draws: &mut Draws) {
        let rng = &mut draws.erase;
        if let Some(region) = erase::draw(self.erase, size, size, rng) {
            erase::apply(values, size, size, region, erase::noise(rng));
        }
    }

    /// Refuses ranges that no image could be drawn from.
    pub(super) fn check(&self) -> Result<(), DataError> {
        let is_angle = (0.0..=180.0).contains(&self.rotate);
        require(is_angle, "augment.rotate", self.rotate, "0 to 180 degrees")?;
        let is_finite = |value: f32| value >= 0.0 && value.is_finite();
        let distance = "at least 0 pixels";
        require(
            is_finite(self.elastic),
            "augment.elastic",
            self.elastic,
            distance,
        )?;
        let is_scale = (0.0..1.0).contains(&self.scale);
        require(
            is_scale,
            "augment.scale",
            self.scale,
            "at least 0 and below 1",
        )?;
        let jitter = self.colour_jitter;
        require(
            is_finite(jitter),
            "augment.color_jitter",
            jitter,
            "at least 0",
        )?;
        let is_share = (0.0..=1.0).contains(&self.erase);
        require(is_share, "augment.erase", self.erase, "0 to 1")?;
        self.crop.as_ref().map_or(Ok(()), RandomCrop::check)?;
        let Some(settings) = self.rand_augment else {
            return Ok(());
        };
        let is_level = (0.0..=HIGHEST_LEVEL).contains(&settings.level);
        require(is_level, "augment.rand_augment", settings.level, "0 to 10")?;
        let (deviation, is_deviation) = (settings.deviation, settings.deviation >= 0.0);
        require(
            is_deviation,
            "augment.rand_augment_std",
            deviation,
            "at least 0",
        )
    }
}

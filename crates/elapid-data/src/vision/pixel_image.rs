//! An image in memory.

use image::{DynamicImage, GrayImage, RgbImage};

/// An image of 8-bit samples, `[height, width, channels]` row-major.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PixelImage {
    width: usize,
    height: usize,
    channels: usize,
    data: Vec<u8>,
}

impl PixelImage {
    /// Wraps samples in the order rows, columns, channels.
    ///
    /// # Panics
    ///
    /// If a side is 0 or beyond 32 bits, if `channels` is neither 1 (grey) nor 3 (RGB), or if
    /// `data` has another length than `height * width * channels`.
    #[must_use]
    pub fn new(width: usize, height: usize, channels: usize, data: Vec<u8>) -> Self {
        let is_side = |side: usize| side > 0 && u32::try_from(side).is_ok();
        assert!(
            is_side(width) && is_side(height),
            "an image of {width}×{height} pixels"
        );
        assert!(
            channels == 1 || channels == 3,
            "{channels} channels, expected 1 or 3"
        );
        assert_eq!(
            data.len(),
            width * height * channels,
            "samples of a {width}×{height} image"
        );
        Self {
            width,
            height,
            channels,
            data,
        }
    }

    /// Pixels in a row.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Number of rows.
    #[must_use]
    pub fn height(&self) -> usize {
        self.height
    }

    /// 1 for grey, 3 for RGB.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// The samples, `[height, width, channels]` row-major.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        &self.data
    }
}

/// Grey images (with or without alpha, of any depth) stay grey, all others become RGB. Alpha is
/// dropped, not blended.
impl From<DynamicImage> for PixelImage {
    fn from(image: DynamicImage) -> Self {
        let (width, height) = (image.width() as usize, image.height() as usize);
        if image.color().has_color() {
            Self::new(width, height, 3, image.into_rgb8().into_raw())
        } else {
            Self::new(width, height, 1, image.into_luma8().into_raw())
        }
    }
}

impl From<PixelImage> for DynamicImage {
    fn from(image: PixelImage) -> Self {
        let (width, height) = (image.width as u32, image.height as u32);
        let converted = if image.channels == 1 {
            GrayImage::from_raw(width, height, image.data).map(Self::ImageLuma8)
        } else {
            RgbImage::from_raw(width, height, image.data).map(Self::ImageRgb8)
        };
        converted.expect("the constructor checked the number of samples")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grey_and_rgb_survive_the_round_trip() {
        for channels in [1, 3] {
            let image = PixelImage::new(3, 2, channels, (0..6 * channels as u8).collect());
            let back = PixelImage::from(DynamicImage::from(image.clone()));
            assert_eq!(back, image);
        }
    }

    #[test]
    fn alpha_is_dropped_and_depth_reduced() {
        let transparent = image::RgbaImage::from_raw(1, 1, vec![10, 20, 30, 0]).unwrap();
        let rgb = PixelImage::from(DynamicImage::ImageRgba8(transparent));
        assert_eq!((rgb.channels(), rgb.data()), (3, &[10, 20, 30][..]));

        let deep = image::ImageBuffer::from_raw(1, 1, vec![u16::MAX]).unwrap();
        let grey = PixelImage::from(DynamicImage::ImageLuma16(deep));
        assert_eq!((grey.channels(), grey.data()), (1, &[255][..]));
    }

    #[test]
    #[should_panic(expected = "samples of a 2×2 image")]
    fn a_wrong_number_of_samples_is_refused() {
        let _ = PixelImage::new(2, 2, 1, vec![0; 3]);
    }
}

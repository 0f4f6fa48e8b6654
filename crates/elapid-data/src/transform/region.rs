//! A rectangle of an image.

use crate::vision::PixelImage;

/// A rectangle of whole pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// Columns before it.
    pub left: usize,
    /// Rows above it.
    pub top: usize,
    /// Its columns.
    pub width: usize,
    /// Its rows.
    pub height: usize,
}

impl Region {
    /// All of an image.
    #[must_use]
    pub fn whole(image: &PixelImage) -> Self {
        Self {
            left: 0,
            top: 0,
            width: image.width(),
            height: image.height(),
        }
    }

    /// The middle `width × height` pixels of an image that has at least as many; half a pixel of offset goes
    /// to the even neighbour, as in torchvision.
    #[must_use]
    pub fn centre(image: &PixelImage, width: usize, height: usize) -> Self {
        let offset = |excess: usize| (excess as f64 / 2.0).round_ties_even() as usize;
        Self {
            left: offset(image.width() - width),
            top: offset(image.height() - height),
            width,
            height,
        }
    }

    /// The image inside the rectangle.
    ///
    /// # Panics
    ///
    /// If the rectangle is empty or not inside the image.
    #[must_use]
    pub fn cut(self, image: &PixelImage) -> PixelImage {
        self.assert_inside(image);
        let data = self.rows(image).collect::<Vec<_>>().concat();
        PixelImage::new(self.width, self.height, image.channels(), data)
    }

    /// The bytes of each row.
    pub(super) fn rows(self, image: &PixelImage) -> impl Iterator<Item = &[u8]> {
        let channels = image.channels();
        let rows = image.data().chunks_exact(image.width() * channels);
        rows.skip(self.top)
            .take(self.height)
            .map(move |row| &row[self.left * channels..][..self.width * channels])
    }

    pub(super) fn assert_inside(self, image: &PixelImage) {
        let (right, bottom) = (self.left + self.width, self.top + self.height);
        assert!(
            self.width > 0 && self.height > 0 && right <= image.width() && bottom <= image.height(),
            "{self:?} of an image of {}×{} pixels",
            image.width(),
            image.height()
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_is_what_lies_inside() {
        let image = PixelImage::new(3, 3, 1, (1..10).collect());
        let region = Region {
            left: 1,
            top: 0,
            width: 2,
            height: 2,
        };
        assert_eq!(region.cut(&image).data(), [2, 3, 5, 6]);
        assert_eq!(Region::whole(&image).cut(&image), image);
    }

    #[test]
    fn half_a_pixel_of_offset_goes_to_the_even_neighbour() {
        let row = |width| PixelImage::new(width, 1, 1, vec![0; width]);
        assert_eq!(Region::centre(&row(3), 2, 1).left, 0);
        assert_eq!(Region::centre(&row(5), 2, 1).left, 2);
    }
}

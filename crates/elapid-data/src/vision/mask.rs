//! Images with a class for every pixel: the types.

use super::PixelImage;
use crate::SampleSet;
use crate::transform::Region;

/// The class of pixels that count neither in training nor in evaluation.
pub const IGNORE: u16 = u16::MAX;

/// The class of every pixel of an image, `[height, width]` row-major.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mask {
    width: usize,
    height: usize,
    ids: Vec<u16>,
}

impl Mask {
    /// Wraps classes in the order rows, columns; [`IGNORE`] is where there is none.
    ///
    /// # Panics
    ///
    /// If a side is 0, or if `ids` has another length than `height * width`.
    #[must_use]
    pub fn new(width: usize, height: usize, ids: Vec<u16>) -> Self {
        assert!(width > 0 && height > 0, "a mask of {width}×{height} pixels");
        assert_eq!(
            ids.len(),
            width * height,
            "classes of a {width}×{height} mask"
        );
        Self { width, height, ids }
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

    /// Classes, `[height, width]` row-major.
    #[must_use]
    pub fn ids(&self) -> &[u16] {
        &self.ids
    }

    /// The mask at another size: every pixel has the class of the old pixel that its centre lies in, so that a mask stays
    /// where an image goes that is [resampled](crate::transform::resample).
    ///
    /// # Panics
    ///
    /// If a side is 0.
    #[must_use]
    pub fn resized(&self, width: usize, height: usize) -> Self {
        let nearest = |to: usize, from: usize| -> Vec<usize> {
            (0..to).map(|at| (2 * at + 1) * from / (2 * to)).collect()
        };
        self.picked(&nearest(width, self.width), &nearest(height, self.height))
    }

    /// The classes where these columns and rows meet.
    fn picked(&self, columns: &[usize], rows: &[usize]) -> Self {
        let row = |row: &usize| {
            let ids = &self.ids[row * self.width..][..self.width];
            columns
                .iter()
                .map(|&column| ids[column])
                .collect::<Vec<_>>()
        };
        Self::new(
            columns.len(),
            rows.len(),
            rows.iter().flat_map(row).collect(),
        )
    }

    /// The same in the way of OpenCV's `INTER_NEAREST`, which mmsegmentation uses: every pixel has the class of the old pixel that its
    /// upper left corner lies in.
    ///
    /// # Panics
    ///
    /// If a side is 0.
    #[must_use]
    pub fn resized_from_corners(&self, width: usize, height: usize) -> Self {
        let places = |to: usize, from: usize| -> Vec<usize> {
            // OpenCV divides twice, which is not always the same.
            let scale = 1.0 / (to as f64 / from as f64);
            (0..to)
                .map(|at| ((at as f64 * scale).floor() as usize).min(from - 1))
                .collect()
        };
        self.picked(&places(width, self.width), &places(height, self.height))
    }

    /// The mask inside a rectangle, which is inside the mask.
    #[must_use]
    pub fn cut(&self, region: Region) -> Self {
        let rows = self.ids.chunks_exact(self.width);
        let rows = rows.skip(region.top).take(region.height);
        let ids = rows.flat_map(|row| &row[region.left..][..region.width]);
        Self::new(region.width, region.height, ids.copied().collect())
    }

    /// The mask mirrored left to right.
    #[must_use]
    pub fn mirrored(&self) -> Self {
        let rows = self.ids.chunks_exact(self.width);
        let ids = rows.flat_map(|row| row.iter().rev()).copied().collect();
        Self::new(self.width, self.height, ids)
    }

    /// The mask in the upper left corner of a square of `side`; the rest is [`IGNORE`].
    ///
    /// # Panics
    ///
    /// If the mask does not fit.
    #[must_use]
    pub fn padded(&self, side: usize) -> Vec<u16> {
        let mut ids = vec![IGNORE; side * side];
        let rows = ids
            .chunks_exact_mut(side)
            .zip(self.ids.chunks_exact(self.width));
        for (to, from) in rows {
            to[..self.width].copy_from_slice(from);
        }
        ids
    }

    /// The share of the commonest class among the pixels that count, and 1 where none does.
    pub(crate) fn largest_share(&self) -> f64 {
        let mut counts = Vec::new();
        for &id in self.ids.iter().filter(|&&id| id != IGNORE) {
            let id = usize::from(id);
            if id >= counts.len() {
                counts.resize(id + 1, 0_usize);
            }
            counts[id] += 1;
        }
        let all: usize = counts.iter().sum();
        let most = counts.into_iter().max().unwrap_or(0);
        match all {
            0 => 1.0,
            all => most as f64 / all as f64,
        }
    }
}

/// An image and the class of each of its pixels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MaskSample {
    /// The image as stored, before any transform.
    pub image: PixelImage,
    /// As high and as wide as the image; classes are indices into [`SampleSet::classes`].
    pub mask: Mask,
}

/// A set of images with masks.
pub type MaskDataset = dyn SampleSet<MaskSample>;

/// The parts of a set of images with masks.
pub type MaskSplits = crate::Splits<MaskSample>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transform::golden::picture;

    fn numbered() -> Mask {
        Mask::new(3, 2, vec![0, 1, 2, 3, 4, 5])
    }

    #[test]
    fn the_nearest_pixel_is_the_one_below_the_centre() {
        assert_eq!(numbered().resized(3, 2), numbered());
        let doubled = numbered().resized(6, 4);
        assert_eq!(doubled.ids()[..12], [0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2]);
        assert_eq!(doubled.resized(3, 2), numbered());
        assert_eq!(numbered().resized(1, 1).ids(), [4]);
    }

    #[test]
    fn corners_choose_as_opencv_does() {
        let ids = (0..37 * 29).map(|at| at % 251).collect();
        let mask = Mask::new(37, 29, ids);
        for (width, height) in [(74, 58), (55, 43), (20, 50), (23, 18), (10, 8)] {
            let expected = picture(&format!(
                "segmentation_transforms/nearest_{width}x{height}.png"
            ));
            let resized = mask.resized_from_corners(width, height);
            let levels: Vec<u8> = resized.ids().iter().map(|&id| id as u8).collect();
            assert_eq!(levels, expected.data(), "{width}×{height}");
        }
    }

    #[test]
    fn what_is_cut_mirrored_and_padded_is_where_it_belongs() {
        let region = Region {
            left: 1,
            top: 0,
            width: 2,
            height: 2,
        };
        let part = numbered().cut(region);
        assert_eq!(part.ids(), [1, 2, 4, 5]);
        assert_eq!(part.mirrored().ids(), [2, 1, 5, 4]);
        let n = IGNORE;
        assert_eq!(part.padded(3), [1, 2, n, 4, 5, n, n, n, n]);
    }

    #[test]
    fn ignored_pixels_have_no_share() {
        let mask = Mask::new(5, 1, vec![7, 7, 2, IGNORE, IGNORE]);
        assert!((mask.largest_share() - 2.0 / 3.0).abs() < 1e-12);
        assert_eq!(Mask::new(1, 1, vec![IGNORE]).largest_share(), 1.0);
    }
}

//! To the square the network reads, keeping the aspect.

use std::borrow::Cow;

use super::{Interpolation, Region, resample};
use crate::vision::PixelImage;

/// Longer images are cropped to this aspect first, so that a strip one pixel wide does not become
/// gigabytes when its shorter side is brought to the network's size.
const LONGEST_ASPECT: usize = 16;

/// The central `size × size` pixels of `image` scaled until its shorter side is `shorter`, as Pillow and
/// torchvision do: the longer side is rounded down and half a pixel of crop offset goes to the even
/// neighbour.
///
/// Small images are enlarged. An image that is `size × size` already is returned as it is, and one whose
/// shorter side is `shorter` is only cropped.
///
/// # Panics
///
/// If `size` is 0 or larger than `shorter`.
#[must_use]
pub fn resize(
    image: &PixelImage,
    shorter: usize,
    size: usize,
    interpolation: Interpolation,
) -> Cow<'_, PixelImage> {
    assert!(0 < size && size <= shorter, "{size} of {shorter} pixels");
    let (width, height) = (image.width(), image.height());
    if (width, height) == (size, size) && shorter == size {
        return Cow::Borrowed(image);
    }
    let side = width.min(height);
    let longest = side.saturating_mul(LONGEST_ASPECT);
    let part = Region::centre(image, width.min(longest), height.min(longest));
    let scaled = |length: usize| match length == side {
        true => shorter,
        false => length * shorter / side,
    };
    let (width, height) = (scaled(part.width), scaled(part.height));
    let scaled = resample(image, part, width, height, interpolation);
    Cow::Owned(Region::centre(&scaled, size, size).cut(&scaled))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to_size(image: &PixelImage, size: usize) -> Cow<'_, PixelImage> {
        resize(image, size, size, Interpolation::Bicubic)
    }

    fn grey(width: usize, height: usize, data: Vec<u8>) -> PixelImage {
        PixelImage::new(width, height, 1, data)
    }

    #[test]
    fn an_image_of_the_right_size_is_untouched() {
        let image = grey(2, 2, vec![1, 2, 3, 4]);
        assert!(matches!(to_size(&image, 2), Cow::Borrowed(_)));
    }

    #[test]
    fn a_fitting_shorter_side_is_only_cropped() {
        let wide = grey(4, 2, (0..8).collect());
        assert_eq!(to_size(&wide, 2).data(), [1, 2, 5, 6]);
        // The offset 0.5 becomes 0, and 1.5 becomes 2.
        assert_eq!(
            to_size(&grey(3, 2, (0..6).collect()), 2).data(),
            [0, 1, 3, 4]
        );
        assert_eq!(
            to_size(&grey(2, 5, (0..10).collect()), 2).data(),
            [4, 5, 6, 7]
        );
    }

    #[test]
    fn a_flat_image_stays_flat_at_any_size() {
        let image = grey(7, 5, vec![93; 35]);
        for size in [1, 3, 8, 20] {
            let resized = to_size(&image, size);
            assert_eq!((resized.width(), resized.height()), (size, size));
            assert!(
                resized.data().iter().all(|&pixel| pixel == 93),
                "size {size}"
            );
        }
    }

    #[test]
    fn enlarging_twice_gives_the_weights_of_the_cubic() {
        // Each row is 0 0 160 160. The weights of the cubic with a = -1/2 for the distances 1/4, 3/4,
        // 5/4 and 7/4 are 111, 29, -9 and -3 of 128. The fourth new pixel is thus
        // 160 (29 - 3) / 128 = 32.5. At the border, weights are scaled to the sum 1: the sixth is
        // 160 (29 + 111) / (29 + 111 - 9) = 171. What falls below 0 is cut off.
        let image = grey(4, 4, [0, 0, 160, 160].repeat(4));
        let resized = to_size(&image, 8);
        assert_eq!(resized.data()[..8], [0, 0, 0, 33, 128, 171, 164, 160]);
    }

    #[test]
    fn halving_averages_a_checkerboard_away() {
        let cells = (0..64)
            .map(|at| if (at + at / 8) % 2 == 0 { 200 } else { 0 })
            .collect();
        let board = grey(8, 8, cells);
        let resized = to_size(&board, 4);
        // Away from the border the widened cubic weighs even and odd columns the same.
        assert_eq!([5, 6, 9, 10].map(|at| resized.data()[at]), [100; 4]);
    }

    #[test]
    fn an_extreme_strip_does_not_exhaust_the_memory() {
        let strip = grey(1, 1_000_000, vec![5; 1_000_000]);
        assert_eq!(to_size(&strip, 32).data(), [5; 1024]);
    }
}

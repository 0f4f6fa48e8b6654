//! To the square the network reads, keeping the aspect.

use std::borrow::Cow;

use image::DynamicImage;
use image::imageops::FilterType;

use crate::vision::PixelImage;

/// Longer images are cropped to this aspect first, so that a strip one pixel wide does not become
/// gigabytes when its shorter side is brought to the network's size.
const LONGEST_ASPECT: usize = 16;

/// The central `size × size` pixels of `image` scaled until its shorter side is `size`.
///
/// The scaling is bicubic (Catmull-Rom, a = -1/2), widened when it shrinks, as Pillow's; small
/// images are enlarged. As in torchvision, the longer side is rounded down and half a pixel of crop
/// offset goes to the even neighbour. An image that is `size × size` already is returned as it is,
/// and one whose shorter side is `size` is only cropped.
///
/// # Panics
///
/// If `size` is 0.
#[must_use]
pub fn resize(image: &PixelImage, size: usize) -> Cow<'_, PixelImage> {
    assert!(size > 0, "resize to 0 pixels");
    let (width, height) = (image.width(), image.height());
    if (width, height) == (size, size) {
        return Cow::Borrowed(image);
    }
    let shorter = width.min(height);
    let mut scaled = crop(image.clone().into(), shorter.saturating_mul(LONGEST_ASPECT));
    if shorter != size {
        let side = |length: u32| (length as usize * size / shorter) as u32;
        let (width, height) = (side(scaled.width()), side(scaled.height()));
        scaled = scaled.resize_exact(width, height, FilterType::CatmullRom);
    }
    Cow::Owned(crop(scaled, size).into())
}

/// The centre of `image`, at most `longest` pixels along each side.
fn crop(image: DynamicImage, longest: usize) -> DynamicImage {
    let (width, height) = (image.width(), image.height());
    let longest = u32::try_from(longest).unwrap_or(u32::MAX);
    if width <= longest && height <= longest {
        return image;
    }
    let (new_width, new_height) = (width.min(longest), height.min(longest));
    image.crop_imm(
        offset(width - new_width),
        offset(height - new_height),
        new_width,
        new_height,
    )
}

/// Half of what is cut away, to the even neighbour if that is not whole.
fn offset(excess: u32) -> u32 {
    (f64::from(excess) / 2.0).round_ties_even() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey(width: usize, height: usize, data: Vec<u8>) -> PixelImage {
        PixelImage::new(width, height, 1, data)
    }

    #[test]
    fn an_image_of_the_right_size_is_untouched() {
        let image = grey(2, 2, vec![1, 2, 3, 4]);
        assert!(matches!(resize(&image, 2), Cow::Borrowed(_)));
    }

    #[test]
    fn a_fitting_shorter_side_is_only_cropped() {
        let wide = grey(4, 2, (0..8).collect());
        assert_eq!(resize(&wide, 2).data(), [1, 2, 5, 6]);
        // The offset 0.5 becomes 0, and 1.5 becomes 2.
        assert_eq!(
            resize(&grey(3, 2, (0..6).collect()), 2).data(),
            [0, 1, 3, 4]
        );
        assert_eq!(
            resize(&grey(2, 5, (0..10).collect()), 2).data(),
            [4, 5, 6, 7]
        );
    }

    #[test]
    fn a_flat_image_stays_flat_at_any_size() {
        let image = grey(7, 5, vec![93; 35]);
        for size in [1, 3, 8, 20] {
            let resized = resize(&image, size);
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
        let resized = resize(&image, 8);
        assert_eq!(resized.data()[..8], [0, 0, 0, 33, 128, 171, 164, 160]);
    }

    #[test]
    fn halving_averages_a_checkerboard_away() {
        let cells = (0..64)
            .map(|at| if (at + at / 8) % 2 == 0 { 200 } else { 0 })
            .collect();
        let board = grey(8, 8, cells);
        let resized = resize(&board, 4);
        // Away from the border the widened cubic weighs even and odd columns the same.
        assert_eq!([5, 6, 9, 10].map(|at| resized.data()[at]), [100; 4]);
    }

    #[test]
    fn an_extreme_strip_does_not_exhaust_the_memory() {
        let strip = grey(1, 1_000_000, vec![5; 1_000_000]);
        assert_eq!(resize(&strip, 32).data(), [5; 1024]);
    }
}

//! Mirroring.

use crate::vision::PixelImage;

/// `image` mirrored left to right.
#[must_use]
pub fn horizontal(image: &PixelImage) -> PixelImage {
    let (width, channels) = (image.width(), image.channels());
    let mut data = Vec::with_capacity(image.data().len());
    for row in image.data().chunks_exact(width * channels) {
        data.extend(row.chunks_exact(channels).rev().flatten());
    }
    PixelImage::new(width, image.height(), channels, data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_swap_sides_and_keep_their_channels() {
        let rgb = PixelImage::new(2, 2, 3, (0..12).collect());
        let flipped = horizontal(&rgb);
        assert_eq!(flipped.data(), [3, 4, 5, 0, 1, 2, 9, 10, 11, 6, 7, 8]);
        assert_eq!(horizontal(&flipped), rgb);
    }
}

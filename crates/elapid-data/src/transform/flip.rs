//! Mirroring.

use crate::vision::PixelImage;

/// `image` mirrored left to right.
#[must_use]
pub fn horizontal(image: &PixelImage) -> PixelImage {
    let data = match image.channels() {
        1 => reversed::<1>(image),
        _ => reversed::<3>(image),
    };
    PixelImage::new(image.width(), image.height(), image.channels(), data)
}

fn reversed<const C: usize>(image: &PixelImage) -> Vec<u8> {
    let mut data = image.data().to_vec();
    for row in data.as_chunks_mut::<C>().0.chunks_exact_mut(image.width()) {
        row.reverse();
    }
    data
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

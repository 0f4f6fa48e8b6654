//! Grey to RGB and back.

use std::borrow::Cow;

use crate::vision::PixelImage;

/// `image` with `channels` channels: grey is repeated to RGB, RGB is reduced to its luma.
///
/// The luma is that of ITU-R BT.601, `0.299 R + 0.587 G + 0.114 B`, in the fixed-point weights that
/// Pillow uses.
///
/// # Panics
///
/// If `channels` is neither 1 nor 3.
#[must_use]
pub fn convert(image: &PixelImage, channels: usize) -> Cow<'_, PixelImage> {
    let data = match (image.channels(), channels) {
        (from, to) if from == to => return Cow::Borrowed(image),
        (1, 3) => {
            let colours = image.data().iter().map(|&grey| [grey; 3]);
            colours.collect::<Vec<_>>().into_flattened()
        }
        (3, 1) => image.data().as_chunks::<3>().0.iter().map(luma).collect(),
        _ => panic!("{channels} channels, expected 1 or 3"),
    };
    Cow::Owned(PixelImage::new(
        image.width(),
        image.height(),
        channels,
        data,
    ))
}

fn luma(&[red, green, blue]: &[u8; 3]) -> u8 {
    let sum = 19_595 * u32::from(red) + 38_470 * u32::from(green) + 7_471 * u32::from(blue);
    ((sum + (1 << 15)) >> 16) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grey_is_repeated() {
        let grey = PixelImage::new(2, 1, 1, vec![3, 250]);
        assert_eq!(convert(&grey, 3).data(), [3, 3, 3, 250, 250, 250]);
        assert!(matches!(convert(&grey, 1), Cow::Borrowed(_)));
    }

    #[test]
    fn colours_are_reduced_to_their_luma() {
        let rgb = [
            [255, 255, 255],
            [0, 0, 0],
            [255, 0, 0],
            [0, 255, 0],
            [0, 0, 255],
        ]
        .concat();
        let image = PixelImage::new(5, 1, 3, rgb);
        // 255 times 0.299, 0.587 and 0.114.
        assert_eq!(convert(&image, 1).data(), [255, 0, 76, 150, 29]);
    }
}

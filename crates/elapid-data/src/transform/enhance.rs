//! Blends with a plainer version of the image, equal to Pillow's `ImageEnhance`.
//!
//! In all of them a factor of 1 changes nothing, one below goes towards the plainer version, and one above
//! away from it.

use super::channels;
use super::tone::{mapped, table};
use crate::vision::PixelImage;

/// Blends with black.
#[must_use]
pub fn brightness(image: &PixelImage, factor: f32) -> PixelImage {
    mapped(image, &table(|level| blend(0, level, factor)))
}

/// Blends with the mean of the luma.
#[must_use]
pub fn contrast(image: &PixelImage, factor: f32) -> PixelImage {
    let luma = channels::convert(image, 1);
    let sum: u64 = luma.data().iter().map(|&level| u64::from(level)).sum();
    let mean = (sum as f64 / luma.data().len() as f64 + 0.5) as u8;
    mapped(image, &table(|level| blend(mean, level, factor)))
}

/// Blends with the luma; a grey image stays as it is.
#[must_use]
pub fn saturation(image: &PixelImage, factor: f32) -> PixelImage {
    if image.channels() == 1 {
        return image.clone();
    }
    let luma = channels::convert(image, 1);
    let mut data = image.data().to_vec();
    for (pixel, &luma) in data.as_chunks_mut::<3>().0.iter_mut().zip(luma.data()) {
        *pixel = pixel.map(|level| blend(luma, level, factor));
    }
    PixelImage::new(image.width(), image.height(), 3, data)
}

/// Blends with the image smoothed over 3×3 pixels, the centre weighing five times as much as each neighbour;
/// pixels at the border stay as they are.
#[must_use]
pub fn sharpness(image: &PixelImage, factor: f32) -> PixelImage {
    let (width, height, channels) = (image.width(), image.height(), image.channels());
    let (levels, length) = (image.data(), width * channels);
    let mut data = levels.to_vec();
    if width < 3 || height < 3 {
        return image.clone();
    }
    for y in 1..height - 1 {
        let [above, row, below] = [y - 1, y, y + 1].map(|y| &levels[y * length..][..length]);
        let out = &mut data[y * length + channels..][..length - 2 * channels];
        for (at, out) in out.iter_mut().enumerate() {
            let (left, centre, right) = (at, at + channels, at + 2 * channels);
            let column =
                |at: usize| u16::from(above[at]) + u16::from(row[at]) + u16::from(below[at]);
            let sum = column(left) + column(centre) + column(right) + 4 * u16::from(row[centre]);
            // A thirteenth, rounded.
            let smooth = (2 * sum + 13) / 26;
            *out = blend(smooth as u8, row[centre], factor);
        }
    }
    PixelImage::new(width, height, channels, data)
}

/// `plain + factor (level - plain)`, cut off to 0..255 and rounded down.
fn blend(plain: u8, level: u8, factor: f32) -> u8 {
    let (plain, level) = (f32::from(plain), f32::from(level));
    (plain + factor * (level - plain)) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_factor_of_one_changes_nothing() {
        let levels: Vec<u8> = (0..4 * 5 * 3).map(|at| (at * 37 % 256) as u8).collect();
        let image = PixelImage::new(5, 4, 3, levels);
        for enhance in [brightness, contrast, saturation, sharpness] {
            assert_eq!(enhance(&image, 1.0), image);
        }
    }

    #[test]
    fn a_factor_of_zero_leaves_the_plain_version() {
        let image = PixelImage::new(2, 1, 3, vec![255, 0, 0, 0, 0, 255]);
        assert_eq!(brightness(&image, 0.0).data(), [0; 6]);
        // Lumas 76 and 29, whose mean 52.5 is rounded up.
        assert_eq!(saturation(&image, 0.0).data(), [76, 76, 76, 29, 29, 29]);
        assert_eq!(contrast(&image, 0.0).data(), [53; 6]);
        let dot = PixelImage::new(3, 3, 1, vec![0, 0, 0, 0, 130, 0, 0, 0, 0]);
        assert_eq!(sharpness(&dot, 0.0).data()[4], 50);
        let small = PixelImage::new(2, 3, 1, vec![9; 6]);
        assert_eq!(sharpness(&small, 0.0), small);
    }
}

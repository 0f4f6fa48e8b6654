//! From bytes to normalised numbers.

use crate::vision::PixelImage;

/// `(value / 255 - mean) / std`, channel by channel.
///
/// # Shapes
///
/// - `image`: `[height, width, channels]`
/// - `mean`, `std`: `[channels]`, in units where white is 1
/// - result: `[channels, height, width]`
///
/// # Panics
///
/// If `mean` or `std` has another length than the image has channels.
#[must_use]
pub fn normalise(image: &PixelImage, mean: &[f32], std: &[f32]) -> Vec<f32> {
    let channels = image.channels();
    assert_eq!(
        (mean.len(), std.len()),
        (channels, channels),
        "means and deviations"
    );
    let mut values = Vec::with_capacity(image.data().len());
    for (channel, (mean, std)) in mean.iter().zip(std).enumerate() {
        let table: [f32; 256] = std::array::from_fn(|level| (level as f32 / 255.0 - mean) / std);
        match channels {
            1 => values.extend(image.data().iter().map(|&level| table[usize::from(level)])),
            _ => {
                let pixels = image.data().as_chunks::<3>().0.iter();
                values.extend(pixels.map(|pixel| table[usize::from(pixel[channel])]));
            }
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_normalised_and_channels_come_first() {
        let image = PixelImage::new(2, 1, 3, vec![0, 51, 102, 255, 204, 153]);
        let values = normalise(&image, &[0.5, 0.2, 0.0], &[0.5, 0.1, 1.0]);
        let expected: [f32; 6] = [-1.0, 1.0, 0.0, 6.0, 0.4, 0.6];
        for (value, expected) in values.iter().zip(expected) {
            // One rounding in each of three operations on numbers below 8.
            assert!((value - expected).abs() <= 3e-6, "{values:?}");
        }
    }

    #[test]
    #[should_panic(expected = "means and deviations")]
    fn one_mean_for_each_channel_is_needed() {
        let _ = normalise(&PixelImage::new(1, 1, 3, vec![0; 3]), &[0.0], &[1.0]);
    }
}

//! Spectrograms, and grids of patches over them.

use image::{Rgb, RgbImage};

/// A spectrogram in colours from dark blue (`range[0]` and below) to yellow (`range[1]` and above), a pixel a value, time from
/// left to right and low frequencies at the bottom.
///
/// # Panics
///
/// If `values`, `[frames, bins]`, are not whole frames.
pub fn spectrogram(values: &[f32], bins: usize, range: [f32; 2]) -> RgbImage {
    assert!(values.len().is_multiple_of(bins), "frames of a spectrogram");
    let frames = values.len() / bins;
    let [low, high] = range;
    RgbImage::from_fn(frames as u32, bins as u32, |x, y| {
        let value = values[x as usize * bins + (bins - 1 - y as usize)];
        colour((value - low) / (high - low).max(f32::MIN_POSITIVE))
    })
}

/// Smallest and largest value without the hundredth part at either end, so that one click does not darken everything.
pub fn usual_range(values: &[f32]) -> [f32; 2] {
    let mut sorted = values.to_vec();
    sorted.sort_by(f32::total_cmp);
    let at = |share: f64| {
        let place = (share * sorted.len().saturating_sub(1) as f64).round() as usize;
        sorted.get(place).copied().unwrap_or_default()
    };
    [at(0.01), at(0.99)]
}

/// The image with one colour over the patches of `side` pixels (height, width) that `hides` gives by row and column, counted from
/// the lowest frequency and the first frame.
pub fn with_hidden(
    mut image: RgbImage,
    side: [usize; 2],
    colour: Rgb<u8>,
    hides: impl Fn(usize, usize) -> bool,
) -> RgbImage {
    let height = image.height() as usize;
    for (x, y, pixel) in image.enumerate_pixels_mut() {
        let (row, column) = ((height - 1 - y as usize) / side[0], x as usize / side[1]);
        if hides(row, column) {
            *pixel = colour;
        }
    }
    image
}

/// A colour scale whose lightness rises all the way, so that it reads in grey too; `at` is clamped to 0..1.
fn colour(at: f32) -> Rgb<u8> {
    const STOPS: [[f32; 3]; 5] = [
        [13.0, 8.0, 60.0],
        [94.0, 20.0, 130.0],
        [190.0, 55.0, 100.0],
        [240.0, 140.0, 50.0],
        [250.0, 240.0, 130.0],
    ];
    let at = if at.is_nan() { 0.0 } else { at.clamp(0.0, 1.0) } * (STOPS.len() - 1) as f32;
    let stop = (at as usize).min(STOPS.len() - 2);
    let share = at - stop as f32;
    let mixed = |channel: usize| {
        let (from, to) = (STOPS[stop][channel], STOPS[stop + 1][channel]);
        (from + share * (to - from)).round() as u8
    };
    Rgb([mixed(0), mixed(1), mixed(2)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lightness(pixel: &Rgb<u8>) -> f32 {
        let [r, g, b] = pixel.0.map(f32::from);
        0.299 * r + 0.587 * g + 0.114 * b
    }

    #[test]
    fn time_runs_right_and_frequency_up() {
        // Two frames of three bins; the loudest value is the highest bin of the last frame.
        let image = spectrogram(&[0.0, 0.0, 0.0, 0.5, 0.0, 1.0], 3, [0.0, 1.0]);
        assert_eq!(image.dimensions(), (2, 3));
        assert!(lightness(image.get_pixel(1, 0)) > lightness(image.get_pixel(1, 2)));
        assert!(lightness(image.get_pixel(1, 2)) > lightness(image.get_pixel(0, 2)));
    }

    #[test]
    fn louder_is_lighter_and_nothing_is_out_of_range() {
        let shades: Vec<f32> = (0..=20)
            .map(|at| lightness(&colour(at as f32 / 20.0)))
            .collect();
        assert!(shades.is_sorted());
        assert_eq!(colour(-1.0), colour(0.0));
        assert_eq!(colour(f32::NAN), colour(0.0));
        assert_eq!(colour(9.0), colour(1.0));
    }

    #[test]
    fn patches_are_counted_from_the_lowest_frequency() {
        let image = spectrogram(&[0.0; 16], 4, [0.0, 1.0]);
        let mark = Rgb([1, 2, 3]);
        let marked = with_hidden(image, [2, 2], mark, |row, column| (row, column) == (0, 1));
        assert_eq!(marked.get_pixel(2, 2), &mark);
        assert_eq!(marked.get_pixel(3, 3), &mark);
        assert_ne!(marked.get_pixel(2, 1), &mark);
        assert_ne!(marked.get_pixel(1, 3), &mark);
    }

    #[test]
    fn outliers_do_not_stretch_the_range() {
        let mut values = vec![0.0; 199];
        values.extend([5.0, 1e6]);
        values.extend(vec![1.0; 199]);
        assert_eq!(usual_range(&values), [0.0, 1.0]);
        assert_eq!(usual_range(&[]), [0.0, 0.0]);
    }
}

//! Shift, rotation and zoom in one warp.

use rand_chacha::ChaCha8Rng;

use super::Augment;
use crate::random::{symmetric, whole_symmetric};
use crate::vision::PixelImage;

/// A rotation and zoom about the centre of an image, followed by a shift.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Affine {
    /// Pixels to the right.
    pub right: f32,
    /// Pixels down.
    pub down: f32,
    /// Degrees counter-clockwise.
    pub degrees: f32,
    /// Factor above 0; above 1 enlarges.
    pub zoom: f32,
}

impl Affine {
    /// Changes nothing.
    pub const IDENTITY: Self = Self {
        right: 0.0,
        down: 0.0,
        degrees: 0.0,
        zoom: 1.0,
    };

    /// Uniform draws from the ranges of `augment`; the shifts are whole pixels.
    #[must_use]
    pub fn draw(augment: &Augment, rng: &mut ChaCha8Rng) -> Self {
        Self {
            right: whole_symmetric(rng, augment.shift) as f32,
            down: whole_symmetric(rng, augment.shift) as f32,
            degrees: symmetric(rng, augment.rotate),
            zoom: 1.0 + symmetric(rng, augment.scale),
        }
    }

    /// The warped image, of the same size.
    ///
    /// Every pixel is interpolated bilinearly between the four around its origin, where what lies
    /// outside of the image is 0, and rounded. A shift by whole pixels copies them exactly.
    #[must_use]
    pub fn apply(&self, image: &PixelImage) -> PixelImage {
        let (width, height, channels) = (image.width(), image.height(), image.channels());
        let (centre_x, centre_y) = ((width - 1) as f32 / 2.0, (height - 1) as f32 / 2.0);
        let (sin, cos) = self.degrees.to_radians().sin_cos();
        let mut data = vec![0; image.data().len()];
        for (at, pixel) in data.chunks_exact_mut(channels).enumerate() {
            let x = (at % width) as f32 - centre_x - self.right;
            let y = (at / width) as f32 - centre_y - self.down;
            let from_x = (x * cos - y * sin) / self.zoom + centre_x;
            let from_y = (x * sin + y * cos) / self.zoom + centre_y;
            interpolate(image, from_x, from_y, pixel);
        }
        PixelImage::new(width, height, channels, data)
    }
}

/// Writes all channels of `image` at a position between its pixels; leaves 0 where none is near.
pub(super) fn interpolate(image: &PixelImage, x: f32, y: f32, pixel: &mut [u8]) {
    let (width, height) = (image.width() as f32, image.height() as f32);
    if !(x > -1.0 && x < width && y > -1.0 && y < height) {
        return;
    }
    let (left, top) = (x.floor(), y.floor());
    let (right_weight, bottom_weight) = (x - left, y - top);
    let corners = [
        (left, top, (1.0 - right_weight) * (1.0 - bottom_weight)),
        (left + 1.0, top, right_weight * (1.0 - bottom_weight)),
        (left, top + 1.0, (1.0 - right_weight) * bottom_weight),
        (left + 1.0, top + 1.0, right_weight * bottom_weight),
    ];
    let mut sums = [0.5; 3];
    for (x, y, weight) in corners {
        if x >= 0.0 && x < width && y >= 0.0 && y < height {
            let start = (y as usize * image.width() + x as usize) * pixel.len();
            for (sum, &value) in sums.iter_mut().zip(&image.data()[start..][..pixel.len()]) {
                *sum += weight * f32::from(value);
            }
        }
    }
    for (value, sum) in pixel.iter_mut().zip(sums) {
        *value = sum as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::stream;

    fn numbered() -> PixelImage {
        PixelImage::new(3, 3, 1, (1..10).collect())
    }

    fn warped(affine: Affine) -> Vec<u8> {
        affine.apply(&numbered()).data().to_vec()
    }

    #[test]
    fn whole_shifts_are_exact_and_fill_with_zero() {
        let moved = warped(Affine {
            right: 1.0,
            down: -1.0,
            ..Affine::IDENTITY
        });
        assert_eq!(moved, [0, 4, 5, 0, 7, 8, 0, 0, 0]);
        assert_eq!(
            warped(Affine {
                right: 3.0,
                ..Affine::IDENTITY
            }),
            [0; 9]
        );

        let data: Vec<u8> = (0..240 * 224 * 3).map(|at| (at * 31 % 256) as u8).collect();
        let image = PixelImage::new(240, 224, 3, data);
        let moved = Affine {
            right: 7.0,
            down: 5.0,
            ..Affine::IDENTITY
        }
        .apply(&image);
        let row = |image: &PixelImage, y: usize| image.data()[y * 720..][..720].to_vec();
        for y in 5..224 {
            assert_eq!(row(&moved, y)[21..], row(&image, y - 5)[..699]);
            assert!(row(&moved, y)[..21].iter().all(|&value| value == 0));
        }
    }

    #[test]
    fn the_identity_changes_nothing() {
        assert_eq!(Affine::IDENTITY.apply(&numbered()), numbered());
    }

    #[test]
    fn half_a_pixel_averages_neighbours() {
        let moved = warped(Affine {
            right: 0.5,
            ..Affine::IDENTITY
        });
        // 0.5, 1.5 and 2.5 are rounded up.
        assert_eq!(moved[..3], [1, 2, 3]);
    }

    #[test]
    fn rotation_is_counter_clockwise_about_the_centre() {
        let quarter = warped(Affine {
            degrees: 90.0,
            ..Affine::IDENTITY
        });
        assert_eq!(quarter, [3, 6, 9, 2, 5, 8, 1, 4, 7]);
        let half = warped(Affine {
            degrees: 180.0,
            ..Affine::IDENTITY
        });
        assert_eq!(half, [9, 8, 7, 6, 5, 4, 3, 2, 1]);
    }

    #[test]
    fn zoom_keeps_the_centre() {
        let image = PixelImage::new(5, 1, 1, vec![0, 40, 80, 120, 160]);
        let enlarged = Affine {
            zoom: 2.0,
            ..Affine::IDENTITY
        }
        .apply(&image);
        assert_eq!(enlarged.data(), [40, 60, 80, 100, 120]);
        let shrunk = Affine {
            zoom: 0.5,
            ..Affine::IDENTITY
        }
        .apply(&image);
        assert_eq!(shrunk.data(), [0, 0, 80, 160, 0]);
    }

    #[test]
    fn draws_fill_their_ranges() {
        let augment = Augment {
            shift: 2,
            rotate: 10.0,
            scale: 0.25,
            ..Augment::default()
        };
        let mut rng = stream(0, &[]);
        let draws: Vec<_> = (0..500).map(|_| Affine::draw(&augment, &mut rng)).collect();
        assert!(
            draws
                .iter()
                .all(|d| d.right.abs() <= 2.0 && d.right.fract() == 0.0)
        );
        assert!(
            draws
                .iter()
                .all(|d| d.degrees.abs() <= 10.0 && (d.zoom - 1.0).abs() <= 0.25)
        );
        assert!(draws.iter().any(|d| d.down == -2.0) && draws.iter().any(|d| d.down == 2.0));
        assert!(draws.iter().any(|d| d.degrees > 9.0) && draws.iter().any(|d| d.zoom < 0.8));
    }
}

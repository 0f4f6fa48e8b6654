//! Elastic deformation: handwriting and soft shapes, stretched locally.

use rand_chacha::ChaCha8Rng;

use super::affine::interpolate;
use crate::random::symmetric;
use crate::vision::PixelImage;

/// Control points along each side of the image.
const POINTS: usize = 4;

/// A displacement at every point of a 4×4 grid that spans the image, interpolated bilinearly in
/// between: a coarse form of the elastic distortions of Simard, Steinkraus and Platt (2003).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Elastic {
    /// Pixels right and down, `[row][column]`.
    displacements: [[[f32; 2]; POINTS]; POINTS],
}

impl Elastic {
    /// Independent displacements, uniform up to `bound` pixels along each axis.
    #[must_use]
    pub fn draw(bound: f32, rng: &mut ChaCha8Rng) -> Self {
        let mut displacements = [[[0.0; 2]; POINTS]; POINTS];
        for value in displacements.iter_mut().flatten().flatten() {
            *value = symmetric(rng, bound);
        }
        Self { displacements }
    }

    /// The deformed image, of the same size; what lies outside of the image is 0.
    #[must_use]
    pub fn apply(&self, image: &PixelImage) -> PixelImage {
        let (width, height, channels) = (image.width(), image.height(), image.channels());
        let mut data = vec![0; image.data().len()];
        for (at, pixel) in data.chunks_exact_mut(channels).enumerate() {
            let (x, y) = ((at % width) as f32, (at / width) as f32);
            let [right, down] = self.displacement(share(x, width), share(y, height));
            interpolate(image, x + right, y + down, pixel);
        }
        PixelImage::new(width, height, channels, data)
    }

    /// The displacement at a place given in shares of the width and height.
    fn displacement(&self, x: f32, y: f32) -> [f32; 2] {
        let cell = |share: f32| {
            let at = share * (POINTS - 1) as f32;
            let low = (at as usize).min(POINTS - 2);
            (low, at - low as f32)
        };
        let ((column, right), (row, below)) = (cell(x), cell(y));
        std::array::from_fn(|axis| {
            let at = |row: usize, column: usize| self.displacements[row][column][axis];
            let top = at(row, column) * (1.0 - right) + at(row, column + 1) * right;
            let bottom = at(row + 1, column) * (1.0 - right) + at(row + 1, column + 1) * right;
            top * (1.0 - below) + bottom * below
        })
    }
}

/// Position `at` as a share of an axis of `len` pixels.
fn share(at: f32, len: usize) -> f32 {
    at / (len.max(2) - 1) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::stream;

    fn uniform(right: f32, down: f32) -> Elastic {
        Elastic {
            displacements: [[[right, down]; POINTS]; POINTS],
        }
    }

    #[test]
    fn equal_displacements_are_a_shift() {
        let image = PixelImage::new(3, 3, 1, (1..10).collect());
        assert_eq!(
            uniform(1.0, 0.0).apply(&image).data(),
            [2, 3, 0, 5, 6, 0, 8, 9, 0]
        );
        assert_eq!(uniform(0.0, 0.0).apply(&image), image);
    }

    #[test]
    fn displacements_are_interpolated_between_control_points() {
        let mut elastic = uniform(0.0, 0.0);
        elastic.displacements[0][0] = [4.0, 2.0];
        assert_eq!(elastic.displacement(0.0, 0.0), [4.0, 2.0]);
        assert_eq!(elastic.displacement(1.0 / 6.0, 0.0), [2.0, 1.0]);
        assert_eq!(elastic.displacement(1.0, 1.0), [0.0, 0.0]);
    }

    #[test]
    fn draws_stay_within_their_bound_and_one_pixel_is_no_special_case() {
        let elastic = Elastic::draw(1.5, &mut stream(0, &[]));
        assert!(
            elastic
                .displacements
                .iter()
                .flatten()
                .flatten()
                .all(|d| d.abs() <= 1.5)
        );
        let dot = PixelImage::new(1, 1, 1, vec![200]);
        assert_eq!(uniform(0.0, 0.0).apply(&dot), dot);
    }
}

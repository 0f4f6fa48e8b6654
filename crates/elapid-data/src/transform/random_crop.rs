//! Random resized crops (Szegedy et al., arXiv:1409.4842), drawn as timm and torchvision do.

use rand_chacha::ChaCha8Rng;

use super::Region;
use super::pipeline::require;
use crate::error::DataError;
use crate::random::{below, unit64};

/// Attempts to find a rectangle that fits before the largest central one is taken.
const ATTEMPTS: usize = 10;

/// What part of an image becomes the network's input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RandomCrop {
    /// Smallest and largest share of the image's area, drawn uniformly.
    pub area: [f64; 2],
    /// Smallest and largest width divided by height, drawn uniformly on a logarithmic scale.
    pub aspect: [f64; 2],
}

impl RandomCrop {
    /// A part of an image of `width × height` pixels.
    #[must_use]
    pub fn draw(&self, width: usize, height: usize, rng: &mut ChaCha8Rng) -> Region {
        for _ in 0..ATTEMPTS {
            let draws = [unit64(rng), unit64(rng)];
            if let Some((part_width, part_height)) = self.size(width, height, draws) {
                return Region {
                    left: below(rng, width - part_width + 1),
                    top: below(rng, height - part_height + 1),
                    width: part_width,
                    height: part_height,
                };
            }
        }
        self.central(width, height)
    }

    /// Refuses ranges that no part could be drawn from.
    pub(super) fn check(&self) -> Result<(), DataError> {
        let [smallest, largest] = self.area;
        let is_area = 0.0 < smallest && smallest <= largest && largest <= 1.0;
        let range = |[low, high]: [f64; 2]| format!("[{low}, {high}]");
        let expected = "two shares above 0 and at most 1, the smaller first";
        require(is_area, "augment.crop_area", range(self.area), expected)?;
        let [narrowest, widest] = self.aspect;
        let is_aspect = 0.0 < narrowest && narrowest <= widest && widest.is_finite();
        let expected = "two numbers above 0, the smaller first";
        require(
            is_aspect,
            "augment.crop_aspect",
            range(self.aspect),
            expected,
        )
    }

    /// Sides of a part whose area and aspect lie at the given places of their ranges, if it fits.
    fn size(
        &self,
        width: usize,
        height: usize,
        [area, aspect]: [f64; 2],
    ) -> Option<(usize, usize)> {
        let area = between(self.area, area) * (width * height) as f64;
        let aspect = between(self.aspect.map(f64::ln), aspect).exp();
        let side = |square: f64| (square.sqrt().round_ties_even() as usize).max(1);
        let (part_width, part_height) = (side(area * aspect), side(area / aspect));
        (part_width <= width && part_height <= height).then_some((part_width, part_height))
    }

    /// The largest part in the middle of the image with an aspect inside the range.
    fn central(&self, width: usize, height: usize) -> Region {
        let [narrowest, widest] = self.aspect;
        let aspect = width as f64 / height as f64;
        let side = |length: f64| (length.round_ties_even() as usize).max(1);
        let (part_width, part_height) = if aspect < narrowest {
            (width, side(width as f64 / narrowest).min(height))
        } else if aspect > widest {
            (side(height as f64 * widest).min(width), height)
        } else {
            (width, height)
        };
        Region {
            left: (width - part_width) / 2,
            top: (height - part_height) / 2,
            width: part_width,
            height: part_height,
        }
    }
}

fn between([low, high]: [f64; 2], share: f64) -> f64 {
    low + share * (high - low)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::random::stream;
    use crate::transform::golden::{cases, picture, slices};
    use crate::transform::{Interpolation, resample};

    const IMAGENET: RandomCrop = RandomCrop {
        area: [0.08, 1.0],
        aspect: [3.0 / 4.0, 4.0 / 3.0],
    };

    #[derive(Deserialize)]
    struct Case {
        image: [usize; 2],
        draws: [f64; 2],
        region: Recorded,
    }

    #[derive(Deserialize)]
    struct Recorded {
        left: usize,
        top: usize,
        width: usize,
        height: usize,
    }

    #[test]
    fn sizes_and_the_way_out_are_those_of_timm() {
        for case in cases::<Case>("transforms/crop_sizes.json") {
            let [width, height] = case.image;
            let Recorded {
                left,
                top,
                width: part_width,
                height: part_height,
            } = case.region;
            let ours = match IMAGENET.size(width, height, case.draws) {
                // The recording put every part at the top left.
                Some((width, height)) => Region {
                    left: 0,
                    top: 0,
                    width,
                    height,
                },
                None => IMAGENET.central(width, height),
            };
            let expected = Region {
                left,
                top,
                width: part_width,
                height: part_height,
            };
            assert_eq!(ours, expected, "{:?} {:?}", case.image, case.draws);
        }
    }

    #[test]
    fn crops_give_the_pixels_of_torchvision() {
        let boxes = [
            (0, 0, 29, 37),
            (3, 5, 20, 11),
            (10, 2, 6, 30),
            (28, 36, 1, 1),
            (0, 13, 29, 24),
        ];
        for name in ["scene", "noise", "grey"] {
            let image = picture(&format!("transforms/{name}.png"));
            let recorded = slices(&format!("transforms/resized_crop_{name}.png"), boxes.len());
            for ((top, left, height, width), expected) in boxes.into_iter().zip(recorded) {
                let region = Region {
                    left,
                    top,
                    width,
                    height,
                };
                let ours = resample(&image, region, 16, 16, Interpolation::Bicubic);
                assert_eq!(ours, expected, "{region:?} of {name}");
            }
        }
    }

    #[test]
    fn draws_are_inside_and_uniform() {
        let mut rng = stream(6, &[]);
        let regions: Vec<Region> = (0..4000)
            .map(|_| IMAGENET.draw(500, 500, &mut rng))
            .collect();
        let fits = |region: &Region| {
            region.left + region.width <= 500 && region.top + region.height <= 500
        };
        assert!(regions.iter().all(fits));
        let area = |region: &Region| (region.width * region.height) as f64 / 250_000.0;
        let aspect = |region: &Region| region.width as f64 / region.height as f64;
        // Sides are rounded to whole pixels, and the shortest is 122.
        assert!(
            regions
                .iter()
                .all(|region| (0.079..=1.0).contains(&area(region)))
        );
        assert!(
            regions
                .iter()
                .all(|region| (0.74..1.345).contains(&aspect(region)))
        );
        // Up to three quarters of the area every aspect fits, so that areas there are uniform.
        let between = |low: f64, high: f64| {
            regions
                .iter()
                .filter(|region| (low..high).contains(&area(region)))
                .count()
        };
        let (lower, upper) = (between(0.1, 0.4), between(0.4, 0.7));
        assert!(lower.abs_diff(upper) < 250, "{lower} {upper}");
        let wide = regions
            .iter()
            .filter(|region| region.width > region.height)
            .count();
        assert!(wide.abs_diff(2000) < 200, "{wide}");
        let left = regions
            .iter()
            .filter(|region| region.left * 2 < 500 - region.width)
            .count();
        assert!(left.abs_diff(2000) < 250, "{left}");
    }

    #[test]
    fn images_of_any_shape_have_a_part() {
        let mut rng = stream(7, &[]);
        for (width, height) in [(1, 1), (1, 5000), (5000, 1), (2, 3)] {
            for _ in 0..50 {
                let part = IMAGENET.draw(width, height, &mut rng);
                assert!(
                    part.width > 0 && part.left + part.width <= width,
                    "{part:?}"
                );
                assert!(
                    part.height > 0 && part.top + part.height <= height,
                    "{part:?}"
                );
            }
        }
    }
}

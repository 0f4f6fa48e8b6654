//! Random erasing (Zhong et al., arXiv:1708.04896): a rectangle of normal noise, one draw a value, over the
//! normalised image; `RandomErasing(mode = "pixel")` of timm.

use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::Region;
use crate::random::{below, unit64};

/// Smallest and largest share of the image's area.
const AREA: [f64; 2] = [0.02, 1.0 / 3.0];

/// Smallest height divided by width; the largest is its inverse.
const ASPECT: f64 = 0.3;

/// Attempts to find a rectangle that fits before the image is left as it is.
const ATTEMPTS: usize = 10;

/// What is erased of an image of `width × height` pixels; none with probability `1 - probability`.
#[must_use]
pub fn draw(probability: f64, width: usize, height: usize, rng: &mut ChaCha8Rng) -> Option<Region> {
    if unit64(rng) >= probability {
        return None;
    }
    (0..ATTEMPTS).find_map(|_| {
        let draws = [unit64(rng), unit64(rng)];
        size(width, height, draws).map(|(part_width, part_height)| Region {
            top: below(rng, height - part_height + 1),
            left: below(rng, width - part_width + 1),
            width: part_width,
            height: part_height,
        })
    })
}

/// Sides of a part whose area and aspect lie at the given places of their ranges, if it is smaller than the image.
fn size(width: usize, height: usize, [area, aspect]: [f64; 2]) -> Option<(usize, usize)> {
    let area = (AREA[0] + area * (AREA[1] - AREA[0])) * (width * height) as f64;
    let (low, high) = (ASPECT.ln(), (1.0 / ASPECT).ln());
    let aspect = (low + aspect * (high - low)).exp();
    let side = |square: f64| square.sqrt().round_ties_even() as usize;
    let (part_width, part_height) = (side(area / aspect), side(area * aspect));
    (part_width < width && part_height < height).then_some((part_width, part_height))
}

/// Overwrites `region` of all channels with values from `noise`.
///
/// # Shapes
///
/// - `values`: `[channels, height, width]`, of which `height` and `width` are given
pub fn apply(
    values: &mut [f32],
    width: usize,
    height: usize,
    region: Region,
    mut noise: impl FnMut() -> f32,
) {
    for plane in values.chunks_exact_mut(width * height) {
        for row in plane
            .chunks_exact_mut(width)
            .skip(region.top)
            .take(region.height)
        {
            row[region.left..][..region.width].fill_with(&mut noise);
        }
    }
}

/// Standard normal values, by the fast method of a library: an erased image takes some 27,000.
pub fn noise(rng: &mut ChaCha8Rng) -> impl FnMut() -> f32 {
    || StandardNormal.sample(rng)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::random::stream;
    use crate::transform::golden::cases;

    #[derive(Deserialize)]
    struct Case {
        image: [usize; 2],
        draws: [f64; 2],
        region: Recorded,
    }

    #[derive(Deserialize)]
    struct Recorded {
        width: usize,
        height: usize,
    }

    #[test]
    fn sizes_are_those_of_timm() {
        for case in cases::<Case>("transforms/erased_sizes.json") {
            let [width, height] = case.image;
            // What does not fit in any attempt is recorded as nothing erased.
            let ours = size(width, height, case.draws).unwrap_or((0, 0));
            let expected = (case.region.width, case.region.height);
            assert_eq!(ours, expected, "{:?} {:?}", case.image, case.draws);
        }
    }

    #[test]
    fn what_is_inside_is_replaced_in_all_channels() {
        let mut values = vec![0.0; 2 * 3 * 4];
        let region = Region {
            left: 1,
            top: 1,
            width: 2,
            height: 2,
        };
        let mut next = 0.0;
        apply(&mut values, 4, 3, region, || {
            next += 1.0;
            next
        });
        let plane = |first: f32| {
            let row = |x: f32| [0.0, x, x + 1.0, 0.0];
            [[0.0; 4], row(first), row(first + 2.0)].concat()
        };
        assert_eq!(values, [plane(1.0), plane(5.0)].concat());
    }

    #[test]
    fn draws_keep_to_probability_and_bounds() {
        let mut rng = stream(8, &[]);
        let regions: Vec<Region> = (0..8000)
            .filter_map(|_| draw(0.25, 224, 200, &mut rng))
            .collect();
        // Five standard deviations are 194.
        assert!(regions.len().abs_diff(2000) < 194, "{}", regions.len());
        for region in &regions {
            assert!(region.left + region.width <= 224 && region.top + region.height <= 200);
            let share = (region.width * region.height) as f64 / (224.0 * 200.0);
            assert!((0.019..0.336).contains(&share), "{share}");
            let aspect = region.height as f64 / region.width as f64;
            assert!((0.28..3.6).contains(&aspect), "{aspect}");
        }
        assert_eq!(draw(0.0, 224, 224, &mut rng), None);
        assert!((0..100).all(|_| draw(1.0, 224, 224, &mut rng).is_some()));
        // Of a single pixel there is nothing to erase.
        let drawn = draw(1.0, 1, 1, &mut rng);
        assert!(drawn.is_none_or(|region| region.width * region.height == 0));
    }

    #[test]
    fn noise_is_standard_normal() {
        let mut rng = stream(9, &[]);
        let mut noise = noise(&mut rng);
        let values: Vec<f64> = (0..40_000).map(|_| f64::from(noise())).collect();
        let mean = values.iter().sum::<f64>() / 40_000.0;
        let variance = values.iter().map(|x| x * x).sum::<f64>() / 40_000.0 - mean * mean;
        assert!(
            mean.abs() < 0.025 && (variance - 1.0).abs() < 0.036,
            "{mean} {variance}"
        );
        let beyond = values.iter().filter(|x| x.abs() > 1.959_964).count();
        // One in twenty: five standard deviations are 218.
        assert!(beyond.abs_diff(2000) < 218, "{beyond}");
    }
}

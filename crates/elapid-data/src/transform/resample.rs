//! Pillow's resampling: two passes of 8-bit fixed point.

use pulp::{Arch, NullaryFnOnce};

use super::Region;
use crate::vision::PixelImage;

/// Bits behind the point of a coefficient: a sum of products with bytes, overshoot included, fits in 32.
const PRECISION: u32 = 22;

/// One half, so that the shift at the end rounds.
const HALF: i32 = 1 << (PRECISION - 1);

/// How a pixel between pixels is computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Interpolation {
    /// A triangle one pixel wide each way.
    Bilinear,
    /// The same, not widened where an axis shrinks, so that pixels are passed over: OpenCV's `INTER_LINEAR`, which mmsegmentation
    /// uses. Levels differ by 1 at most, because each pass is rounded; halving both axes, for which OpenCV takes means, is the same.
    Linear,
    /// Keys' cubic with a = -1/2, two pixels wide each way.
    #[default]
    Bicubic,
}

impl Interpolation {
    /// Pixels from the centre to where the weight is 0.
    fn support(self) -> f64 {
        match self {
            Self::Bilinear | Self::Linear => 1.0,
            Self::Bicubic => 2.0,
        }
    }

    /// Whether the filter becomes wider by the factor that an axis shrinks.
    fn widens(self) -> bool {
        self != Self::Linear
    }

    /// Weight at a distance in pixels.
    fn weight(self, distance: f64) -> f64 {
        const A: f64 = -0.5;
        let x = distance.abs();
        match self {
            Self::Bilinear | Self::Linear if x < 1.0 => 1.0 - x,
            Self::Bicubic if x < 1.0 => ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0,
            Self::Bicubic if x < 2.0 => (((x - 5.0) * x + 8.0) * x - 4.0) * A,
            _ => 0.0,
        }
    }
}

/// `region` of `image`, scaled to `width × height`.
///
/// Equal, bit for bit, to Pillow's `image.crop(region).resize((width, height))`: rows first, each pass
/// rounded to bytes, the filter widened by the factor that an axis shrinks. An axis that keeps its length
/// is copied. (Pillow 13 runs the passes the other way round where the height shrinks much more than the width, which
/// moves some levels by 1; this is the order of all versions before.)
///
/// # Panics
///
/// If the region is empty or not inside the image, or a side of the result is 0.
#[must_use]
pub fn resample(
    image: &PixelImage,
    region: Region,
    width: usize,
    height: usize,
    interpolation: Interpolation,
) -> PixelImage {
    assert!(width > 0 && height > 0, "resize to {width}×{height} pixels");
    region.assert_inside(image);
    let channels = image.channels();
    let across: Vec<u8> = if region.width == width {
        region.rows(image).collect::<Vec<_>>().concat()
    } else {
        let mut out = vec![0; region.height * width * channels];
        Arch::new().dispatch(Across {
            taps: &Taps::new(region.width, width, interpolation),
            image,
            region,
            out: &mut out,
        });
        out
    };
    if region.height == height {
        return PixelImage::new(width, height, channels, across);
    }
    let taps = Taps::new(region.height, height, interpolation);
    let mut data = vec![0; height * width * channels];
    Arch::new().dispatch(Down {
        taps: &taps,
        rows: &across,
        out: &mut data,
        length: width * channels,
    });
    PixelImage::new(width, height, channels, data)
}

/// What each place of one axis of the result is summed from.
struct Taps {
    /// First place of the source, and how many follow.
    spans: Vec<(usize, usize)>,
    /// Fixed-point weights, those of one span behind those of another.
    weights: Vec<i32>,
}

impl Taps {
    fn new(from: usize, to: usize, interpolation: Interpolation) -> Self {
        let scale = from as f64 / to as f64;
        let widening = match interpolation.widens() {
            true => scale.max(1.0),
            false => 1.0,
        };
        let reach = interpolation.support() * widening;
        let (mut spans, mut weights) = (Vec::with_capacity(to), Vec::new());
        let mut exact = Vec::new();
        for place in 0..to {
            let centre = (place as f64 + 0.5) * scale;
            // The casts round towards 0, which for what lies before the edge is the edge.
            let first = (centre - reach + 0.5) as usize;
            let end = ((centre + reach + 0.5) as usize).min(from);
            exact.clear();
            exact.extend((first..end).map(|at| {
                let distance = (at as f64 - centre + 0.5) * (1.0 / widening);
                interpolation.weight(distance)
            }));
            let sum: f64 = exact.iter().sum();
            weights.extend(exact.iter().map(|weight| fixed(weight * (1.0 / sum))));
            spans.push((first, end - first));
        }
        Self { spans, weights }
    }

    /// First place and weights of each place of the result, in order.
    fn iter(&self) -> impl Iterator<Item = (usize, &[i32])> {
        let mut weights = self.weights.as_slice();
        self.spans.iter().map(move |&(first, count)| {
            let (own, rest) = weights.split_at(count);
            weights = rest;
            (first, own)
        })
    }
}

/// A weight in fixed point, rounded half away from 0.
fn fixed(weight: f64) -> i32 {
    (weight * f64::from(1 << PRECISION)).round() as i32
}

fn to_byte(sum: i32) -> u8 {
    (sum >> PRECISION).clamp(0, 255) as u8
}

/// Values that are summed at a time: four of the widest vectors.
const BLOCK: usize = 64;

/// Adds rows of a block, each times its weight, to `sums`: four at a time, so that the sums leave the registers for every fourth only.
#[inline(always)]
fn add_rows<'a, T: Copy + Into<i32> + 'a, const N: usize>(
    sums: &mut [i32; N],
    weights: &[i32],
    row: impl Fn(usize) -> &'a [T; N],
) {
    let (fours, rest) = weights.as_chunks::<4>();
    for (at, [w1, w2, w3, w4]) in fours.iter().enumerate() {
        let rows = (
            row(4 * at),
            row(4 * at + 1),
            row(4 * at + 2),
            row(4 * at + 3),
        );
        for (lane, sum) in sums.iter_mut().enumerate() {
            *sum += rows.0[lane].into() * w1
                + rows.1[lane].into() * w2
                + rows.2[lane].into() * w3
                + rows.3[lane].into() * w4;
        }
    }
    for (at, weight) in (4 * fours.len()..).zip(rest) {
        let row = row(at);
        for (lane, sum) in sums.iter_mut().enumerate() {
            *sum += row[lane].into() * weight;
        }
    }
}

/// The pass along all rows of a region.
struct Across<'a> {
    taps: &'a Taps,
    image: &'a PixelImage,
    region: Region,
    out: &'a mut [u8],
}

/// Rows of colours that are summed side by side.
const ROWS: usize = 4;

/// Values of a pixel: one more than three channels, so that those of [`ROWS`] rows fill a vector.
const LANES: usize = 4;

impl NullaryFnOnce for Across<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let width = self.taps.spans.len();
        if self.image.channels() == 1 {
            let rows = self
                .region
                .rows(self.image)
                .zip(self.out.chunks_exact_mut(width));
            rows.for_each(|(row, out)| grey_row(self.taps, row, out));
            return;
        }
        let mut columns = vec![[0_u8; ROWS * LANES]; self.region.width];
        let mut rows = self.region.rows(self.image);
        for out in self.out.as_chunks_mut::<3>().0.chunks_mut(ROWS * width) {
            for (at, row) in rows.by_ref().take(ROWS).enumerate() {
                for (column, &[r, g, b]) in columns.iter_mut().zip(row.as_chunks::<3>().0) {
                    column[at * LANES..][..3].copy_from_slice(&[r, g, b]);
                }
            }
            colour_rows(self.taps, &columns, out);
        }
    }
}

#[inline(always)]
fn grey_row(taps: &Taps, row: &[u8], out: &mut [u8]) {
    for ((first, weights), out) in taps.iter().zip(out) {
        let pixels = &row[first..][..weights.len()];
        let products = pixels.iter().zip(weights);
        let sum: i32 = products.map(|(&p, &w)| i32::from(p) * w).sum();
        *out = to_byte(HALF + sum);
    }
}

/// Up to [`ROWS`] rows of the result, one behind another in `out`.
#[inline(always)]
fn colour_rows(taps: &Taps, columns: &[[u8; ROWS * LANES]], out: &mut [[u8; 3]]) {
    let width = taps.spans.len();
    for (x, (first, weights)) in taps.iter().enumerate() {
        let columns = &columns[first..][..weights.len()];
        let mut sums = [HALF; ROWS * LANES];
        add_rows(&mut sums, weights, |at| &columns[at]);
        let mut bytes = [0; ROWS * LANES];
        for (byte, sum) in bytes.iter_mut().zip(sums) {
            *byte = to_byte(sum);
        }
        for (pixel, row) in bytes
            .as_chunks::<LANES>()
            .0
            .iter()
            .zip(out.chunks_exact_mut(width))
        {
            row[x] = [pixel[0], pixel[1], pixel[2]];
        }
    }
}

/// The pass down all columns.
struct Down<'a> {
    taps: &'a Taps,
    rows: &'a [u8],
    out: &'a mut [u8],
    /// Bytes of a row.
    length: usize,
}

impl NullaryFnOnce for Down<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let rows = self.out.chunks_exact_mut(self.length);
        for ((first, weights), out) in self.taps.iter().zip(rows) {
            let source = &self.rows[first * self.length..][..weights.len() * self.length];
            let (blocks, rest) = out.as_chunks_mut::<BLOCK>();
            for (at, block) in blocks.iter_mut().enumerate() {
                let mut sums = [HALF; BLOCK];
                add_rows(&mut sums, weights, |row| {
                    let values = &source[row * self.length + at * BLOCK..][..BLOCK];
                    values.try_into().expect("a block")
                });
                for (byte, sum) in block.iter_mut().zip(sums) {
                    *byte = to_byte(sum);
                }
            }
            let start = blocks.len() * BLOCK;
            for (at, byte) in rest.iter_mut().enumerate() {
                let column = source[start + at..].iter().step_by(self.length);
                let products = column.zip(weights);
                let sum: i32 = products.map(|(&v, &w)| i32::from(v) * w).sum();
                *byte = to_byte(HALF + sum);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transform::golden::picture;

    /// Largest difference to what Pillow made of `name` for each size that it recorded.
    fn worst(name: &str, filter: &str, interpolation: Interpolation) -> Vec<u8> {
        let sizes = [
            (32, 32),
            (20, 50),
            (71, 20),
            (140, 97),
            (71, 53),
            (40, 90),
            (90, 20),
            (3, 2),
        ];
        let image = picture(&format!("resize/{name}.png"));
        sizes
            .iter()
            .map(|&(width, height)| {
                let expected = picture(&format!("resize/{name}_{filter}_{width}x{height}.png"));
                let resized = resample(&image, Region::whole(&image), width, height, interpolation);
                let pairs = resized.data().iter().zip(expected.data());
                pairs.map(|(a, b)| a.abs_diff(*b)).max().unwrap()
            })
            .collect()
    }

    #[test]
    fn results_are_those_of_pillow() {
        for name in ["scene", "noise", "grey"] {
            assert_eq!(worst(name, "bilinear", Interpolation::Bilinear), [0; 8]);
            assert_eq!(worst(name, "bicubic", Interpolation::Bicubic), [0; 8]);
        }
    }

    #[test]
    fn the_filter_that_does_not_widen_is_that_of_opencv() {
        for name in ["scene", "noise"] {
            let image = picture(&format!("segmentation_transforms/{name}.png"));
            for (width, height) in [(74, 58), (55, 43), (20, 50), (23, 18), (10, 8)] {
                let expected =
                    format!("segmentation_transforms/linear_{name}_{width}x{height}.png");
                let whole = Region::whole(&image);
                let resized = resample(&image, whole, width, height, Interpolation::Linear);
                let expected = picture(&expected);
                let pairs = resized.data().iter().zip(expected.data());
                let worst = pairs.map(|(a, b)| a.abs_diff(*b)).max().unwrap();
                assert!(worst <= 1, "{name} {width}×{height}: {worst}");
            }
        }
    }

    #[test]
    fn a_region_is_resampled_as_if_cut_out() {
        let image = picture("resize/scene.png");
        let region = Region {
            left: 13,
            top: 7,
            width: 31,
            height: 40,
        };
        let cut = region.cut(&image);
        let bicubic = Interpolation::Bicubic;
        assert_eq!(
            resample(&image, region, 24, 24, bicubic),
            resample(&cut, Region::whole(&cut), 24, 24, bicubic)
        );
    }

    #[test]
    fn weights_sum_to_one_and_stay_inside() {
        for (from, to) in [(500, 224), (7, 30), (1, 5), (300, 1)] {
            let taps = Taps::new(from, to, Interpolation::Bicubic);
            for (first, weights) in taps.iter() {
                assert!(first + weights.len() <= from);
                let sum: i32 = weights.iter().sum();
                // Each weight is rounded once.
                assert!((sum - (1 << PRECISION)).unsigned_abs() as usize <= weights.len());
            }
        }
    }
}

//! Shear, translation and rotation, equal to Pillow's `Image.transform` and `Image.rotate`, bicubic.

use pulp::{Arch, NullaryFnOnce};

use crate::vision::PixelImage;

/// Where each pixel of the result comes from: `x' = a x + b y + c`, `y' = d x + e y + f` for centres of
/// pixels, the first of which is at (1/2, 1/2).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Warp([f64; 6]);

impl Warp {
    /// Moves each row by `slope` times its distance from the top, to the left where that is above 0.
    #[must_use]
    pub fn shear_x(slope: f64) -> Self {
        Self([1.0, slope, 0.0, 0.0, 1.0, 0.0])
    }

    /// Moves each column by `slope` times its distance from the left, up where that is above 0.
    #[must_use]
    pub fn shear_y(slope: f64) -> Self {
        Self([1.0, 0.0, 0.0, slope, 1.0, 0.0])
    }

    /// Moves all pixels, left and up where the numbers are above 0.
    #[must_use]
    pub fn translate(x: f64, y: f64) -> Self {
        Self([1.0, 0.0, x, 0.0, 1.0, y])
    }

    /// Turns an image of this size counter-clockwise about its centre.
    #[must_use]
    pub fn rotate(degrees: f64, width: usize, height: usize) -> Self {
        // Pillow rounds the matrix to 15 decimals and reduces the angle to a full turn first.
        let rounded = |x: f64| (x * 1e15).round_ties_even() / 1e15;
        let angle = -degrees.rem_euclid(360.0).to_radians();
        let (cos, sin) = (rounded(angle.cos()), rounded(angle.sin()));
        let (x, y) = (width as f64 / 2.0, height as f64 / 2.0);
        let shifted_x = cos * -x + sin * -y + 0.0 + x;
        let shifted_y = rounded(-angle.sin()) * -x + cos * -y + 0.0 + y;
        Self([cos, sin, shifted_x, rounded(-angle.sin()), cos, shifted_y])
    }

    /// The warped image, of the same size; `fill` has the levels, one a channel, of what comes from outside.
    ///
    /// # Panics
    ///
    /// If `fill` has fewer values than the image channels.
    #[must_use]
    pub fn apply(&self, image: &PixelImage, fill: &[u8]) -> PixelImage {
        let channels = image.channels();
        let pixels = padded(image);
        let mut padding = [0; LANES];
        padding[..channels].copy_from_slice(&fill[..channels]);
        let mut out = vec![padding; pixels.len()];
        Arch::new().dispatch(Rows {
            warp: self.0,
            width: image.width(),
            height: image.height(),
            pixels: &pixels,
            out: &mut out,
        });
        let data = match channels {
            1 => out.iter().map(|pixel| pixel[0]).collect(),
            _ => {
                let colours = out.iter().map(|&[r, g, b, _]| [r, g, b]);
                colours.collect::<Vec<_>>().into_flattened()
            }
        };
        PixelImage::new(image.width(), image.height(), channels, data)
    }
}

/// Values of a pixel: one more than three channels, so that a pixel fills a vector.
const LANES: usize = 4;

/// The pixels with zeros behind their channels.
fn padded(image: &PixelImage) -> Vec<[u8; LANES]> {
    match image.channels() {
        1 => image.data().iter().map(|&grey| [grey, 0, 0, 0]).collect(),
        _ => {
            let pixels = image.data().as_chunks::<3>().0.iter();
            pixels.map(|&[r, g, b]| [r, g, b, 0]).collect()
        }
    }
}

/// All rows of the result, which are full of what comes from outside.
struct Rows<'a> {
    warp: [f64; 6],
    width: usize,
    height: usize,
    pixels: &'a [[u8; LANES]],
    out: &'a mut [[u8; LANES]],
}

impl NullaryFnOnce for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let [a, b, c, d, e, f] = self.warp;
        let (width, height) = (self.width as f64, self.height as f64);
        for (y, row) in self.out.chunks_exact_mut(self.width).enumerate() {
            let y = y as f64 + 0.5;
            for (x, out) in row.iter_mut().enumerate() {
                let x = x as f64 + 0.5;
                let (from_x, from_y) = (a * x + b * y + c, d * x + e * y + f);
                if from_x >= 0.0 && from_x < width && from_y >= 0.0 && from_y < height {
                    *out = sample(
                        self.pixels,
                        self.width,
                        self.height,
                        from_x - 0.5,
                        from_y - 0.5,
                    );
                }
            }
        }
    }
}

/// A pixel between pixels, where the image is continued by its border.
#[inline(always)]
fn sample(pixels: &[[u8; LANES]], width: usize, height: usize, x: f64, y: f64) -> [u8; LANES] {
    // Positions are at least -1/2, so that these are one more than the whole numbers below them.
    let (left, top) = ((x + 1.0) as usize, (y + 1.0) as usize);
    let (dx, dy) = (x - (left as f64 - 1.0), y - (top as f64 - 1.0));
    // Functions, not closures, which would be compiled without the processor's extensions.
    let [r1, r2, r3, r4] = around(top, height);
    let [c1, c2, c3, c4] = around(left, width);
    // On a row the cubic is the row itself.
    let values = match dy == 0.0 {
        true => along(&pixels[r2 * width..], [c1, c2, c3, c4], dx),
        false => {
            let rows = [
                along(&pixels[r1 * width..], [c1, c2, c3, c4], dx),
                along(&pixels[r2 * width..], [c1, c2, c3, c4], dx),
                along(&pixels[r3 * width..], [c1, c2, c3, c4], dx),
                along(&pixels[r4 * width..], [c1, c2, c3, c4], dx),
            ];
            cubic(rows, dy)
        }
    };
    let [r, g, b, rest] = values;
    [to_byte(r), to_byte(g), to_byte(b), to_byte(rest)]
}

/// Four places, the first counted from two before the first, those outside replaced by the nearest.
#[inline(always)]
fn around(first: usize, len: usize) -> [usize; 4] {
    [
        first.saturating_sub(2).min(len - 1),
        first.saturating_sub(1).min(len - 1),
        first.min(len - 1),
        (first + 1).min(len - 1),
    ]
}

/// The cubic along a row through these columns.
#[inline(always)]
fn along(row: &[[u8; LANES]], [c1, c2, c3, c4]: [usize; 4], dx: f64) -> [f64; LANES] {
    cubic(
        [
            exact(row[c1]),
            exact(row[c2]),
            exact(row[c3]),
            exact(row[c4]),
        ],
        dx,
    )
}

#[inline(always)]
fn exact([r, g, b, rest]: [u8; LANES]) -> [f64; LANES] {
    [f64::from(r), f64::from(g), f64::from(b), f64::from(rest)]
}

/// A value as a level, rounded down; as `value as u8`, but in operations that processors have for vectors.
#[inline(always)]
fn to_byte(value: f64) -> u8 {
    // Beside it, whole numbers fill the lowest bits.
    const BESIDE: f64 = (1_u64 << 52) as f64;
    (value.clamp(0.0, 255.0).trunc() + BESIDE).to_bits() as u8
}

/// The cubic (a = -1) through the second and third value, at `t` between them, in the order of operations of
/// Pillow: whole results must stay whole, because they are rounded down.
#[inline(always)]
fn cubic([v1, v2, v3, v4]: [[f64; LANES]; 4], t: f64) -> [f64; LANES] {
    let mut values = [0.0; LANES];
    for (at, value) in values.iter_mut().enumerate() {
        let (v1, v2, v3, v4) = (v1[at], v2[at], v3[at], v4[at]);
        let linear = -v1 + v3;
        let square = 2.0 * (v1 - v2) + v3 - v4;
        let cube = -v1 + v2 - v3 + v4;
        *value = v2 + t * (linear + t * (square + t * cube));
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered() -> PixelImage {
        PixelImage::new(3, 3, 1, (1..10).collect())
    }

    #[test]
    fn whole_translations_are_exact_and_fill() {
        let moved = Warp::translate(1.0, -1.0).apply(&numbered(), &[77]);
        assert_eq!(moved.data(), [77, 77, 77, 2, 3, 77, 5, 6, 77]);
    }

    #[test]
    fn no_change_is_exact() {
        for warp in [
            Warp::shear_x(0.0),
            Warp::shear_y(0.0),
            Warp::rotate(0.0, 3, 3),
        ] {
            assert_eq!(warp.apply(&numbered(), &[0]), numbered());
        }
    }

    #[test]
    fn quarter_turns_are_counter_clockwise() {
        let turned = Warp::rotate(90.0, 3, 3).apply(&numbered(), &[0]);
        assert_eq!(turned.data(), [3, 6, 9, 2, 5, 8, 1, 4, 7]);
    }
}

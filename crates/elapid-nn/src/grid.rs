//! Grids of tokens at other sizes, without parameters.
//!
//! Averages and interpolations are products with small matrices, one for the rows and one for the columns. The matrices
//! are computed on the device, because nothing may be copied to it while a step is recorded; gradients are products
//! too, on every device.

use burn::tensor::{DType, Device, Int, Tensor, s};

/// Bilinear interpolation, as PyTorch's `interpolate(mode = "bilinear", align_corners = False)` without antialiasing.
///
/// # Shapes
///
/// - x `[B, H, W, C]`
/// - output `[B, height, width, C]`, in the type of x
pub fn resize_grid(x: Tensor<4>, height: usize, width: usize) -> Tensor<4> {
    let [_, rows, columns, _] = x.dims();
    if (rows, columns) == (height, width) {
        return x;
    }
    let device = x.device();
    along_both(
        x,
        hats(rows, height, &device),
        hats(columns, width, &device),
    )
}

/// Means of a coarser grid's cells, as PyTorch's `adaptive_avg_pool2d`: cells overlap where the sizes do not divide.
///
/// # Shapes
///
/// - x `[B, H, W, C]`
/// - output `[B, side, side, C]`, in the type of x
pub fn average_grid(x: Tensor<4>, side: usize) -> Tensor<4> {
    let [_, rows, columns, _] = x.dims();
    let device = x.device();
    along_both(x, means(rows, side, &device), means(columns, side, &device))
}

/// The largest of every square of four tokens; a last odd row or column is left out, and a grid of one row or column stays
/// so.
///
/// # Shapes
///
/// - x `[B, H, W, C]`
/// - output `[B, H / 2, W / 2, C]`
pub fn halve_grid(x: Tensor<4>) -> Tensor<4> {
    let [batch, height, width, channels] = x.dims();
    let x = match height {
        1 => x,
        _ => {
            let rows = x.slice(s![.., ..height / 2 * 2, .., ..]);
            let pairs = rows.reshape([batch, height / 2, 2, width * channels]);
            let of = |at: usize| pairs.clone().slice(s![.., .., at..at + 1, ..]);
            let largest = of(0).max_pair(of(1));
            largest.reshape([batch, height / 2, width, channels])
        }
    };
    let rows = x.dims()[1];
    match width {
        1 => x,
        _ => {
            let columns = x.slice(s![.., .., ..width / 2 * 2, ..]);
            let pairs = columns.reshape([batch * rows, width / 2, 2, channels]);
            let of = |at: usize| pairs.clone().slice(s![.., .., at..at + 1, ..]);
            let largest = of(0).max_pair(of(1));
            largest.reshape([batch, rows, width / 2, channels])
        }
    }
}

/// `down · x · acrossᵀ` for every sample and channel.
fn along_both(x: Tensor<4>, down: Tensor<2>, across: Tensor<2>) -> Tensor<4> {
    let dtype = x.dtype();
    let [batch, rows, columns, channels] = x.dims();
    let ([height, _], [width, _]) = (down.dims(), across.dims());
    let x = x.reshape([batch, rows, columns * channels]);
    let x = down.cast(dtype).unsqueeze::<3>().matmul(x);
    let x = x.reshape([batch * height, columns, channels]);
    let x = across.cast(dtype).unsqueeze::<3>().matmul(x);
    x.reshape([batch, height, width, channels])
}

/// Weights `[to, from]` of a linear interpolation between the centres of cells. A weight falls from 1 where a new centre
/// meets an old one to 0 at the next.
fn hats(from: usize, to: usize, device: &Device) -> Tensor<2> {
    let scale = from as f64 / to as f64;
    let centres = (numbers(to, device) + 0.5) * scale - 0.5;
    let centres = centres.clamp(0.0, (from - 1) as f64);
    let distances = centres.reshape([to, 1]) - numbers(from, device).reshape([1, from]);
    (distances.abs().neg() + 1.0).clamp_min(0.0)
}

/// Weights `[to, from]` of the means of old cells from `⌊i · from / to⌋` up to `⌈(i + 1) · from / to⌉`.
fn means(from: usize, to: usize, device: &Device) -> Tensor<2> {
    let whole = |first: i64| Tensor::<1, Int>::arange(first..first + to as i64, device);
    let (from_whole, to_whole) = (from as i64, to as i64);
    let first = whole(0).mul_scalar(from_whole).div_scalar(to_whole);
    let end = whole(1)
        .mul_scalar(from_whole)
        .add_scalar(to_whole - 1)
        .div_scalar(to_whole);
    let column = |edges: Tensor<1, Int>| float(edges).reshape([to, 1]);
    let (first, end) = (column(first), column(end));
    let cells = numbers(from, device).reshape([1, from]);
    // Cells and edges are whole numbers: 1 inside, 0 outside.
    let behind = (cells.clone() - first.clone() + 1.0).clamp(0.0, 1.0);
    let before = (end.clone() - cells).clamp(0.0, 1.0);
    behind * before / (end - first)
}

/// 0, 1, 2, …
fn numbers(count: usize, device: &Device) -> Tensor<1> {
    float(Tensor::arange(0..count as i64, device))
}

fn float(whole: Tensor<1, Int>) -> Tensor<1> {
    whole.float().cast(DType::F32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::module::{adaptive_avg_pool2d, interpolate, max_pool2d};
    use burn::tensor::ops::{InterpolateMode, InterpolateOptions, MaxPoolOptions};
    use burn::tensor::{Distribution, Tolerance};

    fn random(shape: [usize; 4]) -> Tensor<4> {
        Tensor::random(shape, Distribution::Default, &Device::flex())
    }

    fn assert_near(found: Tensor<4>, channels_first: Tensor<4>) {
        let expected = channels_first.permute([0, 2, 3, 1]).into_data();
        let tolerance = Tolerance::rel_abs(1e-5, 1e-5);
        found
            .into_data()
            .assert_approx_eq::<f32>(&expected, tolerance);
    }

    #[test]
    fn resizing_equals_burns_interpolation() {
        for (rows, columns, height, width) in [(4, 6, 8, 12), (7, 5, 20, 9), (6, 6, 1, 3)] {
            let x = random([2, rows, columns, 3]);
            let options =
                InterpolateOptions::new(InterpolateMode::Bilinear).with_align_corners(false);
            let options = InterpolateOptions {
                output_size: Some([height, width]),
                ..options
            };
            let expected = interpolate(x.clone().permute([0, 3, 1, 2]), options);
            assert_near(resize_grid(x, height, width), expected);
        }
    }

    #[test]
    fn averages_equal_burns_adaptive_pooling() {
        for side in [1, 2, 3, 6] {
            let x = random([2, 7, 14, 3]);
            let expected = adaptive_avg_pool2d(x.clone().permute([0, 3, 1, 2]), [side, side]);
            assert_near(average_grid(x, side), expected);
        }
    }

    #[test]
    fn halves_equal_burns_pooling() {
        let x = random([2, 7, 6, 3]);
        let options = MaxPoolOptions::new([2, 2]);
        let expected = max_pool2d(x.clone().permute([0, 3, 1, 2]), options);
        assert_near(halve_grid(x), expected);
        assert_eq!(halve_grid(random([1, 1, 1, 2])).dims(), [1, 1, 1, 2]);
    }
}

//! Series split into trend and remainder.

use burn::tensor::Tensor;
use burn::tensor::module::avg_pool1d;
use burn::tensor::ops::AvgPoolOptions;
use burn::tensor::s;

/// The moving average of series over a window of `taps` steps, an odd number; in front of the first step and behind the
/// last the series goes on with their values.
///
/// Source: `series_decomp` in `layers/Autoformer_EncDec.py` of thuml/Time-Series-Library.
///
/// # Shapes
///
/// - x, output `[B, L, C]`
pub fn moving_average(x: Tensor<3>, taps: usize) -> Tensor<3> {
    let [_, length, _] = x.dims();
    let side = taps / 2;
    let first = x.clone().slice(s![.., 0..1, ..]).repeat_dim(1, side);
    let last = x.clone().slice(s![.., length - 1..length, ..]);
    let padded = match side {
        0 => x,
        _ => Tensor::cat(vec![first, x, last.repeat_dim(1, side)], 1),
    };
    let options = AvgPoolOptions {
        stride: [1],
        ..AvgPoolOptions::new([taps])
    };
    avg_pool1d(padded.swap_dims(1, 2), options).swap_dims(1, 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn averages_by_hand() {
        let x = Tensor::<3>::from_data([[[1.0], [4.0], [1.0], [7.0]]], &Device::flex());
        let mean = moving_average(x.clone(), 3).into_data();
        assert_eq!(mean.try_to_vec::<f32>().unwrap(), [2.0, 2.0, 4.0, 5.0]);
        assert_eq!(moving_average(x.clone(), 1).into_data(), x.into_data());
    }
}

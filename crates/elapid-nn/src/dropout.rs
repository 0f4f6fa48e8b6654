//! Dropout of elements, and of whole samples of a residual branch (stochastic depth, arXiv 1603.09382).

use burn::tensor::Tensor;

use crate::Noise;

/// What drop path multiplies every sample of a residual branch by: 0 with probability `rate`, else
/// `1 / (1 − rate)`; nothing without noise (evaluation) or at rate 0.
///
/// # Shapes
///
/// - x, the branch, `[B, L, D]`
/// - output `[B]`, 32-bit
pub fn drop_path(x: &Tensor<3>, rate: f64, noise: Option<&mut Noise>) -> Option<Tensor<1>> {
    let noise = drawn(rate, noise)?;
    let [batch, _, _] = x.dims();
    Some(noise.keep_factors([batch], rate))
}

/// Zeroes elements with probability `rate` and scales the others by `1 / (1 − rate)`; the identity
/// without noise (evaluation) or at rate 0. Shape-preserving.
pub fn dropout<const D: usize>(x: Tensor<D>, rate: f64, noise: Option<&mut Noise>) -> Tensor<D> {
    let Some(noise) = drawn(rate, noise) else {
        return x;
    };
    let factors = noise.keep_factors(x.dims(), rate).cast(x.dtype());
    x * factors
}

/// As [`dropout`], but of whole channels of a grid of tokens, `[B, H, W, C]`.
pub fn dropout_channels(x: Tensor<4>, rate: f64, noise: Option<&mut Noise>) -> Tensor<4> {
    let Some(noise) = drawn(rate, noise) else {
        return x;
    };
    let [batch, _, _, channels] = x.dims();
    let factors = noise.keep_factors([batch, 1, 1, channels], rate);
    x.clone() * factors.cast(x.dtype())
}

/// The noise, if anything is drawn from it.
fn drawn<'a, 'b>(rate: f64, noise: Option<&'b mut Noise<'a>>) -> Option<&'b mut Noise<'a>> {
    noise.filter(|noise| rate > 0.0 && noise.trains())
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn samples_are_dropped_whole_and_the_mean_is_kept() {
        let x = Tensor::<3>::ones([2000, 2, 3], &Device::flex());
        let scale = drop_path(&x, 0.25, Some(&mut Noise::seeded(1, &Device::flex()))).unwrap();
        let values = scale.into_data().try_to_vec::<f32>().unwrap();
        let dropped = values.iter().filter(|&&v| v == 0.0).count();
        let kept = values.iter().filter(|&&v| (v - 4.0 / 3.0).abs() < 1e-6);
        assert_eq!(dropped + kept.count(), 2000);
        assert!((400..600).contains(&dropped));
    }

    #[test]
    fn evaluation_is_the_identity() {
        let x = Tensor::<3>::ones([4, 2, 3], &Device::flex());
        assert!(drop_path(&x, 0.5, None).is_none());
        assert!(drop_path(&x, 0.0, Some(&mut Noise::seeded(1, &Device::flex()))).is_none());
        assert_eq!(dropout(x.clone(), 0.5, None).into_data(), x.to_data());
        let mut watched = Noise::seeded(1, &Device::flex()).in_evaluation();
        assert!(drop_path(&x, 0.5, Some(&mut watched)).is_none());
        let same = dropout(x.clone(), 0.5, Some(&mut watched));
        assert_eq!(same.into_data(), x.into_data());
    }
}

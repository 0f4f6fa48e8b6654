//! Positions that are not learned.

use burn::tensor::{Device, Int, Tensor, s};

/// Sines and cosines of the position, in turn, with wavelengths from 2π to 2π · 10⁴ (arXiv 1706.03762).
///
/// # Shapes
///
/// - output `[L, D]`, 32-bit
pub fn sinusoid_positions(length: usize, width: usize, device: &Device) -> Tensor<2> {
    let pairs = width.div_ceil(2);
    let count = |n: usize| Tensor::<1, Int>::arange(0..n as i64, device).float();
    let rate = (count(pairs) * (-2.0 * 10_000_f64.ln() / width as f64)).exp();
    let angles = count(length).unsqueeze_dim::<2>(1) * rate.unsqueeze_dim::<2>(0);
    let both = Tensor::stack::<3>(vec![angles.clone().sin(), angles.cos()], 2);
    both.reshape([length, 2 * pairs]).slice(s![.., ..width])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sines_and_cosines_alternate() {
        let table = sinusoid_positions(3, 4, &Device::flex()).into_data();
        let table = table.try_to_vec::<f32>().unwrap();
        let (slow, fast) = (0.02_f32, 2.0_f32);
        let expected = [fast.sin(), fast.cos(), slow.sin(), slow.cos()];
        assert_eq!(table[..4], [0.0, 1.0, 0.0, 1.0]);
        let close = table[8..].iter().zip(expected);
        assert!(close.into_iter().all(|(a, b)| (a - b).abs() < 1e-6));
    }
}

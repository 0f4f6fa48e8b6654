//! Exponential moving average of the weights.

/// How much of the average is kept in step `step`, counted from 0: `min(decay, (1 + step) / (10 + step))`, so that the
/// first steps, whose weights are worth little, are soon forgotten (as `ExponentialMovingAverage` of TensorFlow and
/// timm's `ModelEmaV3` with warm-up have it).
///
/// The average is evaluated in place of the weights. It follows them slowly: `average ← d · average + (1 − d) · weights`.
pub(crate) fn kept(decay: f64, step: u64) -> f64 {
    let warm = (1.0 + step as f64) / (10.0 + step as f64);
    decay.min(warm)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn early_steps_are_soon_forgotten() {
        assert_eq!(kept(0.999, 0), 0.1);
        assert_eq!(kept(0.999, 90), 0.91);
        assert_eq!(kept(0.999, 1_000_000), 0.999);
    }
}

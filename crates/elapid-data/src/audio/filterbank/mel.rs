//! Triangles on the mel scale.

use super::settings::FilterbankSettings;

/// The weights of all bins, without the zeros.
pub(super) struct MelBank {
    /// First frequency of each bin, and how many follow.
    spans: Vec<(usize, usize)>,
    /// Those of one bin behind those of another.
    weights: Vec<f32>,
}

/// Mel of a frequency in Hertz, the natural-logarithm form of HTK.
fn mel(hertz: f64) -> f64 {
    1127.0 * (hertz / 700.0).ln_1p()
}

impl MelBank {
    /// Triangles are linear in mel, not in Hertz, and all are of height 1. A bin narrower than the distance of two
    /// frequencies may contain none, and then has no weights, as in Kaldi.
    pub(super) fn new(settings: &FilterbankSettings) -> Self {
        let frequencies = settings.padded() / 2;
        let width = f64::from(settings.rate) / settings.padded() as f64;
        let low = mel(settings.low_frequency);
        let step = (mel(settings.highest()) - low) / (settings.bins + 1) as f64;
        let (mut spans, mut weights) = (Vec::new(), Vec::new());
        for bin in 0..settings.bins {
            let left = low + bin as f64 * step;
            let height = |frequency: usize| {
                let mel = mel(frequency as f64 * width);
                let (up, down) = ((mel - left) / step, (left + 2.0 * step - mel) / step);
                up.min(down)
            };
            let first = (0..frequencies).find(|&at| height(at) > 0.0);
            let start = first.unwrap_or(0);
            let own = (start..frequencies).map(height);
            let before = weights.len();
            weights.extend(own.take_while(|&w| w > 0.0).map(|weight| weight as f32));
            spans.push((start, weights.len() - before));
        }
        Self { spans, weights }
    }

    /// First frequency and weights of each bin, in order.
    #[inline(always)]
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &[f32])> {
        let mut weights = self.weights.as_slice();
        self.spans.iter().map(move |&(first, count)| {
            let (own, rest) = weights.split_at(count);
            weights = rest;
            (first, own)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_sum_to_what_kaldi_s_do() {
        // Sums of torchaudio's matrix for 128 bins at 16 kHz.
        let expected = [
            (0, 0.80264),
            (1, 0.03097),
            (2, 0.96903),
            (3, 0.0),
            (5, 0.04840),
            (10, 0.82792),
            (20, 0.75039),
            (40, 0.98289),
            (64, 1.44011),
            (100, 3.12200),
            (127, 5.25723),
        ];
        let bank = MelBank::new(&FilterbankSettings::ast(16_000));
        let sums: Vec<f32> = bank.iter().map(|(_, own)| own.iter().sum()).collect();
        for (bin, expected) in expected {
            assert!((sums[bin] - expected).abs() < 1e-5, "{bin}: {}", sums[bin]);
        }
    }
}

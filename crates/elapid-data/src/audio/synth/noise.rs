//! Noise, and sound in noise.

use rand_chacha::ChaCha8Rng;

use crate::random::unit;

/// The colour of a noise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Colour {
    /// Equal power at all frequencies.
    White,
    /// Power falls with frequency.
    Pink,
}

/// Noise of about the level of full scale.
pub(super) fn noise(colour: Colour, length: usize, rng: &mut ChaCha8Rng) -> Vec<f32> {
    let mut white = || 2.0 * unit(rng) - 1.0;
    match colour {
        Colour::White => (0..length).map(|_| white()).collect(),
        Colour::Pink => {
            // Three first-order filters whose sum falls by about 3 dB an octave (P. Kellet).
            let mut poles = [0.0_f32; 3];
            let mut next = || {
                let input = white();
                poles[0] = 0.997_65 * poles[0] + input * 0.099_046;
                poles[1] = 0.963 * poles[1] + input * 0.296_516_4;
                poles[2] = 0.57 * poles[2] + input * 1.052_691_3;
                0.2 * (poles.iter().sum::<f32>() + input * 0.1848)
            };
            (0..length).map(|_| next()).collect()
        }
    }
}

/// Adds noise that is `decibels` weaker than the sound.
pub(super) fn add(sound: &mut [f32], noise: &[f32], decibels: f64) {
    let factor = power(sound).sqrt() / power(noise).sqrt().max(1e-9) / 10_f64.powf(decibels / 20.0);
    for (sample, noise) in sound.iter_mut().zip(noise) {
        *sample += noise * factor as f32;
    }
}

/// Mean square.
fn power(samples: &[f32]) -> f64 {
    let squares = samples.iter().map(|&sample| f64::from(sample).powi(2));
    squares.sum::<f64>() / samples.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::stream;

    #[test]
    fn noise_is_as_much_weaker_as_was_asked() {
        for colour in [Colour::White, Colour::Pink] {
            let noise = noise(colour, 20_000, &mut stream(1, &[]));
            let clean: Vec<f32> = (0..20_000).map(|n| (n as f32 * 0.1).sin()).collect();
            let mut noisy = clean.clone();
            add(&mut noisy, &noise, 10.0);
            let rest: Vec<f32> = noisy.iter().zip(&clean).map(|(a, b)| a - b).collect();
            let decibels = 10.0 * (power(&clean) / power(&rest)).log10();
            assert!((decibels - 10.0).abs() < 0.01, "{colour:?}: {decibels}");
        }
    }

    #[test]
    fn pink_noise_is_smoother_than_white() {
        let roughness = |colour| {
            let noise = noise(colour, 20_000, &mut stream(1, &[]));
            let steps: Vec<f32> = noise.windows(2).map(|pair| pair[1] - pair[0]).collect();
            power(&steps) / power(&noise)
        };
        // Neighbours of white noise are independent.
        assert!((roughness(Colour::White) - 2.0).abs() < 0.1);
        assert!(roughness(Colour::Pink) < 0.8);
    }
}

//! Changing the sampling rate.

use rubato::audioadapter_buffers::direct::SequentialSliceOfVecs;
use rubato::{Fft, FixedSync, Resampler};

use super::waveform::Waveform;

/// Samples that are transformed at a time, at least.
const CHUNK: usize = 1024;

/// `waveform` at `rate` samples a second: band-limited, without delay, `ceil(length · rate / its rate)` samples.
///
/// What lies above half of the lower rate is removed (a windowed sinc, applied in the frequency domain).
///
/// # Errors
///
/// The reason, if one of the rates is 0.
pub fn resample(waveform: Waveform, rate: u32) -> Result<Waveform, String> {
    if waveform.rate == rate {
        return Ok(waveform);
    }
    let refused = |error: &dyn std::error::Error| {
        let from = waveform.rate;
        format!("{from} samples a second cannot be made {rate}: {error}")
    };
    let (from, to) = (waveform.rate as usize, rate as usize);
    let mut resampler = Fft::<f32>::new(from, to, chunk(from, to), 1, FixedSync::Both)
        .map_err(|error| refused(&error))?;
    let length = waveform.samples.len();
    let channels = [waveform.samples];
    let input = SequentialSliceOfVecs::new(&channels, 1, length).map_err(|e| refused(&e))?;
    let samples = resampler
        .process_all(&input, length, None)
        .map_err(|error| refused(&error))?
        .take_data();
    Ok(Waveform { samples, rate })
}

/// An even number of the shortest blocks that are a whole number of samples at both rates: the delay of the filter, half a
/// block, is then whole as well.
fn chunk(from: usize, to: usize) -> usize {
    let block = from / greatest_divisor(from, to).max(1);
    2 * block * CHUNK.div_ceil(2 * block.max(1))
}

fn greatest_divisor(a: usize, b: usize) -> usize {
    match b {
        0 => a,
        _ => greatest_divisor(b, a % b),
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;

    fn tone(hertz: f64, rate: u32, length: usize) -> Waveform {
        let at = |n: usize| (0.5 * (TAU * hertz * n as f64 / f64::from(rate)).sin()) as f32;
        Waveform {
            samples: (0..length).map(at).collect(),
            rate,
        }
    }

    /// Largest difference, away from the ends.
    fn difference(one: &Waveform, other: &Waveform) -> f32 {
        let edge = one.samples.len() / 10;
        let pairs = one.samples.iter().zip(&other.samples);
        pairs
            .skip(edge)
            .take(one.samples.len() - 2 * edge)
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f32::max)
    }

    #[test]
    fn a_tone_stays_the_same_tone() {
        for rate in [8_000, 11_025, 22_050, 44_100, 48_000, 96_000] {
            let length = rate as usize;
            let resampled = resample(tone(440.0, rate, length), 16_000).unwrap();
            assert_eq!(resampled.samples.len(), 16_000, "{rate}");
            let expected = tone(440.0, 16_000, 16_000);
            let difference = difference(&resampled, &expected);
            // Steepness of the filter near a pass band of a few hundred Hertz: below -66 dB.
            assert!(difference < 5e-4, "{rate}: {difference}");
        }
    }

    #[test]
    fn what_would_alias_is_removed() {
        for hertz in [9_000.0, 12_000.0, 20_000.0] {
            let resampled = resample(tone(hertz, 44_100, 44_100), 16_000).unwrap();
            let silence = Waveform {
                samples: vec![0.0; resampled.samples.len()],
                rate: 16_000,
            };
            let loudest = difference(&resampled, &silence);
            // -70 dB of the tone.
            assert!(loudest < 1.6e-4, "{hertz}: {loudest}");
        }
    }

    #[test]
    fn lengths_are_rounded_up_and_equal_rates_change_nothing() {
        for (length, expected) in [(1, 1), (2, 1), (441, 160), (442, 161), (10_000, 3629)] {
            let resampled = resample(tone(100.0, 44_100, length), 16_000).unwrap();
            assert_eq!(resampled.samples.len(), expected, "{length}");
        }
        let same = tone(100.0, 16_000, 50);
        assert_eq!(resample(same.clone(), 16_000).unwrap(), same);
        assert!(resample(same, 0).unwrap_err().contains("cannot be made 0"));
    }
}

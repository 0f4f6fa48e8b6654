//! Kaldi's log-mel filterbank, as `torchaudio.compliance.kaldi.fbank` computes it.

mod lanes;
mod mel;
mod settings;

use std::fmt;
use std::sync::Arc;

use realfft::num_complex::Complex32;
use realfft::{RealFftPlanner, RealToComplex};

use self::lanes::LANES;
use self::mel::MelBank;
pub use self::settings::{FilterbankSettings, Window};
use crate::error::DataError;

/// A filterbank that is ready to be applied to any number of sounds.
pub struct Filterbank {
    settings: FilterbankSettings,
    window: Vec<f32>,
    bank: MelBank,
    transform: Arc<dyn RealToComplex<f32>>,
}

/// Frames of mel bins.
#[derive(Clone, Debug, PartialEq)]
pub struct Frames {
    /// `[frames, bins]`, row-major.
    pub values: Vec<f32>,
    /// Bins of a frame.
    pub bins: usize,
}

impl Frames {
    /// Number of frames.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len() / self.bins
    }

    /// Whether there is no frame.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

/// What the computation of one sound needs besides its result.
struct Scratch {
    frame: Vec<f32>,
    spectrum: Vec<Complex32>,
    transform: Vec<Complex32>,
    /// `[frequencies, LANES]`: power or magnitude of a block of frames.
    power: Vec<[f32; LANES]>,
}

impl Filterbank {
    /// Computes window, weights and the plan of the transform.
    ///
    /// # Errors
    ///
    /// As [`FilterbankSettings::check`].
    pub fn new(settings: FilterbankSettings) -> Result<Self, DataError> {
        settings.check()?;
        Ok(Self {
            window: settings.window.factors(settings.length()),
            bank: MelBank::new(&settings),
            transform: RealFftPlanner::new().plan_fft_forward(settings.padded()),
            settings,
        })
    }

    /// What it is computed with.
    #[must_use]
    pub fn settings(&self) -> &FilterbankSettings {
        &self.settings
    }

    /// Number of frames of a sound of `samples` samples; 0 if it is too short.
    #[must_use]
    pub fn frames(&self, samples: usize) -> usize {
        let (length, shift) = (self.settings.length(), self.settings.shift());
        match self.settings.snip_edges {
            _ if samples < length => 0,
            true => 1 + (samples - length) / shift,
            false => (samples + shift / 2) / shift,
        }
    }

    /// The filterbank of a sound at the rate of the settings.
    ///
    /// Within 1e-4 of torchaudio's in 64 bits with dither and energy off. Frames are computed in blocks of which each
    /// SIMD lane holds one, and nothing is allocated for a frame.
    ///
    /// # Shapes
    ///
    /// - `samples`: `[samples]`, full scale is -1 to 1
    /// - result: `[frames, bins]`
    ///
    /// # Errors
    ///
    /// The reason, if the sound is shorter than a frame.
    pub fn compute(&self, samples: &[f32]) -> Result<Frames, String> {
        let (count, bins) = (self.frames(samples.len()), self.settings.bins);
        if count == 0 {
            return Err(self.too_short(samples.len()));
        }
        let mirrored = (!self.settings.snip_edges).then(|| self.mirror(samples));
        let samples = mirrored.as_deref().unwrap_or(samples);
        let mut scratch = self.scratch();
        let mut values = vec![0.0; count * bins];
        for (block, out) in values.chunks_mut(LANES * bins).enumerate() {
            for lane in 0..out.len() / bins {
                let start = (block * LANES + lane) * self.settings.shift();
                let frame = &samples[start..start + self.window.len()];
                self.transform(frame, lane, &mut scratch)?;
            }
            lanes::sum(&self.bank, &scratch.power, out, self.settings.use_log);
        }
        Ok(Frames { values, bins })
    }

    fn scratch(&self) -> Scratch {
        let zero = Complex32::default();
        let padded = self.settings.padded();
        Scratch {
            frame: vec![0.0; padded],
            spectrum: vec![zero; padded / 2 + 1],
            transform: vec![zero; self.transform.get_scratch_len()],
            power: vec![[0.0; LANES]; padded / 2],
        }
    }

    /// Puts the power, or magnitude, of one frame into its lane.
    fn transform(&self, frame: &[f32], lane: usize, scratch: &mut Scratch) -> Result<(), String> {
        lanes::prepare(
            frame,
            &self.window,
            self.settings.remove_dc_offset,
            self.settings.preemphasis,
            &mut scratch.frame,
        );
        self.transform
            .process_with_scratch(
                &mut scratch.frame,
                &mut scratch.spectrum,
                &mut scratch.transform,
            )
            .map_err(|error| error.to_string())?;
        let spectrum = scratch.spectrum.iter();
        for (power, value) in scratch.power.iter_mut().zip(spectrum) {
            power[lane] = value.re * value.re + value.im * value.im;
        }
        if !self.settings.use_power {
            let powers = scratch.power.iter_mut();
            powers.for_each(|power| power[lane] = power[lane].sqrt());
        }
        Ok(())
    }

    /// The sound with what frames that begin before it or end behind it need: itself, backwards from its ends.
    fn mirror(&self, samples: &[f32]) -> Vec<f32> {
        let (length, shift) = (self.settings.length(), self.settings.shift());
        let (before, cut) = (
            (length / 2).saturating_sub(shift / 2),
            (shift / 2).saturating_sub(length / 2),
        );
        let start = samples[..before].iter().rev();
        let inside = &samples[cut.min(samples.len())..];
        start
            .chain(inside)
            .chain(samples.iter().rev())
            .copied()
            .collect()
    }

    fn too_short(&self, samples: usize) -> String {
        let (rate, length) = (self.settings.rate, self.settings.length());
        let noun = if samples == 1 { "sample" } else { "samples" };
        format!(
            "it has {samples} {noun} at {rate} Hz, fewer than the {length} of one frame of {} ms",
            self.settings.frame_length
        )
    }
}

impl fmt::Debug for Filterbank {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Filterbank").field(&self.settings).finish()
    }
}

#[cfg(test)]
pub(super) mod tests;

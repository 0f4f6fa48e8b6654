//! What a filterbank is computed with.

use std::f64::consts::PI;

use crate::error::DataError;
use crate::transform::require;

/// The shape that a frame is multiplied with, symmetric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// Half a period of a cosine, 0 at both ends.
    Hanning,
    /// Kaldi's: Hann to the power of 0.85.
    Povey,
    /// A cosine that does not reach 0.
    Hamming,
    /// Two cosines, with Kaldi's coefficient 0.42.
    Blackman,
    /// All ones.
    Rectangular,
}

impl Window {
    /// Factor at `place` of a window of `length`.
    fn at(self, place: usize, length: usize) -> f64 {
        const BLACKMAN: f64 = 0.42;
        let angle = 2.0 * PI * place as f64 / (length - 1) as f64;
        let hann = 0.5 - 0.5 * angle.cos();
        match self {
            Self::Hanning => hann,
            Self::Povey => hann.powf(0.85),
            Self::Hamming => 0.54 - 0.46 * angle.cos(),
            Self::Blackman => BLACKMAN - 0.5 * angle.cos() + (0.5 - BLACKMAN) * (2.0 * angle).cos(),
            Self::Rectangular => 1.0,
        }
    }

    /// All factors.
    pub(super) fn factors(self, length: usize) -> Vec<f32> {
        (0..length).map(|at| self.at(at, length) as f32).collect()
    }
}

/// Parameters of a [`Filterbank`](super::Filterbank), named after those of `torchaudio.compliance.kaldi.fbank`.
#[derive(Clone, Debug, PartialEq)]
pub struct FilterbankSettings {
    /// Samples a second.
    pub rate: u32,
    /// Mel bins, at least 4.
    pub bins: usize,
    /// Length of a frame in milliseconds.
    pub frame_length: f64,
    /// From the start of a frame to the start of the next, in milliseconds.
    pub frame_shift: f64,
    /// Shape of a frame.
    pub window: Window,
    /// Whether each frame's mean is subtracted.
    pub remove_dc_offset: bool,
    /// Share of the sample before that is subtracted from each; 0 to 1.
    pub preemphasis: f32,
    /// Lower end of the first bin, in Hertz.
    pub low_frequency: f64,
    /// Upper end of the last bin, in Hertz; 0 or below counts from half of the rate.
    pub high_frequency: f64,
    /// Whether frames are padded to a power of two.
    pub round_to_power_of_two: bool,
    /// Whether there are only frames that lie inside the sound; otherwise it is mirrored at its ends.
    pub snip_edges: bool,
    /// Whether bins sum squares of magnitudes and not magnitudes.
    pub use_power: bool,
    /// Whether the result is the natural logarithm.
    pub use_log: bool,
}

impl FilterbankSettings {
    /// Those of AST, SSAST and SSAMBA: 128 bins, Hann windows of 25 ms every 10 ms, the rest as in Kaldi.
    #[must_use]
    pub fn ast(rate: u32) -> Self {
        Self {
            bins: 128,
            window: Window::Hanning,
            ..Self::kaldi(rate)
        }
    }

    /// The defaults of Kaldi and torchaudio: 23 bins, Povey windows of 25 ms every 10 ms, 20 Hz to half of the rate.
    #[must_use]
    pub fn kaldi(rate: u32) -> Self {
        Self {
            rate,
            bins: 23,
            frame_length: 25.0,
            frame_shift: 10.0,
            window: Window::Povey,
            remove_dc_offset: true,
            preemphasis: 0.97,
            low_frequency: 20.0,
            high_frequency: 0.0,
            round_to_power_of_two: true,
            snip_edges: true,
            use_power: true,
            use_log: true,
        }
    }

    /// Samples in a frame.
    pub(super) fn length(&self) -> usize {
        self.samples(self.frame_length)
    }

    /// Samples from a frame to the next.
    pub(super) fn shift(&self) -> usize {
        self.samples(self.frame_shift)
    }

    /// In torchaudio's order of operations: 22.05 samples and the like are rounded down.
    fn samples(&self, milliseconds: f64) -> usize {
        (f64::from(self.rate) * milliseconds * 0.001) as usize
    }

    /// Samples of a frame with what it is padded with.
    pub(super) fn padded(&self) -> usize {
        match self.round_to_power_of_two {
            true => self.length().next_power_of_two(),
            false => self.length(),
        }
    }

    /// Upper end of the last bin in Hertz.
    pub(super) fn highest(&self) -> f64 {
        let nyquist = f64::from(self.rate) / 2.0;
        match self.high_frequency > 0.0 {
            true => self.high_frequency,
            false => nyquist + self.high_frequency,
        }
    }

    /// Refuses settings that give no filterbank.
    ///
    /// # Errors
    ///
    /// If there are fewer than 4 bins, a frame has fewer than 2 samples or, unpadded, an odd number, frames do not
    /// advance, the pre-emphasis is not in 0..1, or the frequencies are not in order between 0 and half of the rate.
    pub fn check(&self) -> Result<(), DataError> {
        let (length, shift) = (self.length(), self.shift());
        require(self.rate > 0, "audio.rate", self.rate, "above 0")?;
        require(self.bins >= 4, "audio.bins", self.bins, "at least 4")?;
        let (name, what) = ("audio.frame_length", "at least 2 samples");
        require(length >= 2, name, format!("{length} samples"), what)?;
        let what = "an even number of samples, or frames padded to a power of two";
        require(
            self.padded().is_multiple_of(2),
            name,
            format!("{length} samples"),
            what,
        )?;
        let (name, what) = ("audio.frame_shift", "at least 1 sample");
        require(shift >= 1, name, format!("{shift} samples"), what)?;
        let is_share = (0.0..=1.0).contains(&self.preemphasis);
        require(is_share, "audio.preemphasis", self.preemphasis, "0 to 1")?;
        let (low, high, nyquist) = (
            self.low_frequency,
            self.highest(),
            f64::from(self.rate) / 2.0,
        );
        let (name, what) = ("audio.low_frequency", format!("0 to below {nyquist} Hz"));
        require((0.0..nyquist).contains(&low), name, low, &what)?;
        let (name, what) = (
            "audio.high_frequency",
            format!("above {low} and at most {nyquist} Hz"),
        );
        require(low < high && high <= nyquist, name, high, &what)
    }
}

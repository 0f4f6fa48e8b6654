//! What a labelled sound and a set of them are.

use std::fs;
use std::path::PathBuf;

use super::decode::{Recording, decode};
use super::waveform::Waveform;
use crate::SampleSet;
use crate::error::DataError;

/// A sound, which is read when it is needed: its filterbank may be known already.
#[derive(Clone, Debug, PartialEq)]
pub struct AudioSample {
    /// Where it is stored.
    pub source: Source,
    /// Indices into [`SampleSet::classes`]: one, or any number where sounds are tagged.
    pub labels: Vec<usize>,
}

/// A set of labelled sounds.
pub type AudioDataset = dyn SampleSet<AudioSample>;

/// The parts of a set of labelled sounds.
pub type AudioSplits = crate::Splits<AudioSample>;

impl AudioSample {
    /// The sound: the mean of the channels, at the rate of the file.
    ///
    /// # Errors
    ///
    /// If the file cannot be read or decoded.
    pub fn read(&self) -> Result<Recording, DataError> {
        let path = &self.source.file;
        let bytes = fs::read(path).map_err(|error| DataError::unreadable(path, error))?;
        let recording = decode(path, &bytes).map_err(|reason| DataError::Sample {
            sample: format!("`{}`", path.display()),
            reason,
        })?;
        Ok(match self.source.part {
            None => recording,
            Some(part) => Recording {
                waveform: part.cut(recording.waveform),
                ..recording
            },
        })
    }
}

/// Where a sample is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// The sound file.
    pub file: PathBuf,
    /// The part of it that is the sample; `None` for all of it.
    pub part: Option<Part>,
}

/// A part of a sound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Part {
    /// Its place: 0 for the first part of this length, 1 for the last.
    pub place: f64,
    /// Its length.
    pub seconds: f64,
}

impl Part {
    /// The part of a waveform; all of one that is no longer.
    pub(crate) fn cut(self, mut waveform: Waveform) -> Waveform {
        let length = (self.seconds * f64::from(waveform.rate)) as usize;
        if let Some(spare) = waveform.samples.len().checked_sub(length) {
            let start = (self.place * spare as f64) as usize;
            waveform.samples.drain(..start);
            waveform.samples.truncate(length);
        }
        waveform
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_cut_from_start_to_end() {
        let cut = |place, seconds| {
            let waveform = Waveform {
                samples: (0..10).map(|n| n as f32).collect(),
                rate: 1000,
            };
            Part { place, seconds }.cut(waveform).samples
        };
        assert_eq!(cut(0.0, 0.003), [0.0, 1.0, 2.0]);
        assert_eq!(cut(0.5, 0.004), [3.0, 4.0, 5.0, 6.0]);
        assert_eq!(cut(1.0, 0.002), [8.0, 9.0]);
        assert_eq!(cut(0.7, 1.0).len(), 10);
    }
}

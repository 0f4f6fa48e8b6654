//! From the bytes of a sound file to one channel of numbers.

mod compressed;
mod format;
mod ogg;
mod wav;

use std::path::Path;

use super::waveform::{Waveform, mono};
use format::Format;

/// Sampling rates that occur; a header with another one is damaged.
const RATES: std::ops::RangeInclusive<u32> = 1_000..=768_000;

/// What was read from a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    /// The mean of its channels, at its own rate.
    pub waveform: Waveform,
    /// What a person should know of the file although it could be read.
    pub remarks: Vec<String>,
}

/// All channels of a file, alternating.
struct Channels {
    interleaved: Vec<f32>,
    channels: usize,
    rate: u32,
}

/// Decodes WAV, FLAC, MP3 or Ogg Vorbis. The format is told from the content, because mislabelled endings are common in
/// the wild; a wrong one is a remark, and so is a file without a sound.
///
/// # Errors
///
/// The reason, if the file is empty, of another format, damaged, cut off, without samples, or has numbers that are not
/// finite.
pub fn decode(path: &Path, bytes: &[u8]) -> Result<Recording, String> {
    let format = Format::of(bytes)?;
    let Channels {
        interleaved,
        channels,
        rate,
    } = match format {
        Format::Wav => wav::decode(bytes)?,
        Format::Ogg => {
            ogg::check_whole(bytes)?;
            compressed::decode(bytes, format)?
        }
        Format::Flac | Format::Mp3 => compressed::decode(bytes, format)?,
    };
    if channels == 0 || interleaved.len() < channels {
        return Err("it has a header but no samples".to_owned());
    }
    if !RATES.contains(&rate) {
        return Err(format!(
            "its header says {rate} samples a second, expected {} to {}",
            RATES.start(),
            RATES.end()
        ));
    }
    if let Some(at) = interleaved.iter().position(|sample| !sample.is_finite()) {
        let (sample, value) = (at / channels, interleaved[at]);
        return Err(format!(
            "sample {sample} is {value}, which is not a finite number"
        ));
    }
    let samples = mono(interleaved, channels);
    let mut remarks = Vec::new();
    remarks.extend(format.remark(path));
    if samples.iter().all(|&sample| sample == 0.0) {
        remarks.push(format!("`{}` is silent: every sample is 0", path.display()));
    }
    Ok(Recording {
        waveform: Waveform { samples, rate },
        remarks,
    })
}

#[cfg(test)]
mod tests;

//! Sounds to files.

use std::path::Path;

use hound::{SampleFormat, WavSpec, WavWriter};

use crate::error::DataError;

/// Writes one channel of 16 bits.
pub(super) fn write_wav(file: &Path, samples: &[f32], rate: u32) -> Result<(), DataError> {
    let spec = WavSpec {
        channels: 1,
        sample_rate: rate,
        bits_per_sample: 16,
        sample_format: SampleFormat::Int,
    };
    let written = WavWriter::create(file, spec).and_then(|mut writer| {
        for sample in samples {
            let level = (sample.clamp(-1.0, 1.0) * f32::from(i16::MAX)).round();
            writer.write_sample(level as i16)?;
        }
        writer.finalize()
    });
    written.map_err(|error| DataError::unwritable(file, error))
}

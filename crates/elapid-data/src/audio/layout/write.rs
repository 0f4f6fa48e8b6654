//! Writes small sets of sounds, for tests.

use std::fs;
use std::path::Path;

use hound::{SampleFormat, WavSpec, WavWriter};

use crate::audio::AudioDataset;

/// Writes a tone of 1600 samples at 16 kHz.
pub(crate) fn sound(root: &Path, name: &str, level: f32) {
    let path = root.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let spec = WavSpec {
        channels: 1,
        sample_rate: 16_000,
        bits_per_sample: 16,
        sample_format: SampleFormat::Int,
    };
    let mut writer = WavWriter::create(path, spec).unwrap();
    for at in 0..1600 {
        let value = level * (at as f32 * 0.3).sin();
        writer.write_sample((value * 32767.0) as i16).unwrap();
    }
    writer.finalize().unwrap();
}

pub(crate) fn sounds(root: &Path, names: &[&str]) {
    for name in names {
        sound(root, name, 0.5);
    }
}

pub(crate) fn text(root: &Path, name: &str, text: &str) {
    let path = root.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// Name of the file and labels of each sample.
pub(crate) fn contents(dataset: &AudioDataset) -> Vec<(String, Vec<usize>)> {
    (0..dataset.len())
        .map(|index| {
            let sample = dataset.get(index).unwrap();
            let name = sample.source.file.file_name().unwrap();
            (name.to_string_lossy().into_owned(), sample.labels)
        })
        .collect()
}

//! Short tones of four shapes, in the layout of a folder a class.

use std::f64::consts::TAU;
use std::fs;
use std::path::Path;

use super::write::write_wav;
use crate::error::DataError;
use crate::random::{purpose, stream, symmetric, unit64};
use crate::transform::require;

/// The classes: how the pitch moves.
const SHAPES: [&str; 4] = ["falling", "rising", "steady", "warbling"];
/// Samples a second.
const RATE: u32 = 16_000;
/// Length of a sound in samples: half a second.
const LENGTH: usize = 8_000;

/// Writes `sounds` tones of each class to `out`, `<class>/<number>.wav`. Pitch, loudness and noise are drawn anew for each.
/// Equal arguments give equal files.
///
/// # Errors
///
/// If there are no sounds or more than 10,000 of a class, `out` is there and not empty, or a file cannot be written.
pub fn tones(out: &Path, sounds: usize, seed: u64) -> Result<(), DataError> {
    let is_count = (1..=10_000).contains(&sounds);
    require(is_count, "sounds", sounds, "1 to 10000")?;
    if out
        .read_dir()
        .is_ok_and(|mut entries| entries.next().is_some())
    {
        let problem = "it is not empty, and nothing is overwritten".to_owned();
        return Err(DataError::layout(out, problem));
    }
    for (class, shape) in SHAPES.iter().enumerate() {
        let folder = out.join(shape);
        fs::create_dir_all(&folder).map_err(|error| DataError::unwritable(&folder, error))?;
        for number in 0..sounds {
            let samples = tone(class, number, seed);
            write_wav(&folder.join(format!("{number:04}.wav")), &samples, RATE)?;
        }
    }
    Ok(())
}

fn tone(class: usize, number: usize, seed: u64) -> Vec<f32> {
    const NUMBER_OF_TONES: u64 = u64::MAX - 1;
    let labels = [purpose::SYNTH, NUMBER_OF_TONES, class as u64, number as u64];
    let rng = &mut stream(seed, &labels);
    // Two octaves from 300 Hz on.
    let pitch = 300.0 * 4_f64.powf(unit64(rng));
    let loudness = 0.1 + 0.4 * unit64(rng) as f32;
    let mut phase = TAU * unit64(rng);
    let samples = (0..LENGTH).map(|at| {
        let time = at as f64 / LENGTH as f64;
        let octaves = match SHAPES[class] {
            "falling" => -time,
            "rising" => time,
            "steady" => 0.0,
            _ => 0.2 * (TAU * 6.0 * time).sin(),
        };
        phase += TAU * pitch * octaves.exp2() / f64::from(RATE);
        loudness * phase.sin() as f32 + symmetric(rng, 0.02)
    });
    samples.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::audio_folder;

    #[test]
    fn tones_are_a_folder_a_class() {
        let root = tempfile::tempdir().unwrap();
        let out = root.path().join("tones");
        tones(&out, 5, 0).unwrap();
        let splits = audio_folder::splits(&out, 0.25, 0.2, 0).unwrap();
        assert_eq!(splits.train.classes(), SHAPES);
        let valid = splits.valid.unwrap().len();
        assert_eq!(splits.train.len() + valid, 16);
        assert_eq!(splits.test.len(), 4);
        let again = tones(&out, 5, 0).unwrap_err().to_string();
        assert!(again.contains("not empty"), "{again}");
        assert_ne!(tone(0, 0, 0), tone(1, 0, 0));
        assert_eq!(tone(2, 3, 1), tone(2, 3, 1));
    }
}

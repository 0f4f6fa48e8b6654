//! Spoken words in the layout of Speech Commands.

use std::ffi::OsStr;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use super::noise::{Colour, add, noise};
use super::voice::{self, VOICES, Voice, name, say};
use super::write::write_wav;
use crate::audio::resample::resample;
use crate::audio::waveform::Waveform;
use crate::error::DataError;
use crate::order::permuted;
use crate::random::{below, derived_seed, purpose, stream, unit, unit64};
use crate::side_by_side;
use crate::transform::require;

/// What is said.
const WORDS: [&str; 12] = [
    "backward", "down", "forward", "go", "left", "no", "off", "on", "right", "stop", "up", "yes",
];

/// Samples a second.
const RATE: u32 = 16_000;

/// Samples of a sound: one second.
const LENGTH: usize = 16_000;

/// Samples of each long noise: ten seconds.
const LONG: usize = 160_000;

/// How much weaker than the word its noise is, in decibels; infinite for none.
const LEVELS: [f64; 5] = [f64::INFINITY, 30.0, 20.0, 10.0, 5.0];

/// What is quieter than this share of the loudest sample before and behind a word is cut.
const QUIET: f32 = 0.02;

/// The program that speaks.
const PROGRAM: &str = "espeak-ng";

/// How much is made, and from what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandsOptions {
    /// Voices, 10 to 96: an accent and a throat each, with a pitch of its own. A tenth is for validation and a tenth for
    /// testing.
    pub speakers: usize,
    /// Times that each speaker says each word.
    pub takes: usize,
    /// Decides everything that is drawn.
    pub seed: u64,
}

impl Default for CommandsOptions {
    /// 96 speakers, 12 words, 4 takes: 4,608 sounds, 147 MB.
    fn default() -> Self {
        Self {
            speakers: VOICES,
            takes: 4,
            seed: 0,
        }
    }
}

/// What was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandsSummary {
    /// Sounds for training, validation and testing.
    pub sounds: [usize; 3],
    /// Speakers of each.
    pub speakers: [usize; 3],
    /// The program that spoke.
    pub program: String,
}

/// Lets espeak-ng say twelve words in many voices, and writes them as Speech Commands is stored: a folder a word, the two
/// lists, `_background_noise_`, and a README that says what it is.
///
/// Pitch, speed, loudness, place within the second and noise are drawn anew for each sound. No speaker is in two parts. Equal
/// options and an equal version of espeak-ng give equal files.
///
/// # Errors
///
/// If an option is outside its range, `out` is there and not empty, espeak-ng is missing or fails, or a file cannot be
/// written.
pub fn commands(out: &Path, options: &CommandsOptions) -> Result<CommandsSummary, DataError> {
    spoken_by(OsStr::new(PROGRAM), out, options)
}

fn spoken_by(
    program: &OsStr,
    out: &Path,
    options: &CommandsOptions,
) -> Result<CommandsSummary, DataError> {
    check(out, options)?;
    let version = voice::version(program)?;
    for folder in WORDS.iter().chain(&["_background_noise_"]) {
        let folder = out.join(folder);
        fs::create_dir_all(&folder).map_err(|error| DataError::unwritable(&folder, error))?;
    }
    let takes: Vec<Take> = takes(options).collect();
    side_by_side::try_each(takes.len(), side_by_side::cores(), |at| {
        let take = &takes[at];
        let sound = take.sound(program, options.seed)?;
        write_wav(&out.join(take.file()), &sound, RATE)
    })?;
    for (number, (name, colour)) in [("pink", Colour::Pink), ("white", Colour::White)]
        .into_iter()
        .enumerate()
    {
        let rng = &mut stream(options.seed, &[purpose::SYNTH, u64::MAX, number as u64]);
        let samples: Vec<f32> = noise(colour, LONG, rng).iter().map(|x| 0.1 * x).collect();
        let file = out.join(format!("_background_noise_/{name}.wav"));
        write_wav(&file, &samples, RATE)?;
    }
    let summary = CommandsSummary {
        sounds: [0, 1, 2].map(|part| takes.iter().filter(|take| take.part == part).count()),
        speakers: parts(options.speakers),
        program: version,
    };
    let text = |name: &str, text: &str| {
        let file = out.join(name);
        fs::write(&file, text).map_err(|error| DataError::unwritable(&file, error))
    };
    text("README.md", &readme(options, &summary))?;
    text("validation_list.txt", &list(&takes, 1))?;
    text("testing_list.txt", &list(&takes, 2))?;
    Ok(summary)
}

fn check(out: &Path, options: &CommandsOptions) -> Result<(), DataError> {
    let (speakers, takes) = (options.speakers, options.takes);
    let is_count = (10..=VOICES).contains(&speakers);
    let expected = format!("10 to {VOICES}");
    require(is_count, "speakers", speakers, &expected)?;
    require((1..=1000).contains(&takes), "takes", takes, "1 to 1000")?;
    let is_empty = match fs::read_dir(out) {
        Ok(mut entries) => entries.next().is_none(),
        Err(_) => !out.exists(),
    };
    match is_empty {
        true => Ok(()),
        false => Err(DataError::layout(
            out,
            "it is there and not an empty folder; name another one, or remove it",
        )),
    }
}

/// Speakers for training, validation and testing.
fn parts(speakers: usize) -> [usize; 3] {
    let tenth = speakers / 10;
    [speakers - 2 * tenth, tenth, tenth]
}

/// One sound.
struct Take {
    speaker: usize,
    /// Number of its voice.
    voice: usize,
    word: usize,
    number: usize,
    /// 0 for training, 1 for validation, 2 for testing.
    part: usize,
}

/// All sounds, by word, speaker and take.
fn takes(options: &CommandsOptions) -> impl Iterator<Item = Take> {
    let CommandsOptions {
        speakers,
        takes,
        seed,
    } = *options;
    let [train, valid, _] = parts(speakers);
    let order = derived_seed(seed, &[purpose::SYNTH]);
    (0..WORDS.len() * speakers * takes).map(move |at| {
        let speaker = at / takes % speakers;
        Take {
            speaker,
            voice: permuted(order, 0, VOICES, speaker),
            word: at / takes / speakers,
            number: at % takes,
            part: usize::from(speaker >= train) + usize::from(speaker >= train + valid),
        }
    })
}

impl Take {
    fn file(&self) -> String {
        let Self {
            speaker, number, ..
        } = self;
        format!("{}/{speaker:08x}_nohash_{number}.wav", WORDS[self.word])
    }

    /// A second with the word in it.
    fn sound(&self, program: &OsStr, seed: u64) -> Result<Vec<f32>, DataError> {
        let speaker = self.speaker as u64;
        // The pitch that a speaker has whatever is said.
        let own = below(&mut stream(seed, &[purpose::SYNTH, speaker]), 50) as u32;
        let key = [
            purpose::SYNTH,
            speaker,
            self.word as u64,
            self.number as u64,
        ];
        let rng = &mut stream(seed, &key);
        let voice = Voice {
            name: name(self.voice),
            pitch: 20 + own + below(rng, 20) as u32,
            speed: 120 + below(rng, 90) as u32,
        };
        let speech = say(program, &voice, WORDS[self.word])?;
        let at_rate = resample(speech, RATE).map_err(|reason| DataError::Program {
            program: program.to_string_lossy().into_owned(),
            problem: reason,
        })?;
        let word = trimmed(&at_rate);
        let mut second = vec![0.0; LENGTH];
        let length = word.len().min(LENGTH);
        let start = below(rng, LENGTH - length + 1);
        let loudest = word
            .iter()
            .fold(0.0_f32, |most, sample| most.max(sample.abs()));
        let gain = (0.1 + 0.7 * unit(rng)) / loudest.max(1e-6);
        for (place, sample) in second[start..].iter_mut().zip(word) {
            *place = gain * sample;
        }
        let level = LEVELS[below(rng, LEVELS.len())];
        let colour = match unit64(rng) < 0.5 {
            true => Colour::White,
            false => Colour::Pink,
        };
        if level.is_finite() {
            add(&mut second, &noise(colour, LENGTH, rng), level);
        }
        Ok(second)
    }
}

/// A word without what is quiet before and behind it.
fn trimmed(sound: &Waveform) -> &[f32] {
    let samples = &sound.samples;
    let loudest = samples
        .iter()
        .fold(0.0_f32, |most, sample| most.max(sample.abs()));
    let is_loud = |sample: &f32| sample.abs() > QUIET * loudest;
    let first = samples.iter().position(is_loud).unwrap_or(0);
    let last = samples.iter().rposition(is_loud).map_or(0, |at| at + 1);
    &samples[first.min(last)..last]
}

fn list(takes: &[Take], part: usize) -> String {
    let own = takes.iter().filter(|take| take.part == part);
    own.fold(String::new(), |mut text, take| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}", take.file());
        text
    })
}

fn readme(options: &CommandsOptions, summary: &CommandsSummary) -> String {
    let CommandsOptions {
        speakers,
        takes,
        seed,
    } = options;
    let ([train, valid, test], [a, b, c]) = (summary.sounds, summary.speakers);
    let words = WORDS.join(", ");
    format!(
        "# Spoken commands, synthetic\n\n\
         Made by `elapid data synth commands` with --speakers {speakers} --takes {takes} --seed {seed} and\n\
         {}. Equal options and versions give equal files.\n\n\
         Twelve words ({words}),\n\
         one second each, 16 kHz, 16 bits, in the layout of Speech Commands. Each speaker is an accent and a throat of\n\
         espeak-ng with a pitch of its own. Pitch, speed, loudness, place within the second and noise (none, or white or\n\
         pink at 30, 20, 10 or 5 dB below the word) are drawn for each sound.\n\n\
         | part | sounds | speakers |\n|---|---|---|\n\
         | train | {train} | {a} |\n| valid | {valid} | {b} |\n| test | {test} | {c} |\n\n\
         Good for trying things out. Accuracies say little of real speech.\n",
        summary.program
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs::File;

    use tempfile::TempDir;

    use super::*;
    use crate::audio::layout::speech_commands::{Words, splits};
    use crate::audio::layout::write::contents;
    use crate::audio::{AudioDataset, decode};

    const FEW: CommandsOptions = CommandsOptions {
        speakers: 10,
        takes: 1,
        seed: 3,
    };

    /// A stand-in for espeak-ng, which the machine of the tests need not have: says one recorded sound, whatever is asked.
    #[cfg(unix)]
    fn stand_in(folder: &Path) -> std::path::PathBuf {
        use std::io::Write;
        use std::os::unix::fs::PermissionsExt;
        let (program, sound) = (folder.join("speak"), folder.join("sound.wav"));
        let tone: Vec<f32> = (0..8000).map(|n| 0.4 * (n as f32 * 0.1).sin()).collect();
        let samples = [vec![0.0; 500], tone, vec![0.0; 2000]].concat();
        write_wav(&sound, &samples, RATE).unwrap();
        let text = format!(
            "#!/bin/sh\nif [ \"$1\" = --version ]; then echo 'stand-in 1 Data at: x'; else cat '{}'; fi\n",
            sound.display()
        );
        let mut file = File::create(&program).unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file.set_permissions(fs::Permissions::from_mode(0o755))
            .unwrap();
        program
    }

    fn message(out: &Path, options: CommandsOptions) -> String {
        commands(out, &options).unwrap_err().to_string()
    }

    fn files(dataset: &AudioDataset) -> Vec<String> {
        let sounds = contents(dataset).into_iter();
        sounds.map(|(name, _)| name).collect()
    }

    #[cfg(unix)]
    #[test]
    fn sets_are_read_back_and_made_again() {
        let root = TempDir::new().unwrap();
        let program = stand_in(root.path());
        let make = |name: &str, seed| {
            let out = root.path().join(name);
            let options = CommandsOptions { seed, ..FEW };
            let summary = spoken_by(program.as_os_str(), &out, &options).unwrap();
            assert_eq!(summary.sounds, [96, 12, 12]);
            assert_eq!(
                (summary.speakers, summary.program.as_str()),
                ([8, 1, 1], "stand-in 1")
            );
            out
        };
        let (first, again, other) = (make("a", 3), make("b", 3), make("c", 4));
        let read = |out: &Path, file: &str| fs::read(out.join(file)).unwrap();
        for file in ["yes/00000002_nohash_0.wav", "testing_list.txt", "README.md"] {
            assert_eq!(read(&first, file), read(&again, file));
        }
        let file = "yes/00000002_nohash_0.wav";
        assert_ne!(read(&first, file), read(&other, file));
        let sound = decode(Path::new(file), &read(&first, file)).unwrap();
        assert_eq!(
            (sound.waveform.samples.len(), sound.waveform.rate),
            (16_000, 16_000)
        );

        let set = splits(&first, Words::All, 0).unwrap();
        assert_eq!(set.train.classes(), WORDS);
        let valid = set.valid.unwrap();
        assert_eq!((set.train.len(), valid.len(), set.test.len()), (96, 12, 12));
        let speakers = |dataset: &AudioDataset| -> BTreeSet<String> {
            files(dataset)
                .iter()
                .map(|name| name[..8].to_owned())
                .collect()
        };
        let (a, b, c) = (
            speakers(&*set.train),
            speakers(&*valid),
            speakers(&*set.test),
        );
        assert_eq!((a.len(), b.len(), c.len()), (8, 1, 1));
        assert!(a.is_disjoint(&b) && a.is_disjoint(&c) && b.is_disjoint(&c));
    }

    #[test]
    fn words_are_cut_out_of_the_quiet_around_them() {
        let sound = Waveform {
            samples: vec![0.0, 0.001, 0.5, 0.0, -1.0, 0.01, 0.0],
            rate: RATE,
        };
        assert_eq!(trimmed(&sound), [0.5, 0.0, -1.0]);
    }

    #[test]
    fn mistakes_are_named() {
        let root = TempDir::new().unwrap();
        let out = root.path().join("new");
        assert_eq!(
            message(&out, CommandsOptions { speakers: 9, ..FEW }),
            "speakers is 9, expected 10 to 96"
        );
        assert_eq!(
            message(&out, CommandsOptions { takes: 0, ..FEW }),
            "takes is 0, expected 1 to 1000"
        );
        fs::write(root.path().join("a"), "").unwrap();
        let said = message(root.path(), FEW);
        assert!(
            said.ends_with("it is there and not an empty folder; name another one, or remove it")
        );
        let error = spoken_by(OsStr::new("no-such-espeak"), &out, &FEW).unwrap_err();
        assert!(error.to_string().contains("apt-get install espeak-ng"));
        assert!(!out.exists());
    }
}

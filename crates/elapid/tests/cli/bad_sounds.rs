//! Sounds that are damaged, odd or none: each is refused by name, passed over by name, or read.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::{TempDir, tempdir};

use crate::support::{elapid, fail, metrics, root};

/// Half a second at 16 kHz, which is as long as the model's input.
const SAMPLES: usize = 8_000;

/// How numbers are stored in a WAV file.
#[derive(Clone, Copy)]
enum Numbers {
    Whole,
    Float,
}

/// A WAV file of `values`, whose channels alternate.
fn wav(numbers: Numbers, channels: u16, rate: u32, values: &[f32]) -> Vec<u8> {
    let data: Vec<u8> = match numbers {
        Numbers::Whole => {
            let whole = values.iter().map(|value| (value * 32_767.0) as i16);
            whole.flat_map(i16::to_le_bytes).collect()
        }
        Numbers::Float => values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect(),
    };
    let (tag, width) = match numbers {
        Numbers::Whole => (1_u16, 2_u16),
        Numbers::Float => (3, 4),
    };
    let length = data.len() as u32;
    let block = channels * width;
    [
        &b"RIFF"[..],
        &(36 + length).to_le_bytes(),
        b"WAVEfmt ",
        &16_u32.to_le_bytes(),
        &tag.to_le_bytes(),
        &channels.to_le_bytes(),
        &rate.to_le_bytes(),
        &(rate * u32::from(block)).to_le_bytes(),
        &block.to_le_bytes(),
        &(8 * width).to_le_bytes(),
        b"data",
        &length.to_le_bytes(),
        &data,
    ]
    .concat()
}

fn tone(pitch: f32, samples: usize) -> Vec<f32> {
    (0..samples)
        .map(|at| 0.5 * (pitch * at as f32).sin())
        .collect()
}

/// Two classes of four training sounds and one test sound each.
fn good_sounds() -> TempDir {
    let folder = tempdir().unwrap();
    for (class, pitch) in [("high", 0.9), ("low", 0.1)] {
        for (part, count) in [("train", 4), ("test", 1)] {
            let sounds = folder.path().join(part).join(class);
            fs::create_dir_all(&sounds).unwrap();
            for number in 0..count {
                let values = tone(pitch + 0.01 * number as f32, SAMPLES);
                let bytes = wav(Numbers::Whole, 1, 16_000, &values);
                fs::write(sounds.join(format!("{number}.wav")), bytes).unwrap();
            }
        }
    }
    folder
}

/// What no sound can be made of: name, content, and what is said of it.
fn unusable() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let whole = wav(Numbers::Whole, 1, 16_000, &tone(0.3, SAMPLES));
    let mut odd = tone(0.3, SAMPLES);
    odd[77] = f32::NAN;
    let recorded = |name: &str| fs::read(root().join("tests/golden/audio_files").join(name));
    let flac = recorded("mono_16k.flac").unwrap();
    vec![
        ("empty.wav", Vec::new(), "the file is empty"),
        ("header.wav", whole[..30].to_vec(), "cut off in its header"),
        ("no_samples.wav", whole[..44].to_vec(), "cut off"),
        ("half.wav", whole[..8_000].to_vec(), "promises 8000 numbers"),
        ("half.flac", flac[..flac.len() / 2].to_vec(), "cut off"),
        (
            "one_sample.wav",
            wav(Numbers::Whole, 1, 16_000, &[0.5]),
            "1 sample",
        ),
        (
            "not_a_number.wav",
            wav(Numbers::Float, 1, 16_000, &odd),
            "sample 77 is NaN",
        ),
        ("prose.wav", b"This is no sound.".to_vec(), "a text file"),
        (
            "picture.wav",
            b"\x89PNG\r\n\x1a\n and so on".to_vec(),
            "a PNG image",
        ),
        ("opus.ogg", recorded("opus_16k.opus.ogg").unwrap(), "Opus"),
    ]
}

/// What is a sound all the same: name, content, and what is remarked.
fn usable() -> Vec<(&'static str, Vec<u8>, Option<&'static str>)> {
    let mp3 = fs::read(root().join("tests/golden/audio_files/stereo_44k.mp3")).unwrap();
    vec![
        (
            "silent.wav",
            wav(Numbers::Whole, 1, 16_000, &[0.0; SAMPLES]),
            Some("silent: every sample is 0"),
        ),
        (
            "eight_channels.wav",
            wav(Numbers::Whole, 8, 16_000, &tone(0.3, 8 * SAMPLES)),
            None,
        ),
        (
            "studio.wav",
            wav(Numbers::Float, 2, 96_000, &tone(0.3, 12 * SAMPLES)),
            None,
        ),
        ("mp3.wav", mp3, Some("is MP3 by its content")),
    ]
}

/// `elapid train` for one step on every training sound.
fn train(sounds: &Path, out: &Path, set: &[&str]) -> Command {
    let count: usize = ["high", "low"]
        .iter()
        .map(|class| {
            fs::read_dir(sounds.join("train").join(class))
                .unwrap()
                .count()
        })
        .sum();
    let path = format!("data.path={:?}", sounds.to_str().unwrap());
    let batch = format!("train.batch_size={count}");
    let mut command = elapid(["train", "--device", "cpu"]);
    command.arg(root().join("configs/smoke/ssamba.toml"));
    command.arg("--out").arg(out);
    for value in [&path, &batch, "train.steps=1", "data.valid_fraction=0"] {
        command.args(["--set", value]);
    }
    for value in set {
        command.args(["--set", value]);
    }
    command
}

fn put(sounds: &Path, part: &str, name: &str, content: &[u8]) -> PathBuf {
    let path = sounds.join(part).join("high").join(name);
    fs::write(&path, content).unwrap();
    path
}

/// No message may be that of a defect.
fn is_plain(message: &str) -> bool {
    ["panicked", "stack backtrace", "defect in elapid"]
        .iter()
        .all(|trace| !message.contains(trace))
}

#[test]
fn what_cannot_be_decoded_stops_a_run_by_name() {
    let sounds = good_sounds();
    let out = tempdir().unwrap();
    for (name, content, reason) in unusable() {
        let path = put(sounds.path(), "train", name, &content);
        let run = out.path().join(name);
        let (code, message) = fail(&mut train(
            sounds.path(),
            &run,
            &["data.augment.mixup_rate=0"],
        ));
        assert_eq!(code, Some(1), "{name}: {message}");
        let expected = [&path.display().to_string(), reason];
        for words in expected {
            assert!(message.contains(words), "{name}: {message}");
        }
        assert!(is_plain(&message), "{message}");
        fs::remove_file(path).unwrap();
    }
}

#[test]
fn what_cannot_be_decoded_is_passed_over_by_name() {
    let sounds = good_sounds();
    let out = tempdir().unwrap();
    let mut names = Vec::new();
    for part in ["train", "test"] {
        for (name, content, reason) in unusable() {
            let path = put(sounds.path(), part, name, &content);
            names.push((path.display().to_string(), reason));
        }
    }
    for mixup in ["data.augment.mixup_rate=0", "data.augment.mixup_rate=1"] {
        let run = out.path().join(mixup);
        let set = [mixup, "data.audio.corrupt=\"skip\""];
        let (code, message) = fail(&mut train(sounds.path(), &run, &set));
        assert_eq!(code, Some(0), "{message}");
        assert!(is_plain(&message), "{message}");
        let tested = metrics(&run);
        assert!(tested.iter().any(|line| line["split"] == "test"));
        for (name, reason) in &names {
            let lines = message.lines().filter(|line| line.contains(name.as_str()));
            let lines: Vec<&str> = lines.collect();
            // A mixture with a sound that is too short for itself is a sound.
            let is_part = mixup.ends_with('1') && name.contains("train");
            assert!(
                lines.len() == 1 || is_part && lines.is_empty(),
                "{name}: {message}"
            );
            for line in lines {
                assert!(
                    line.contains(reason) && line.contains("passed over"),
                    "{line}"
                );
            }
        }
    }
}

#[test]
fn odd_sounds_are_read() {
    let sounds = good_sounds();
    let out = tempdir().unwrap();
    for (name, content, _) in usable() {
        put(sounds.path(), "train", name, &content);
        put(sounds.path(), "test", name, &content);
    }
    let run = out.path().join("run");
    let (code, message) = fail(&mut train(sounds.path(), &run, &[]));
    assert_eq!(code, Some(0), "{message}");
    for (name, _, remark) in usable() {
        let mut lines = message.lines().filter(|line| line.contains(name));
        match remark {
            Some(remark) => assert!(lines.all(|line| line.contains(remark)), "{name}: {message}"),
            None => assert_eq!(lines.next(), None),
        }
    }
    let mut predict = elapid(["predict", "--top", "1"]);
    predict.arg(&run).arg(sounds.path().join("test/high"));
    assert_eq!(fail(&mut predict).0, Some(0));
}

#[test]
fn predictions_refuse_what_cannot_be_decoded() {
    let sounds = good_sounds();
    let out = tempdir().unwrap();
    let run = out.path().join("run");
    assert_eq!(fail(&mut train(sounds.path(), &run, &[])).0, Some(0));
    for (name, content, reason) in unusable() {
        let path = out.path().join(name);
        fs::write(&path, content).unwrap();
        let (code, message) = fail(elapid(["predict"]).arg(&run).arg(&path));
        assert_eq!(code, Some(2), "{name}: {message}");
        assert!(
            message.contains(name) && message.contains(reason),
            "{message}"
        );
        assert!(is_plain(&message), "{message}");
    }
}

#[test]
fn folds_that_are_none() {
    let folder = tempdir().unwrap();
    let out = folder.path().join("run");
    fs::create_dir_all(folder.path().join("audio")).unwrap();
    fs::create_dir_all(folder.path().join("meta")).unwrap();
    let mut rows = String::from("filename,fold,target,category\n");
    for fold in 1..=5 {
        for (target, category) in ["dog", "rain"].iter().enumerate() {
            let name = format!("{fold}-{target}.wav");
            let bytes = wav(Numbers::Whole, 1, 16_000, &tone(0.2, SAMPLES));
            fs::write(folder.path().join("audio").join(&name), bytes).unwrap();
            rows += &format!("{name},{fold},{target},{category}\n");
        }
    }
    let table = folder.path().join("meta/esc50.csv");
    let refused = |rows: &str, fold: &str, expected: &[&str]| {
        fs::write(&table, rows).unwrap();
        let path = format!("data.path={:?}", folder.path().to_str().unwrap());
        let mut command = elapid(["train"]);
        command.arg(root().join("configs/smoke/ssamba.toml"));
        for value in ["data.name=esc50", &path, &format!("data.fold={fold}")] {
            command.args(["--set", value]);
        }
        let (code, message) = fail(command.arg("--out").arg(&out));
        assert_eq!(code, Some(2), "{message}");
        for words in expected {
            assert!(message.contains(words), "{message}");
        }
        assert!(is_plain(&message) && !out.exists());
    };
    refused(&rows, "6", &["data.fold is 6", "esc50.csv`: 1 to 5"]);
    refused(&rows, "0", &["`fold` in [data] must be at least 1, got 0"]);
    let word = rows.replace("3-1.wav,3,", "3-1.wav,three,");
    refused(&word, "1", &["esc50.csv", "row 7", "fold is `three`"]);
    let negative = rows.replace("3-1.wav,3,", "3-1.wav,-3,");
    refused(&negative, "1", &["esc50.csv", "row 7", "fold is `-3`"]);
    let single = rows.replace(",2,", ",1,").replace(",3,", ",1,");
    let single = single.replace(",4,", ",1,").replace(",5,", ",1,");
    refused(&single, "1", &["esc50.csv", "only fold"]);
}

use std::io::Cursor;

use hound::{SampleFormat, WavSpec, WavWriter};

use super::*;
use crate::transform::golden;

/// A WAV file in memory.
fn wav(spec: WavSpec, write: impl FnOnce(&mut WavWriter<&mut Cursor<Vec<u8>>>)) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let mut writer = WavWriter::new(&mut bytes, spec).unwrap();
    write(&mut writer);
    writer.finalize().unwrap();
    bytes.into_inner()
}

fn spec(channels: u16, rate: u32, bits: u16, format: SampleFormat) -> WavSpec {
    WavSpec {
        channels,
        sample_rate: rate,
        bits_per_sample: bits,
        sample_format: format,
    }
}

fn whole(bits: u16, numbers: &[i32]) -> Vec<u8> {
    wav(spec(1, 16_000, bits, SampleFormat::Int), |writer| {
        for &number in numbers {
            writer.write_sample(number).unwrap();
        }
    })
}

fn floats(channels: u16, rate: u32, numbers: &[f32]) -> Vec<u8> {
    wav(spec(channels, rate, 32, SampleFormat::Float), |writer| {
        for &number in numbers {
            writer.write_sample(number).unwrap();
        }
    })
}

fn read(name: &str, bytes: &[u8]) -> Recording {
    decode(Path::new(name), bytes).unwrap()
}

fn reason(bytes: &[u8]) -> String {
    decode(Path::new("a.wav"), bytes).unwrap_err()
}

fn recorded(name: &str) -> Vec<u8> {
    std::fs::read(golden::path(&format!("audio_files/{name}"))).unwrap()
}

#[test]
fn whole_numbers_of_all_widths_are_scaled_to_one() {
    for bits in [8, 16, 24, 32] {
        let full = i32::MIN >> (32 - bits);
        let bytes = whole(bits, &[full, full / 2, 0, -(full / 4)]);
        let recording = read("a.WAV", &bytes);
        assert_eq!(
            recording.waveform.samples,
            [-1.0, -0.5, 0.0, 0.25],
            "{bits}"
        );
        assert_eq!(recording.waveform.rate, 16_000);
        assert!(recording.remarks.is_empty());
    }
}

#[test]
fn floating_point_numbers_stay_as_they_are() {
    let recording = read("a.wav", &floats(1, 96_000, &[0.1, -3.5, 1e-20]));
    assert_eq!(recording.waveform.samples, [0.1, -3.5, 1e-20]);
    assert_eq!(recording.waveform.rate, 96_000);
}

#[test]
fn eight_channels_become_one() {
    let numbers: Vec<f32> = (0..16).map(|at| at as f32 / 16.0).collect();
    let recording = read("a.wav", &floats(8, 48_000, &numbers));
    assert_eq!(recording.waveform.samples, [3.5 / 16.0, 11.5 / 16.0]);
}

#[test]
fn one_sample_is_a_sound() {
    assert_eq!(read("a.wav", &whole(16, &[16_384])).waveform.samples, [0.5]);
}

#[test]
fn silence_and_wrong_endings_are_remarked_upon() {
    let recording = read("x/quiet.mp3", &whole(16, &[0; 100]));
    assert_eq!(
        recording.remarks,
        [
            "`x/quiet.mp3` is WAV by its content, whatever its name says",
            "`x/quiet.mp3` is silent: every sample is 0"
        ]
    );
}

#[test]
fn compressed_files_are_those_of_libsndfile() {
    for name in ["mono_16k", "stereo_44k"] {
        for ending in ["flac", "ogg", "mp3"] {
            let file = format!("{name}.{ending}");
            let ours = read(&file, &recorded(&file));
            let theirs = read("x.wav", &recorded(&format!("{name}_{ending}.wav")));
            assert_eq!(ours.remarks, Vec::<String>::new());
            let (ours, theirs) = (ours.waveform, theirs.waveform);
            assert_eq!(
                (ours.rate, ours.samples.len()),
                (theirs.rate, theirs.samples.len()),
                "{file}"
            );
            let pairs = ours.samples.iter().zip(&theirs.samples);
            let largest = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            // Half a step of the 16 bits that were recorded is 1.5e-5.
            assert!(largest < 1e-4, "{file}: {largest}");
        }
    }
}

#[test]
fn an_id3_tag_is_passed_over() {
    let tag = [b"ID3\x04\x00\x00\x00\x00\x01\x02".as_slice(), &[0; 130]].concat();
    for file in ["mono_16k.mp3", "mono_16k.flac"] {
        let tagged = [tag.clone(), recorded(file)].concat();
        assert_eq!(read(file, &tagged), read(file, &recorded(file)));
    }
}

#[test]
fn what_is_cut_off_is_noticed() {
    for file in [
        "mono_16k.flac",
        "mono_16k.ogg",
        "mono_16k.mp3",
        "mono_16k_mp3.wav",
    ] {
        let bytes = recorded(file);
        for share in [0.2, 0.5, 0.97] {
            let cut = (bytes.len() as f64 * share) as usize;
            let reason = reason(&bytes[..cut]);
            assert!(
                reason.contains("the file is cut off"),
                "{file} at {cut}: {reason}"
            );
        }
    }
    assert_eq!(
        reason(&whole(16, &[1; 100])[..143]),
        "the file is cut off: its header promises 100 numbers, and it has 49"
    );
    assert_eq!(
        reason(&whole(16, &[1; 100])[..30]),
        "the file is cut off in its header"
    );
}

#[test]
fn files_from_a_pipe_have_no_length() {
    let mut bytes = whole(16, &[8192; 100]);
    for at in [4, 40] {
        bytes[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    }
    assert_eq!(read("a.wav", &bytes).waveform.samples, [0.25; 100]);
}

#[test]
fn what_cannot_be_read_says_what_it_is() {
    let cases: [(&[u8], &str); 8] = [
        (b"", "the file is empty"),
        (
            b"word,file\nyes,1.wav\n",
            "it is a text file; expected WAV, FLAC, MP3 or OGG",
        ),
        (
            b"\x89PNG\r\n\x1a\n",
            "it is a PNG image; expected WAV, FLAC, MP3 or OGG",
        ),
        (
            b"FORM\0\0\0\0AIFF",
            "it is an AIFF file; expected WAV, FLAC, MP3 or OGG",
        ),
        (
            b"\0\0\0\x20ftypM4A ",
            "it is an MP4 or M4A file; expected WAV, FLAC, MP3 or OGG",
        ),
        (
            b"\0\x01\x02\x03",
            "it is not a sound file that is known here; expected WAV, FLAC, MP3 or OGG",
        ),
        (b"RIFF\x04\0\0\0WAVE", "the file is cut off in its header"),
        (b"fLaC", "the file is cut off"),
    ];
    for (bytes, expected) in cases {
        assert_eq!(reason(bytes), expected);
    }
    let opus = reason(&recorded("opus_16k.opus.ogg"));
    assert_eq!(
        opus,
        "the OGG file holds no Vorbis (Opus and Speex are not read)"
    );
    assert_eq!(reason(&whole(16, &[])), "it has a header but no samples");
}

#[test]
fn other_codings_are_named() {
    let mut bytes = whole(16, &[1; 4]);
    // A-law.
    bytes[20] = 6;
    assert_eq!(
        reason(&bytes),
        "WAV with coding 0x0006 and 16 bits is not read, only whole numbers of 8, 16, 24 or 32 bits \
         and floating-point numbers of 32"
    );
}

#[test]
fn impossible_numbers_and_rates_are_refused() {
    assert_eq!(
        reason(&floats(2, 16_000, &[0.0, 0.0, 0.5, f32::NAN])),
        "sample 1 is NaN, which is not a finite number"
    );
    assert_eq!(
        reason(&floats(1, 16_000, &[f32::INFINITY])),
        "sample 0 is inf, which is not a finite number"
    );
    assert_eq!(
        reason(&floats(1, 3, &[0.5])),
        "its header says 3 samples a second, expected 1000 to 768000"
    );
}

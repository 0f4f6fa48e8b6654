use std::f64::consts::TAU;

use serde::Deserialize;

use super::*;
use crate::transform::golden;

#[derive(Deserialize)]
struct Recorded {
    name: String,
    rate: u32,
    length: usize,
    hertz: f64,
    options: Options,
    shape: [usize; 2],
    frames: Vec<usize>,
    values: Vec<Vec<f64>>,
    exact: Vec<Vec<f64>>,
    mean: f64,
}

/// Arguments of torchaudio.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    #[serde(rename = "htk_compat")]
    _htk_compat: Option<bool>,
    window_type: String,
    num_mel_bins: usize,
    frame_length: Option<f64>,
    frame_shift: Option<f64>,
    low_freq: Option<f64>,
    high_freq: Option<f64>,
    snip_edges: Option<bool>,
    use_power: Option<bool>,
    use_log_fbank: Option<bool>,
    remove_dc_offset: Option<bool>,
    preemphasis_coefficient: Option<f32>,
    round_to_power_of_two: Option<bool>,
}

fn settings(rate: u32, options: &Options) -> FilterbankSettings {
    let default = FilterbankSettings::kaldi(rate);
    let window = match options.window_type.as_str() {
        "hanning" => Window::Hanning,
        "povey" => Window::Povey,
        "hamming" => Window::Hamming,
        "blackman" => Window::Blackman,
        "rectangular" => Window::Rectangular,
        other => panic!("{other}"),
    };
    FilterbankSettings {
        rate,
        bins: options.num_mel_bins,
        frame_length: options.frame_length.unwrap_or(default.frame_length),
        frame_shift: options.frame_shift.unwrap_or(default.frame_shift),
        window,
        remove_dc_offset: options.remove_dc_offset.unwrap_or(true),
        preemphasis: options.preemphasis_coefficient.unwrap_or(0.97),
        low_frequency: options.low_freq.unwrap_or(default.low_frequency),
        high_frequency: options.high_freq.unwrap_or(default.high_frequency),
        round_to_power_of_two: options.round_to_power_of_two.unwrap_or(true),
        snip_edges: options.snip_edges.unwrap_or(true),
        use_power: options.use_power.unwrap_or(true),
        use_log: options.use_log_fbank.unwrap_or(true),
    }
}

/// The signal of the generator: a tone and noise, minus the mean.
pub(crate) fn signal(rate: u32, length: usize, hertz: f64, seed: u64) -> Vec<f32> {
    let mut state = seed;
    let wave: Vec<f64> = (0..length)
        .map(|at| {
            let noise = state as f64 / f64::from(1 << 30) - 1.0;
            state = (1_103_515_245 * state + 12_345) % (1 << 31);
            let tone = (TAU * hertz * at as f64 / f64::from(rate)).sin();
            0.5 * tone + 0.1 * noise
        })
        .collect();
    let mean = wave.iter().sum::<f64>() / length as f64;
    wave.iter().map(|value| (value - mean) as f32).collect()
}

#[test]
fn filterbanks_are_those_of_torchaudio() {
    for case in golden::cases::<Recorded>("fbank/filterbanks.json") {
        let name = &case.name;
        let bank = Filterbank::new(settings(case.rate, &case.options)).unwrap();
        let frames = bank
            .compute(&signal(case.rate, case.length, case.hertz, 1))
            .unwrap();
        assert_eq!([frames.len(), frames.bins], case.shape, "{name}");
        // Without the logarithm the values go up to thousands.
        let scale = if case.options.use_log_fbank == Some(false) {
            case.exact.iter().flatten().copied().fold(0.0, f64::max)
        } else {
            1.0
        };
        for ((&at, single), double) in case.frames.iter().zip(&case.values).zip(&case.exact) {
            let ours = &frames.values[at * frames.bins..][..frames.bins];
            for ((ours, single), double) in ours.iter().zip(single).zip(double) {
                let (ours, slack) = (f64::from(*ours), (single - double).abs());
                assert!(
                    (ours - double).abs() < 1e-4 * scale,
                    "{name} frame {at}: {ours} and {double}"
                );
                assert!(
                    (ours - single).abs() < 1e-4 * scale + slack,
                    "{name} frame {at}"
                );
            }
        }
        let sum: f64 = frames.values.iter().copied().map(f64::from).sum();
        let mean = sum / frames.values.len() as f64;
        assert!((mean - case.mean).abs() < 1e-5 * scale, "{name}: {mean}");
    }
}

#[test]
fn a_frame_does_not_depend_on_those_beside_it() {
    let bank = Filterbank::new(FilterbankSettings::ast(16_000)).unwrap();
    let sound = signal(16_000, 16_000, 440.0, 3);
    let whole = bank.compute(&sound).unwrap();
    for at in [0, 1, 15, 16, 17, 97] {
        let alone = bank.compute(&sound[at * 160..][..400]).unwrap();
        assert_eq!(alone.values, whole.values[at * 128..][..128], "{at}");
    }
}

#[test]
fn frames_are_counted_as_published() {
    let bank = Filterbank::new(FilterbankSettings::ast(16_000)).unwrap();
    let counts = [1, 5, 10, 60].map(|seconds| bank.frames(seconds * 16_000));
    assert_eq!(counts, [98, 498, 998, 5998]);
    assert_eq!([399, 400, 559, 560].map(|n| bank.frames(n)), [0, 1, 1, 2]);
}

#[test]
fn silence_is_the_floor() {
    let bank = Filterbank::new(FilterbankSettings::ast(16_000)).unwrap();
    let frames = bank.compute(&[0.0; 2000]).unwrap();
    // ln of 2^-23.
    assert!(
        frames
            .values
            .iter()
            .all(|&value| (value + 15.942_385).abs() < 2e-6)
    );
}

#[test]
fn what_is_too_short_says_so() {
    let bank = Filterbank::new(FilterbankSettings::ast(16_000)).unwrap();
    assert_eq!(
        bank.compute(&[0.5]).unwrap_err(),
        "it has 1 sample at 16000 Hz, fewer than the 400 of one frame of 25 ms"
    );
}

#[test]
fn illegal_settings_are_named() {
    let message = |change: fn(&mut FilterbankSettings)| {
        let mut settings = FilterbankSettings::ast(16_000);
        change(&mut settings);
        Filterbank::new(settings).unwrap_err().to_string()
    };
    assert_eq!(
        message(|s| s.bins = 3),
        "audio.bins is 3, expected at least 4"
    );
    assert_eq!(
        message(|s| s.high_frequency = 9000.0),
        "audio.high_frequency is 9000, expected above 20 and at most 8000 Hz"
    );
    assert_eq!(
        message(|s| s.frame_length = 0.1),
        "audio.frame_length is 1 samples, expected at least 2 samples"
    );
    let odd = message(|s| {
        s.round_to_power_of_two = false;
        s.frame_length = 25.0625;
    });
    assert!(
        odd.starts_with("audio.frame_length is 401 samples, expected an even"),
        "{odd}"
    );
    assert_eq!(
        message(|s| s.frame_shift = 0.0),
        "audio.frame_shift is 0 samples, expected at least 1 sample"
    );
}

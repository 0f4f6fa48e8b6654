//! The transforms of one sound, in the order of the official code.

use std::sync::Arc;

use rand_chacha::ChaCha8Rng;

use super::{Mask, Mixup, Noise, blend, centre, draw_shift, fit, normalise, roll};
use crate::audio::filterbank::{Filterbank, Frames};
use crate::audio::resample::resample;
use crate::audio::waveform::Waveform;
use crate::error::DataError;
use crate::transform::require;

/// Everything between a sound and the network's input, in the order of AST, SSAST and SSAMBA (`src/dataloader.py`): mean,
/// mixup, filterbank, padding or cutting, masks, normalisation, noise, shift.
#[derive(Clone, Debug)]
pub struct AudioPipeline {
    /// From waveforms to mel bins. Sounds are brought to its rate before anything else.
    pub filterbank: Arc<Filterbank>,
    /// Frames of the network's input.
    pub frames: usize,
    /// Mean of the data set's log-mel values.
    pub mean: f32,
    /// Standard deviation of the data set's log-mel values.
    pub std: f32,
    /// Random changes to training sounds.
    pub augment: Option<AudioAugment>,
}

/// What is drawn for each training sound.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct AudioAugment {
    /// Share of the sounds that are mixed with another one.
    pub mixup: f64,
    /// Widest mask in bins, exclusive.
    pub frequency_mask: usize,
    /// Widest mask in frames, exclusive.
    pub time_mask: usize,
    /// Strongest noise; the official code's is 0.1.
    pub noise: f32,
    /// Furthest shift in frames; the official code's is 10.
    pub shift: usize,
}

/// What was drawn for one sound.
#[derive(Clone, Debug)]
pub struct Changes {
    /// With what it is mixed.
    pub mixup: Option<Mixup>,
    bins: Mask,
    frames: Mask,
    noise: Option<Noise>,
    shift: i64,
}

/// The network's input for one sound.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// `[frames, bins]`, normalised.
    pub values: Vec<f32>,
    /// Frames that are sound and not padding.
    pub len: usize,
}

impl AudioAugment {
    /// What is done to one of `len` sounds, whose input has `frames × bins` values. Each kind of change has numbers of its
    /// own, so that what one setting draws does not depend on another.
    #[must_use]
    pub fn draw(&self, len: usize, frames: usize, bins: usize, rng: &ChaCha8Rng) -> Changes {
        let numbered = |number| {
            let mut rng = rng.clone();
            rng.set_stream(number);
            rng
        };
        Changes {
            mixup: Mixup::draw(self.mixup, len, &mut numbered(0)),
            bins: Mask::draw(self.frequency_mask, bins, &mut numbered(1)),
            frames: Mask::draw(self.time_mask, frames, &mut numbered(2)),
            noise: (self.noise > 0.0).then(|| Noise::draw(self.noise, &mut numbered(3))),
            shift: draw_shift(self.shift, &mut numbered(4)),
        }
    }

    /// Refuses ranges that nothing could be drawn from.
    fn check(&self, frames: usize, bins: usize) -> Result<(), DataError> {
        let is_share = (0.0..=1.0).contains(&self.mixup);
        require(is_share, "augment.mixup_rate", self.mixup, "0 to 1")?;
        let (mask, expected) = (self.frequency_mask, format!("at most {bins} bins"));
        require(mask <= bins, "augment.frequency_mask", mask, &expected)?;
        let (mask, expected) = (self.time_mask, format!("at most {frames} frames"));
        require(mask <= frames, "augment.time_mask", mask, &expected)?;
        let is_strength = self.noise >= 0.0 && self.noise.is_finite();
        require(is_strength, "augment.noise", self.noise, "at least 0")
    }
}

impl AudioPipeline {
    /// Bins of the network's input.
    #[must_use]
    pub fn bins(&self) -> usize {
        self.filterbank.settings().bins
    }

    /// What is done to one of `len` sounds: nothing unless the pipeline has an [`AudioAugment`] and `rng` is given.
    #[must_use]
    pub fn draw(&self, len: usize, rng: Option<&ChaCha8Rng>) -> Option<Changes> {
        let (augment, rng) = (self.augment.as_ref()?, rng?);
        Some(augment.draw(len, self.frames, self.bins(), rng))
    }

    /// The filterbank of one sound, all frames of it.
    ///
    /// # Errors
    ///
    /// The reason, if the sound is shorter than a frame.
    pub fn filterbank(&self, sound: Waveform) -> Result<Frames, String> {
        let mut samples = self.at_rate(sound)?;
        centre(&mut samples);
        self.filterbank.compute(&samples)
    }

    /// The filterbank of one sound that is mixed with another.
    ///
    /// # Errors
    ///
    /// As [`filterbank`](Self::filterbank).
    pub fn mixed(&self, sound: Waveform, partner: Waveform, share: f64) -> Result<Frames, String> {
        let mut samples = self.at_rate(sound)?;
        blend(&mut samples, &mut self.at_rate(partner)?, share);
        self.filterbank.compute(&samples)
    }

    /// The network's input from a filterbank.
    #[must_use]
    pub fn finish(&self, frames: Frames, changes: Option<Changes>) -> Input {
        let len = frames.len().min(self.frames);
        let mut frames = fit(frames, self.frames);
        if let Some(changes) = &changes {
            changes.bins.hide_bins(&mut frames);
            changes.frames.hide_frames(&mut frames);
        }
        normalise(&mut frames, self.mean, self.std);
        if let Some(changes) = changes {
            if let Some(noise) = changes.noise {
                noise.apply(&mut frames);
            }
            roll(&mut frames, changes.shift);
        }
        let values = frames.values;
        Input { values, len }
    }

    fn at_rate(&self, sound: Waveform) -> Result<Vec<f32>, String> {
        Ok(resample(sound, self.filterbank.settings().rate)?.samples)
    }

    /// Refuses settings that no sound could pass.
    ///
    /// # Errors
    ///
    /// If there are no frames, the mean is not finite, the deviation not above 0, or a range of [`AudioAugment`] is not
    /// legal.
    pub fn check(&self) -> Result<(), DataError> {
        require(self.frames > 0, "audio.frames", self.frames, "at least 1")?;
        let (mean, std) = (self.mean, self.std);
        require(mean.is_finite(), "audio.mean", mean, "a finite number")?;
        let is_deviation = std > 0.0 && std.is_finite();
        require(is_deviation, "audio.std", std, "above 0")?;
        let augment = self.augment.as_ref();
        augment.map_or(Ok(()), |augment| augment.check(self.frames, self.bins()))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::audio::filterbank::FilterbankSettings;
    use crate::audio::filterbank::tests::signal;
    use crate::audio::transform::noise;
    use crate::random::stream;
    use crate::transform::golden;

    const AUGMENT: AudioAugment = AudioAugment {
        mixup: 0.5,
        frequency_mask: 48,
        time_mask: 12,
        noise: 0.1,
        shift: 10,
    };

    fn pipeline(frames: usize, augment: Option<AudioAugment>) -> AudioPipeline {
        AudioPipeline {
            filterbank: Arc::new(Filterbank::new(FilterbankSettings::ast(16_000)).unwrap()),
            frames,
            mean: -6.626_807_7,
            std: 5.358_466,
            augment,
        }
    }

    fn sound(length: usize, hertz: f64, seed: u64) -> Waveform {
        Waveform {
            samples: signal(16_000, length, hertz, seed),
            rate: 16_000,
        }
    }

    #[derive(Deserialize)]
    struct Case {
        frames: usize,
        share: f64,
        masks: Option<[[f32; 2]; 2]>,
        noise: Option<f32>,
        shift: Option<i64>,
        kept: Vec<usize>,
        values: Vec<Vec<f32>>,
    }

    /// The same calls as `finish`, with the draws of the generator.
    fn replay(pipeline: &AudioPipeline, frames: Frames, case: &Case) -> Frames {
        let Some([bins, time]) = case.masks else {
            let values = pipeline.finish(frames, None).values;
            return Frames { values, bins: 128 };
        };
        let mut frames = fit(frames, case.frames);
        Mask::at(bins[0], bins[1], 48, 128).hide_bins(&mut frames);
        Mask::at(time[0], time[1], 12, case.frames).hide_frames(&mut frames);
        normalise(&mut frames, pipeline.mean, pipeline.std);
        let mut cells = (0..).map(|at| (at * 37 % 101) as f32 / 101.0);
        noise::add(&mut frames, case.noise.unwrap(), || cells.next().unwrap());
        roll(&mut frames, case.shift.unwrap());
        frames
    }

    #[test]
    fn everything_together_is_what_the_official_order_gives() {
        for case in golden::cases::<Case>("fbank/pipeline.json") {
            let pipeline = pipeline(case.frames, None);
            let (first, second) = (sound(4800, 440.0, 1), sound(4000, 700.0, 7));
            let frames = match case.share < 1.0 {
                true => pipeline.mixed(first, second, case.share),
                false => pipeline.filterbank(first),
            };
            let frames = replay(&pipeline, frames.unwrap(), &case);
            for (&at, expected) in case.kept.iter().zip(&case.values) {
                let ours = &frames.values[at * 128..][..128];
                for (ours, expected) in ours.iter().zip(expected) {
                    assert!(
                        (ours - expected).abs() < 1e-4,
                        "frame {at}: {ours} {expected}"
                    );
                }
            }
        }
    }

    #[test]
    fn inputs_are_a_function_of_sound_and_generator() {
        let pipeline = pipeline(64, Some(AUGMENT));
        let input = |seed| {
            let changes = pipeline.draw(10, Some(&stream(seed, &[])));
            let frames = pipeline.filterbank(sound(8000, 300.0, 1)).unwrap();
            pipeline.finish(frames, changes)
        };
        assert_eq!(input(1), input(1));
        assert_ne!(input(1), input(2));
        assert_eq!((input(1).values.len(), input(1).len), (64 * 128, 48));
        assert!(pipeline.draw(10, None).is_none());
    }

    #[test]
    fn one_setting_does_not_change_what_another_draws() {
        let draw = |augment: AudioAugment| augment.draw(10, 100, 128, &stream(3, &[]));
        let (all, fewer) = (
            draw(AUGMENT),
            draw(AudioAugment {
                noise: 0.0,
                mixup: 0.0,
                ..AUGMENT
            }),
        );
        assert_eq!(
            (all.bins, all.frames, all.shift),
            (fewer.bins, fewer.frames, fewer.shift)
        );
        let none = draw(AudioAugment::default());
        assert_eq!((none.bins.width, none.frames.width, none.shift), (0, 0, 0));
        assert!(none.mixup.is_none() && none.noise.is_none());
    }

    #[test]
    fn other_rates_are_resampled() {
        let pipeline = pipeline(98, None);
        let wide = Waveform {
            samples: signal(44_100, 44_100, 440.0, 1),
            rate: 44_100,
        };
        let frames = pipeline.filterbank(wide).unwrap();
        assert_eq!(frames.len(), 98);
        // The tone is as loud as at 16 kHz.
        let direct = pipeline.filterbank(sound(16_000, 440.0, 1)).unwrap();
        let loudest = |frames: &Frames| frames.values[50 * 128 + 22];
        assert!((loudest(&frames) - loudest(&direct)).abs() < 0.05);
    }

    #[test]
    fn illegal_settings_are_named() {
        let message = |change: fn(&mut AudioPipeline)| {
            let mut pipeline = pipeline(64, Some(AUGMENT));
            change(&mut pipeline);
            pipeline.check().unwrap_err().to_string()
        };
        assert_eq!(pipeline(64, Some(AUGMENT)).check(), Ok(()));
        assert_eq!(
            message(|p| p.frames = 0),
            "audio.frames is 0, expected at least 1"
        );
        assert_eq!(message(|p| p.std = 0.0), "audio.std is 0, expected above 0");
        assert_eq!(
            message(|p| p.frames = 8),
            "augment.time_mask is 12, expected at most 8 frames"
        );
        assert_eq!(
            message(|p| p.augment = Some(AudioAugment {
                mixup: 1.5,
                ..AUGMENT
            })),
            "augment.mixup_rate is 1.5, expected 0 to 1"
        );
    }
}

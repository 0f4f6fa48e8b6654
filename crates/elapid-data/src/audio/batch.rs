//! From a set of sounds to batches in host memory.

use std::ops::Range;
use std::sync::Arc;

use rand_chacha::ChaCha8Rng;

use super::dataset::{AudioDataset, AudioSample};
use super::decode::Recording;
use super::feature_cache::FeatureCache;
use super::filterbank::Frames;
use super::transform::{AudioPipeline, Changes, Mixup};
use crate::corrupt::{Corrupt, Reader};
use crate::error::DataError;
use crate::loader::{Batcher, Draw};

/// Spectrograms and labels, ready to be uploaded.
#[derive(Clone, Debug, PartialEq)]
pub struct FilterbankBatch {
    /// Normalised values, `[B, T, F]` row-major.
    pub values: Vec<f32>,
    /// What is to be told of each sound.
    pub targets: AudioTargets,
    /// Frames of each sound that are not padding, `[B]`.
    pub lengths: Vec<usize>,
    /// B, T and F.
    pub shape: [usize; 3],
}

impl FilterbankBatch {
    /// The batch in parts of `sounds`, the last of which may be smaller, in order.
    #[must_use]
    pub fn split(self, sounds: usize) -> Vec<Self> {
        let [count, frames, bins] = self.shape;
        let parts = (0..count).step_by(sounds).map(|first| {
            let own = first..(first + sounds).min(count);
            let of = |width: usize| own.start * width..own.end * width;
            Self {
                values: self.values[of(frames * bins)].to_vec(),
                targets: match &self.targets {
                    AudioTargets::Classes(classes) => {
                        AudioTargets::Classes(classes[own.clone()].to_vec())
                    }
                    AudioTargets::Weights(weights) => {
                        AudioTargets::Weights(weights[of(weights.len() / count)].to_vec())
                    }
                },
                lengths: self.lengths[own.clone()].to_vec(),
                shape: [own.len(), frames, bins],
            }
        });
        parts.collect()
    }
}

/// Targets of a batch of sounds.
#[derive(Clone, Debug, PartialEq)]
pub enum AudioTargets {
    /// Class of each sound, `[B]`.
    Classes(Vec<usize>),
    /// Weight of each class, `[B, classes]` row-major: sounds have several labels, or are mixed.
    Weights(Vec<f32>),
}

/// How many labels a sound has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Labelling {
    /// One: sounds are classified.
    One,
    /// Any number: sounds are tagged.
    Many,
}

/// Reads sounds and makes filterbanks of them, mixed where that is asked for.
pub struct FilterbankBatcher {
    dataset: Arc<AudioDataset>,
    pipeline: AudioPipeline,
    labelling: Labelling,
    cache: Option<FeatureCache>,
    reader: Reader,
}

impl FilterbankBatcher {
    /// Batches of `dataset`; training batches are augmented as `pipeline` says.
    ///
    /// # Errors
    ///
    /// If the settings of the pipeline are not legal.
    pub fn new(
        dataset: Arc<AudioDataset>,
        pipeline: AudioPipeline,
        labelling: Labelling,
        corrupt: Corrupt,
    ) -> Result<Self, DataError> {
        pipeline.check()?;
        Ok(Self {
            dataset,
            pipeline,
            labelling,
            cache: None,
            reader: Reader::new(corrupt),
        })
    }

    /// Keeps filterbanks of sounds that are not mixed, so that they are computed once.
    #[must_use]
    pub fn cached(self, cache: Option<FeatureCache>) -> Self {
        Self { cache, ..self }
    }

    fn empty(&self, samples: usize) -> FilterbankBatch {
        let (frames, bins) = (self.pipeline.frames, self.pipeline.bins());
        let is_mixed = self.pipeline.augment.is_some_and(|a| a.mixup > 0.0);
        FilterbankBatch {
            values: Vec::with_capacity(samples * frames * bins),
            targets: match self.labelling {
                Labelling::One if !is_mixed => AudioTargets::Classes(Vec::new()),
                _ => AudioTargets::Weights(Vec::new()),
            },
            lengths: Vec::with_capacity(samples),
            shape: [0, frames, bins],
        }
    }

    fn add(&self, batch: &mut FilterbankBatch, row: Row) {
        let input = self.pipeline.finish(row.frames, row.changes);
        batch.values.extend(input.values);
        batch.lengths.push(input.len);
        batch.shape[0] += 1;
        match &mut batch.targets {
            AudioTargets::Classes(classes) => {
                classes.extend(row.labels.first().map(|(label, _)| *label));
            }
            AudioTargets::Weights(weights) => {
                let first = weights.len();
                weights.resize(first + self.dataset.classes().len(), 0.0);
                for (label, weight) in row.labels {
                    weights[first + label] += weight;
                }
            }
        }
    }

    /// Sample `index` up to the filterbank; `None` if it is passed over.
    fn row(&self, index: usize, rng: Option<&ChaCha8Rng>) -> Result<Option<Row>, DataError> {
        let changes = self.pipeline.draw(self.dataset.len(), rng);
        let mixup = changes.as_ref().and_then(|changes| changes.mixup);
        self.reader.load(index, || {
            let (frames, labels) = match mixup {
                Some(mixup) => self.mixed(index, mixup)?,
                None => self.plain(index)?,
            };
            Ok(Row {
                frames,
                labels,
                changes,
            })
        })
    }

    /// The filterbank of a sound, from the cache if it is there.
    fn plain(&self, index: usize) -> Result<(Frames, Weighted), DataError> {
        let sample = self.sample(index)?;
        let compute = || {
            let waveform = self.sound(index, &sample)?.waveform;
            let frames = self.pipeline.filterbank(waveform);
            frames.map_err(|reason| self.unusable(index, reason))
        };
        let frames = match &self.cache {
            Some(cache) => {
                let settings = self.pipeline.filterbank.settings();
                cache.get_or(&sample.source, settings, compute)?
            }
            None => compute()?,
        };
        let labels = sample.labels.into_iter().map(|label| (label, 1.0));
        Ok((frames, labels.collect()))
    }

    /// The filterbank of a sound with its partner. One that is passed over leaves its place to the next.
    fn mixed(&self, index: usize, mixup: Mixup) -> Result<(Frames, Weighted), DataError> {
        let load = |at| {
            let sample = self.sample(at)?;
            let waveform = self.sound(at, &sample)?.waveform;
            Ok((waveform, sample.labels))
        };
        let or_none = |at| self.reader.load(at, || load(at));
        let (sound, own) = load(index)?;
        let (partner, other) = self
            .reader
            .first_of(&*self.dataset, mixup.partner, or_none)?;
        let frames = self.pipeline.mixed(sound, partner, mixup.share);
        let frames = frames.map_err(|reason| self.unusable(index, reason))?;
        let share = mixup.share as f32;
        let own = own.into_iter().map(|label| (label, share));
        let other = other.into_iter().map(|label| (label, 1.0 - share));
        Ok((frames, own.chain(other).collect()))
    }

    fn sample(&self, index: usize) -> Result<AudioSample, DataError> {
        let sample = self.dataset.get(index);
        sample.map_err(|error| DataError::from_dataset(&error, || self.dataset.describe(index)))
    }

    fn sound(&self, index: usize, sample: &AudioSample) -> Result<Recording, DataError> {
        let mut recording = sample.read()?;
        let remarks = std::mem::take(&mut recording.remarks);
        self.reader.remark(index, remarks);
        Ok(recording)
    }

    fn unusable(&self, index: usize, reason: String) -> DataError {
        let sample = self.dataset.describe(index);
        DataError::Sample { sample, reason }
    }
}

impl Batcher for FilterbankBatcher {
    type Batch = FilterbankBatch;

    fn samples(&self) -> usize {
        self.dataset.len()
    }

    fn train(&self, draws: &[Draw], _: ChaCha8Rng) -> Result<FilterbankBatch, DataError> {
        let mut batch = self.empty(draws.len());
        for Draw { index, rng } in draws {
            let load = |at| self.row(at, Some(rng));
            let row = self.reader.first_of(&*self.dataset, *index, load)?;
            self.add(&mut batch, row);
        }
        Ok(batch)
    }

    fn eval(&self, samples: Range<usize>) -> Result<Option<FilterbankBatch>, DataError> {
        let mut batch = self.empty(samples.len());
        for index in samples {
            if let Some(row) = self.row(index, None)? {
                self.add(&mut batch, row);
            }
        }
        Ok((batch.shape[0] > 0).then_some(batch))
    }

    fn warnings(&self) -> Vec<String> {
        self.reader.warnings()
    }
}

/// Classes and their weights.
type Weighted = Vec<(usize, f32)>;

/// One sound of a batch before its last transforms.
struct Row {
    frames: Frames,
    labels: Weighted,
    changes: Option<Changes>,
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tempfile::TempDir;

    use super::*;
    use crate::audio::filterbank::{Filterbank, FilterbankSettings};
    use crate::audio::layout::audio_folder;
    use crate::audio::layout::write::{sound, text};
    use crate::audio::transform::AudioAugment;
    use crate::{EvalLoader, Order, TrainLoader};

    const AUGMENT: AudioAugment = AudioAugment {
        mixup: 0.5,
        frequency_mask: 24,
        time_mask: 4,
        noise: 0.1,
        shift: 3,
    };

    /// Twelve sounds of three classes, and as many for testing.
    fn folder() -> TempDir {
        let root = TempDir::new().unwrap();
        for part in ["train", "test"] {
            for at in 0..12 {
                let class = ["a", "b", "c"][at % 3];
                sound(
                    root.path(),
                    &format!("{part}/{class}/{at}.wav"),
                    0.1 + 0.05 * at as f32,
                );
            }
        }
        root
    }

    fn pipeline(augment: Option<AudioAugment>) -> AudioPipeline {
        AudioPipeline {
            filterbank: Arc::new(Filterbank::new(FilterbankSettings::ast(16_000)).unwrap()),
            frames: 10,
            mean: -6.0,
            std: 5.0,
            augment,
        }
    }

    fn batcher(
        root: &Path,
        augment: Option<AudioAugment>,
        corrupt: Corrupt,
        cache: Option<FeatureCache>,
    ) -> FilterbankBatcher {
        let train = audio_folder::splits(root, 0.0, 0.5, 0).unwrap().train;
        let batcher = FilterbankBatcher::new(train, pipeline(augment), Labelling::One, corrupt);
        batcher.unwrap().cached(cache)
    }

    /// Batch `number` of training.
    fn training(batcher: FilterbankBatcher, order: Order, number: usize) -> FilterbankBatch {
        let loader = TrainLoader::new(batcher, order, 0).unwrap();
        loader.iter_from(number).next().unwrap().unwrap()
    }

    #[test]
    fn evaluation_has_every_sound_once() {
        let root = folder();
        let batcher = batcher(root.path(), Some(AUGMENT), Corrupt::Error, None);
        let loader = EvalLoader::new(batcher, 5, 2).unwrap();
        let batches: Vec<FilterbankBatch> = loader.iter().collect::<Result<_, _>>().unwrap();
        assert_eq!(batches.len(), 3);
        let last = &batches[2];
        assert_eq!(
            (last.shape, last.values.len()),
            ([2, 10, 128], 2 * 10 * 128)
        );
        // 1600 samples are 8 frames, and two rows of padding.
        assert_eq!(last.lengths, [8, 8]);
        assert_eq!(last.values[8 * 128..10 * 128], [0.6; 256]);
        // Mixing is possible in training, so the form is that of weights in both.
        assert_eq!(
            last.targets,
            AudioTargets::Weights([0.0, 0.0, 1.0].repeat(2))
        );
    }

    #[test]
    fn parts_of_a_batch_are_the_batch() {
        let root = folder();
        for augment in [None, Some(AUGMENT)] {
            let whole = batcher(root.path(), augment, Corrupt::Error, None);
            let whole = whole.eval(0..5).unwrap().unwrap();
            let parts = whole.clone().split(2);
            assert_eq!(
                parts.iter().map(|p| p.shape[0]).collect::<Vec<_>>(),
                [2, 2, 1]
            );
            let values: Vec<f32> = parts.iter().flat_map(|p| p.values.clone()).collect();
            assert_eq!(values, whole.values);
            let last = batcher(root.path(), augment, Corrupt::Error, None);
            assert_eq!(parts[2], last.eval(4..5).unwrap().unwrap());
        }
    }

    #[test]
    fn without_mixing_targets_are_classes() {
        let root = folder();
        let batcher = batcher(root.path(), None, Corrupt::Error, None);
        let first = batcher.eval(0..6).unwrap().unwrap().targets;
        assert_eq!(first, AudioTargets::Classes(vec![0, 0, 0, 0, 1, 1]));
    }

    #[test]
    fn a_training_batch_is_a_function_of_seed_and_number() {
        let root = folder();
        let make = |size, seed, number| {
            let batcher = batcher(root.path(), Some(AUGMENT), Corrupt::Error, None);
            training(batcher, Order::plain(size, seed), number)
        };
        assert_eq!(make(4, 1, 1), make(4, 1, 1));
        assert_ne!(make(4, 1, 1), make(4, 2, 1));
        assert_ne!(make(4, 1, 1), make(4, 1, 4));
        // The draws of a sound do not depend on the batch size.
        let (large, small) = (make(8, 1, 0), make(4, 1, 1));
        assert_eq!(large.values[4 * 1280..], small.values);
    }

    #[test]
    fn weights_of_mixed_sounds_add_up_to_one() {
        let root = folder();
        let augment = AudioAugment {
            mixup: 1.0,
            ..AUGMENT
        };
        let batcher = batcher(root.path(), Some(augment), Corrupt::Error, None);
        let AudioTargets::Weights(weights) = training(batcher, Order::plain(12, 1), 0).targets
        else {
            panic!("classes");
        };
        let rows: Vec<&[f32]> = weights.chunks(3).collect();
        assert!(
            rows.iter()
                .all(|row| (row.iter().sum::<f32>() - 1.0).abs() < 1e-6)
        );
        let is_soft = |row: &[f32]| row.iter().any(|&weight| weight > 0.0 && weight < 1.0);
        assert!(rows.into_iter().filter(|row| is_soft(row)).count() > 3);
    }

    #[test]
    fn bad_sounds_stop_or_are_passed_over() {
        let root = folder();
        text(root.path(), "train/a/0.wav", "hello");
        sound(root.path(), "train/b/1.mp3", 0.0);
        std::fs::remove_file(root.path().join("train/b/1.wav")).unwrap();
        let strict = batcher(root.path(), None, Corrupt::Error, None);
        let error = strict.eval(0..6).unwrap_err().to_string();
        assert!(
            error.contains("train/a/0.wav` cannot be loaded: it is a text file"),
            "{error}"
        );
        let lenient = batcher(root.path(), None, Corrupt::Skip, None);
        let count = |range| lenient.eval(range).unwrap().map(|batch| batch.shape[0]);
        assert_eq!(
            [count(0..6), count(6..12), count(0..1)],
            [Some(5), Some(6), None]
        );
        let warnings = lenient.warnings();
        assert!(warnings[0].ends_with("expected WAV, FLAC, MP3 or OGG; it is passed over"));
        assert!(warnings[1].ends_with("1.mp3` is WAV by its content, whatever its name says"));
        assert!(warnings[2].ends_with("1.mp3` is silent: every sample is 0"));
        assert_eq!(warnings.len(), 3);
        assert_eq!(training(lenient, Order::plain(12, 0), 0).shape[0], 12);
    }

    #[test]
    fn a_cache_changes_nothing() {
        let (root, folder) = (folder(), TempDir::new().unwrap());
        let cached = || Some(FeatureCache::at(folder.path().to_owned(), 1 << 30));
        let make = |cache| {
            let batcher = batcher(root.path(), Some(AUGMENT), Corrupt::Error, cache);
            let loader = TrainLoader::new(batcher, Order::plain(12, 5), 2).unwrap();
            let batches = loader.iter_from(0).take(2).collect::<Result<_, _>>();
            let batches: Vec<FilterbankBatch> = batches.unwrap();
            batches
        };
        let without = make(None);
        assert_eq!(make(cached()), without);
        assert_eq!(make(cached()), without);
    }
}

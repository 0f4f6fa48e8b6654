//! Sounds: specification to batches.

use std::path::Path;
use std::sync::Arc;

use elapid_config::{
    AudioOptions, Corrupt as Policy, DataSpec, Plan, PretrainPatches, SoundAugment, SoundSpec,
    Source, TaskSpec, Window as Shape, Words as Told,
};
use elapid_data::audio::audioset::Lists;
use elapid_data::audio::speech_commands::Words;
use elapid_data::audio::{
    AudioAugment, AudioDataset, AudioPipeline, AudioSplits, FeatureCache, Filterbank,
    FilterbankBatcher, FilterbankSettings, Labelling, MaskKeep, MaskShape, MaskedBatcher,
    PatchMask, Window, audio_folder, audioset, esc50, speech_commands,
};
use elapid_data::{Corrupt, DataError, EvalLoader, Order, Split, TrainLoader};
use elapid_models::SsambaConfig;
use elapid_train::{EvalSource, TrainSource};

use super::facts::{Facts, Normalisation};
use super::sources::{EvalBatches, TrainBatches};
use super::{Data, Part, SPLIT_SEED};
use crate::registry::{AnyBatch, sound_encoder};

/// The splits of a set of sounds, ready to be batched for one model and task.
pub(super) struct SoundData {
    splits: AudioSplits,
    /// How sounds are prepared for evaluation; training adds `augment`.
    pipeline: AudioPipeline,
    augment: AudioAugment,
    audio: AudioOptions,
    purpose: Purpose,
    order: Order,
    workers: usize,
}

/// What batches are for.
#[derive(Clone, Copy)]
enum Purpose {
    Classify,
    MultiLabel,
    Pretrain(PatchMask),
}

/// How sounds are prepared for the model of a plan.
///
/// # Errors
///
/// A model that takes no sounds, or settings of the filterbank that are not legal.
pub fn sound_pipeline(
    plan: &Plan,
    sounds: &SoundSpec,
    normalisation: &Normalisation,
) -> Result<AudioPipeline, DataError> {
    let encoder = encoder(plan)?;
    let one = |values: &[f32]| values.first().copied().unwrap_or_default();
    let filterbank = Filterbank::new(settings(&sounds.audio, encoder.bins))?;
    Ok(AudioPipeline {
        filterbank: Arc::new(filterbank),
        frames: encoder.frames,
        mean: one(&normalisation.mean),
        std: one(&normalisation.std),
        augment: None,
    })
}

impl SoundData {
    /// Opens the data set that a plan names.
    ///
    /// # Errors
    ///
    /// A data set that is missing or damaged, or settings that fit neither it nor the model.
    pub(super) fn open(plan: &Plan, sounds: &SoundSpec) -> Result<Self, DataError> {
        let encoder = encoder(plan)?;
        let splits = splits(&plan.data)?;
        let given = |value: Option<f64>, card: &[f32]| match value {
            Some(value) => vec![value as f32],
            None => card.to_vec(),
        };
        let card = &splits.card.normalisation;
        let normalisation = Normalisation {
            mean: given(sounds.audio.mean, &card.mean),
            std: given(sounds.audio.std, &card.std),
        };
        let pipeline = sound_pipeline(plan, sounds, &normalisation)?;
        let augment = augment(&sounds.augment);
        let trained = AudioPipeline {
            augment: Some(augment),
            ..pipeline.clone()
        };
        trained.check()?;
        let purpose = purpose(&plan.task, &encoder);
        if let Purpose::Pretrain(mask) = purpose {
            mask.check()?;
        }
        Ok(Self {
            splits,
            pipeline,
            augment,
            audio: sounds.audio.clone(),
            purpose,
            order: Order::plain(plan.train.batch_size, plan.run.seed),
            workers: plan.data.common.workers,
        })
    }

    fn batcher(
        &self,
        sounds: &Arc<AudioDataset>,
        augment: Option<AudioAugment>,
    ) -> Result<FilterbankBatcher, DataError> {
        let pipeline = AudioPipeline {
            augment,
            ..self.pipeline.clone()
        };
        let labelling = match self.purpose {
            Purpose::Classify | Purpose::Pretrain(_) => Labelling::One,
            Purpose::MultiLabel => Labelling::Many,
        };
        let corrupt = match self.audio.corrupt {
            Policy::Error => Corrupt::Error,
            Policy::Skip => Corrupt::Skip,
        };
        let bytes = (self.audio.cache_gib * f64::from(1 << 30)) as u64;
        let cache = (bytes > 0).then(|| FeatureCache::of_user(bytes)).flatten();
        let batcher = FilterbankBatcher::new(Arc::clone(sounds), pipeline, labelling, corrupt)?;
        Ok(batcher.cached(cache))
    }
}

impl Data for SoundData {
    /// Sounds are decoded when they are needed: only their files were looked for.
    fn check(&self) -> Result<(), DataError> {
        Ok(())
    }

    fn name(&self) -> &str {
        &self.splits.card.name
    }

    fn unit(&self) -> &'static str {
        "sounds"
    }

    fn facts(&self) -> Facts {
        Facts {
            classes: self.splits.train.classes().to_vec(),
            normalisation: Some(Normalisation {
                mean: vec![self.pipeline.mean],
                std: vec![self.pipeline.std],
            }),
            ..Facts::default()
        }
    }

    fn part(&self, split: Split) -> Option<Part> {
        self.splits.get(split).map(Part::of)
    }

    fn train(&self) -> Result<Box<dyn TrainSource<AnyBatch>>, DataError> {
        let sounds = self.batcher(&self.splits.train, Some(self.augment))?;
        let (order, workers) = (self.order, self.workers);
        Ok(match self.purpose {
            Purpose::Classify => {
                let loader = TrainLoader::new(sounds, order, workers)?;
                Box::new(TrainBatches::new(loader, AnyBatch::ClassifySounds))
            }
            Purpose::MultiLabel => {
                let loader = TrainLoader::new(sounds, order, workers)?;
                Box::new(TrainBatches::new(loader, AnyBatch::TagSounds))
            }
            Purpose::Pretrain(mask) => {
                let masked = MaskedBatcher::new(sounds, mask)?;
                let loader = TrainLoader::new(masked, order, workers)?;
                Box::new(TrainBatches::new(loader, AnyBatch::PretrainPatches))
            }
        })
    }

    fn eval(
        &self,
        split: Split,
        batch_size: usize,
    ) -> Result<Option<Box<dyn EvalSource<AnyBatch>>>, DataError> {
        let Some(sounds) = self.splits.get(split) else {
            return Ok(None);
        };
        let (sounds, workers) = (self.batcher(sounds, None)?, self.workers);
        Ok(Some(match self.purpose {
            Purpose::Classify => {
                let loader = EvalLoader::new(sounds, batch_size, workers)?;
                Box::new(EvalBatches::new(loader, AnyBatch::ClassifySounds))
            }
            Purpose::MultiLabel => {
                let loader = EvalLoader::new(sounds, batch_size, workers)?;
                Box::new(EvalBatches::new(loader, AnyBatch::TagSounds))
            }
            Purpose::Pretrain(mask) => {
                let masked = MaskedBatcher::new(sounds, mask)?;
                let loader = EvalLoader::new(masked, batch_size, workers)?;
                Box::new(EvalBatches::new(loader, AnyBatch::PretrainPatches))
            }
        }))
    }
}

/// The encoder of a plan, which must take sounds.
fn encoder(plan: &Plan) -> Result<SsambaConfig, DataError> {
    sound_encoder(&plan.model).map_err(|error| DataError::Setting {
        setting: "model.backbone",
        value: format!("`{}`", plan.model.name()),
        expected: format!(
            "one for the sounds of `{}`: {error}",
            plan.data.source.name()
        ),
    })
}

fn purpose(task: &TaskSpec, encoder: &SsambaConfig) -> Purpose {
    match task {
        TaskSpec::MultiLabel(_) => Purpose::MultiLabel,
        TaskSpec::PretrainPatches(task) => Purpose::Pretrain(mask_of(task, encoder)),
        // That sounds have neither masks nor a future is said where the task is built.
        _ => Purpose::Classify,
    }
}

/// How a pretraining run hides patches.
///
/// # Errors
///
/// A run with another task, or a model that takes no sounds.
pub fn patch_mask(plan: &Plan) -> Result<PatchMask, DataError> {
    match &plan.task {
        TaskSpec::PretrainPatches(task) => Ok(mask_of(task, &encoder(plan)?)),
        other => Err(DataError::Setting {
            setting: "task.kind",
            value: format!("`{}`", other.name()),
            expected: "`pretrain_patches`".to_owned(),
        }),
    }
}

fn mask_of(task: &PretrainPatches, encoder: &SsambaConfig) -> PatchMask {
    let grid = encoder.grid();
    PatchMask {
        grid: [grid.frequency, grid.time],
        masked: task.masked,
        shape: match task.mask {
            elapid_config::MaskShape::Clustered => MaskShape::Clustered,
            elapid_config::MaskShape::Scattered => MaskShape::Scattered,
        },
        keep: match task.mask_keep {
            elapid_config::MaskKeep::Random => MaskKeep::Random,
            elapid_config::MaskKeep::Lowest => MaskKeep::Lowest,
        },
    }
}

fn settings(audio: &AudioOptions, bins: usize) -> FilterbankSettings {
    FilterbankSettings {
        bins,
        frame_length: audio.frame_length,
        frame_shift: audio.frame_shift,
        window: match audio.window {
            Shape::Hanning => Window::Hanning,
            Shape::Povey => Window::Povey,
            Shape::Hamming => Window::Hamming,
            Shape::Blackman => Window::Blackman,
            Shape::Rectangular => Window::Rectangular,
        },
        low_frequency: audio.low_frequency,
        high_frequency: audio.high_frequency,
        ..FilterbankSettings::ast(u32::try_from(audio.sample_rate).unwrap_or(u32::MAX))
    }
}

fn augment(spec: &SoundAugment) -> AudioAugment {
    AudioAugment {
        mixup: spec.mixup_rate,
        frequency_mask: spec.frequency_mask,
        time_mask: spec.time_mask,
        noise: spec.noise as f32,
        shift: spec.shift,
    }
}

/// The splits of the data set that a specification names.
pub(super) fn splits(spec: &DataSpec) -> Result<AudioSplits, DataError> {
    let (held_out, seed) = (spec.common.valid_fraction, SPLIT_SEED);
    let splits = match &spec.source {
        Source::AudioFolder(s) => {
            audio_folder::splits(Path::new(&s.path), held_out, s.test_fraction, seed)
        }
        Source::Esc50(s) | Source::UrbanSound8k(s) => {
            esc50::splits(Path::new(&s.path), s.fold, held_out, seed)
        }
        Source::SpeechCommands(s) => {
            let words = match s.words {
                Told::All => Words::All,
                Told::TenAndTwo => Words::TenAndTwo,
            };
            speech_commands::splits(Path::new(&s.path), words, seed)
        }
        Source::AudioSet(s) => {
            let lists = Lists {
                classes: (&s.classes).into(),
                train: (&s.train).into(),
                valid: s.valid.as_ref().map(Into::into),
                test: (&s.test).into(),
            };
            audioset::splits(Path::new(&s.path), &lists, held_out, seed)
        }
        _ => Err(DataError::Setting {
            setting: "data.name",
            value: format!("`{}`", spec.source.name()),
            expected: "a set of sounds".to_owned(),
        }),
    }?;
    splits.reduced(spec.common.train_fraction, seed)
}

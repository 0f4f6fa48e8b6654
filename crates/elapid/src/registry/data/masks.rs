//! Images with masks: specification to batches.

use std::path::Path;
use std::sync::Arc;

use elapid_config::{DataSpec, MaskSpec, MaskView, Plan, Source};
use elapid_data::{
    DataError, EvalLoader, MaskAugment, MaskBatcher, MaskDataset, MaskPipeline, MaskSplits, Order,
    TrainLoader, Windows, mask_folder, shapes,
};
use elapid_train::{EvalSource, TrainSource};

use super::augment::kernel;
use super::facts::{Facts, Normalisation};
use super::images::{fit_channels, shape};
use super::sources::{EvalBatches, TrainBatches};
use super::{Data, Part, SPLIT_SEED, Split, check_all};
use crate::registry::AnyBatch;

/// The splits of a data set of images with masks, ready to be batched for one model.
pub(super) struct MaskData {
    splits: MaskSplits,
    /// How evaluation images are prepared; training adds `augment`.
    pipeline: MaskPipeline,
    augment: MaskAugment,
    order: Order,
    workers: usize,
    is_drawn: bool,
}

/// How images and masks are prepared for the model of a plan, where `normalisation` has one value a channel.
///
/// # Errors
///
/// If the model takes something else than images.
pub fn mask_pipeline(
    plan: &Plan,
    masks: &MaskSpec,
    normalisation: Normalisation,
) -> Result<MaskPipeline, DataError> {
    let [channels, size, _] = shape(plan)?;
    let options = &masks.options;
    let windows = (options.view == MaskView::Windows).then(|| Windows {
        side: options.window_side.unwrap_or(size),
        stride: options.window_stride.unwrap_or((2 * size / 3).max(1)),
    });
    Ok(MaskPipeline {
        size,
        channels,
        mean: normalisation.mean,
        std: normalisation.std,
        interpolation: kernel(masks.options.interpolation),
        augment: None,
        windows,
    })
}

impl MaskData {
    /// Opens the data set that a plan names.
    ///
    /// # Errors
    ///
    /// A data set that is missing or not laid out as it must be, or a normalisation that does not fit the channels.
    pub(super) fn open(plan: &Plan, masks: &MaskSpec) -> Result<Self, DataError> {
        let splits = splits(&plan.data)?;
        let [channels, ..] = shape(plan)?;
        let given = |values: &Option<Vec<f64>>, card: &[f32]| match values {
            Some(values) => values.iter().map(|&x| x as f32).collect(),
            None => fit_channels(card, channels),
        };
        let card = &splits.card.normalisation;
        let normalisation = Normalisation {
            mean: given(&masks.options.mean, &card.mean),
            std: given(&masks.options.std, &card.std),
        };
        let pipeline = mask_pipeline(plan, masks, normalisation)?;
        pipeline.check()?;
        let augment = &masks.augment;
        Ok(Self {
            splits,
            pipeline,
            augment: MaskAugment {
                resize: augment.resize,
                max_share: augment.max_share,
                hflip: augment.hflip,
                colour_jitter: augment.color_jitter as f32,
                photometric: augment.photometric,
            },
            order: Order::plain(plan.train.batch_size, plan.run.seed),
            workers: plan.data.common.workers,
            is_drawn: matches!(plan.data.source, Source::Shapes(_)),
        })
    }

    fn batcher(
        &self,
        samples: &Arc<MaskDataset>,
        augment: Option<MaskAugment>,
    ) -> Result<MaskBatcher, DataError> {
        let pipeline = MaskPipeline {
            augment,
            ..self.pipeline.clone()
        };
        MaskBatcher::new(Arc::clone(samples), pipeline)
    }
}

impl Data for MaskData {
    /// Opens every pair of a data set of moderate size.
    fn check(&self) -> Result<(), DataError> {
        match self.is_drawn {
            true => Ok(()),
            false => check_all(&self.splits),
        }
    }

    fn name(&self) -> &str {
        &self.splits.card.name
    }

    fn unit(&self) -> &'static str {
        "images"
    }

    fn facts(&self) -> Facts {
        Facts {
            classes: self.splits.train.classes().to_vec(),
            normalisation: Some(Normalisation {
                mean: self.pipeline.mean.clone(),
                std: self.pipeline.std.clone(),
            }),
            ..Facts::default()
        }
    }

    fn part(&self, split: Split) -> Option<Part> {
        self.splits.get(split).map(Part::of)
    }

    fn train(&self) -> Result<Box<dyn TrainSource<AnyBatch>>, DataError> {
        let batcher = self.batcher(&self.splits.train, Some(self.augment))?;
        let loader = TrainLoader::new(batcher, self.order, self.workers)?;
        Ok(Box::new(TrainBatches::new(loader, AnyBatch::Segment)))
    }

    fn eval(
        &self,
        split: Split,
        batch_size: usize,
    ) -> Result<Option<Box<dyn EvalSource<AnyBatch>>>, DataError> {
        let Some(samples) = self.splits.get(split) else {
            return Ok(None);
        };
        let loader = EvalLoader::new(self.batcher(samples, None)?, batch_size, self.workers)?;
        Ok(Some(Box::new(EvalBatches::new(loader, AnyBatch::Segment))))
    }
}

/// The splits of the data set that a specification names.
pub(super) fn splits(spec: &DataSpec) -> Result<MaskSplits, DataError> {
    let (valid, seed) = (spec.common.valid_fraction, SPLIT_SEED);
    let splits = match &spec.source {
        Source::Ade20k(s) => mask_folder::ade20k(Path::new(&s.path), valid, seed),
        Source::MaskFolder(s) => {
            let levels = mask_folder::Levels {
                ignore: u16::try_from(s.ignore_label).unwrap_or(u16::MAX),
                reduce_zero_label: s.reduce_zero_label,
            };
            mask_folder::splits(Path::new(&s.path), levels, valid, seed)
        }
        Source::Shapes(s) => {
            let settings = shapes::Settings {
                size: s.size,
                train: s.train,
                test: s.test,
                largest: s.shapes,
                seed: s.draw_seed,
            };
            shapes::splits(&settings, valid, seed)
        }
        other => Err(DataError::Setting {
            setting: "name",
            value: other.name().to_owned(),
            expected: "a data set of images with masks".to_owned(),
        }),
    }?;
    splits.reduced(spec.common.train_fraction, seed)
}

//! Images: specification to batches.

use std::path::Path;
use std::sync::Arc;

use elapid_config::{DataSpec, ImageSpec, Plan, Source};
use elapid_data::{
    Corrupt, DataError, EvalLoader, ImageBatcher, ImageDataset, ImagePipeline, ImageSplits, Mixing,
    Order, TrainLoader, cifar, digits, image_folder, mnist, tar_shards, tiny_imagenet,
};
use elapid_train::{EvalSource, TrainSource};

use super::augment::{augment, corrupt, interpolation, mixing, order};
use super::facts::{Facts, Normalisation};
use super::sources::{EvalBatches, TrainBatches};
use super::{Data, Part, SPLIT_SEED, Split, check_all};
use crate::registry::{AnyBatch, input_shape};

/// The splits of an image data set, ready to be batched for one model.
pub(super) struct ImageData {
    splits: ImageSplits,
    pipeline: ImagePipeline,
    mixing: Option<Mixing>,
    order: Order,
    corrupt: Corrupt,
    workers: usize,
    /// Whether images are decoded when they are asked for.
    is_lazy: bool,
}

/// How images are prepared for the model of a plan, where `normalisation` has one value a channel.
///
/// # Errors
///
/// A model that takes no images.
pub fn image_pipeline(
    plan: &Plan,
    images: &ImageSpec,
    normalisation: Normalisation,
) -> Result<ImagePipeline, DataError> {
    let [channels, size, _] = shape(plan)?;
    Ok(ImagePipeline {
        size,
        channels,
        mean: normalisation.mean,
        std: normalisation.std,
        crop_ratio: images.options.crop_ratio,
        interpolation: interpolation(images),
        augment: augment(&images.augment),
        views: plan.eval.views,
    })
}

/// What the model takes, which must be images.
pub(super) fn shape(plan: &Plan) -> Result<[usize; 3], DataError> {
    input_shape(&plan.model).map_err(|error| DataError::Setting {
        setting: "model.backbone",
        value: format!("`{}`", plan.model.name()),
        expected: format!(
            "one for the images of `{}`: {error}",
            plan.data.source.name()
        ),
    })
}

impl ImageData {
    /// Opens the data set that a plan names.
    ///
    /// # Errors
    ///
    /// A data set that is missing or damaged, or a normalisation that does not fit the channels.
    pub(super) fn open(plan: &Plan, images: &ImageSpec) -> Result<Self, DataError> {
        let [channels, ..] = shape(plan)?;
        let splits = splits(&plan.data)?;
        let given = |values: &Option<Vec<f64>>, card: &[f32]| match values {
            Some(values) => values.iter().map(|&x| x as f32).collect(),
            None => fit_channels(card, channels),
        };
        let card = &splits.card.normalisation;
        let normalisation = Normalisation {
            mean: given(&images.options.mean, &card.mean),
            std: given(&images.options.std, &card.std),
        };
        let pipeline = image_pipeline(plan, images, normalisation)?;
        pipeline.check()?;
        Ok(Self {
            splits,
            pipeline,
            mixing: mixing(&images.augment),
            order: order(plan, images),
            corrupt: corrupt(&plan.data),
            workers: plan.data.common.workers,
            is_lazy: matches!(
                plan.data.source,
                Source::ImageFolder(_) | Source::TinyImageNet(_) | Source::TarShards(_)
            ),
        })
    }

    fn batcher(&self, images: &Arc<ImageDataset>) -> Result<ImageBatcher, DataError> {
        ImageBatcher::new(Arc::clone(images), self.pipeline.clone(), self.corrupt)
    }
}

impl Data for ImageData {
    /// Opens every image of a set of files of moderate size. Larger sets, those with `corrupt = "skip"`, and formats that
    /// were read whole already, are trusted.
    fn check(&self) -> Result<(), DataError> {
        match self.is_lazy && self.corrupt == Corrupt::Error {
            true => check_all(&self.splits),
            false => Ok(()),
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
        let batcher = self.batcher(&self.splits.train)?;
        let loader = TrainLoader::new(batcher.mixed(self.mixing)?, self.order, self.workers)?;
        Ok(Box::new(TrainBatches::new(loader, AnyBatch::Classify)))
    }

    fn eval(
        &self,
        split: Split,
        batch_size: usize,
    ) -> Result<Option<Box<dyn EvalSource<AnyBatch>>>, DataError> {
        let Some(images) = self.splits.get(split) else {
            return Ok(None);
        };
        let loader = EvalLoader::new(self.batcher(images)?, batch_size, self.workers)?;
        Ok(Some(Box::new(EvalBatches::new(loader, AnyBatch::Classify))))
    }
}

/// The splits of the data set that a specification names.
pub(super) fn splits(spec: &DataSpec) -> Result<ImageSplits, DataError> {
    let (valid, seed) = (spec.common.valid_fraction, SPLIT_SEED);
    let splits = match &spec.source {
        Source::Digits(_) => digits::splits(valid, seed),
        Source::ImageFolder(s) => {
            image_folder::splits(Path::new(&s.path), valid, s.test_fraction, seed)
        }
        Source::TinyImageNet(s) => tiny_imagenet::splits(Path::new(&s.path), valid, seed),
        Source::TarShards(s) => {
            tar_shards::splits(Path::new(&s.path), valid, s.test_fraction, seed)
        }
        Source::FashionMnist(s) => mnist::fashion(Path::new(&s.path), valid, seed),
        Source::Mnist(s) => mnist::splits(Path::new(&s.path), valid, seed),
        Source::Cifar10(s) => cifar::splits10(Path::new(&s.path), valid, seed),
        Source::Cifar100(s) => cifar::splits100(Path::new(&s.path), valid, seed),
        _ => Err(DataError::Setting {
            setting: "data.name",
            value: format!("`{}`", spec.source.name()),
            expected: "a set of images".to_owned(),
        }),
    }?;
    splits.reduced(spec.common.train_fraction, seed)
}

/// A card's constants for a model with another number of channels: repeated for a grey data set,
/// averaged for a grey model.
pub(super) fn fit_channels(card: &[f32], channels: usize) -> Vec<f32> {
    match card.len() == channels {
        true => card.to_vec(),
        false => vec![card.iter().sum::<f32>() / card.len().max(1) as f32; channels],
    }
}

//! `[data]`: specification to batches.

use std::path::Path;
use std::sync::Arc;

use elapid_config::{DataSpec, Plan, Source};
use elapid_data::{
    Augment, Corrupt, DataError, EvalLoader, ImageBatch, ImageDataset, ImagePipeline, Splits,
    TrainLoader, check_readable, cifar, digits, image_folder, mnist,
};
use elapid_train::{BoxError, EvalSource, Sources, TrainSource};
use serde_json::{Value, json};

use super::augment::{augment, batching, corrupt, interpolation};

/// Folders with more images than this are not opened image by image before a run.
const CHECKED_IMAGES: usize = 5_000;

/// The splits of an image data set, ready to be batched for one model.
pub struct ImageData {
    splits: Splits,
    /// How evaluation images are prepared; training adds `augment`.
    pub pipeline: ImagePipeline,
    augment: Augment,
    corrupt: Corrupt,
    workers: usize,
}

impl ImageData {
    /// Opens the data set that a plan names, for images of `[channels, height, width]`.
    ///
    /// # Errors
    ///
    /// A data set that is missing or damaged, or a normalisation that does not fit the channels.
    pub fn open(plan: &Plan, [channels, size, _]: [usize; 3]) -> Result<Self, DataError> {
        let splits = splits(&plan.data)?;
        let common = &plan.data.common;
        let given = |values: &Option<Vec<f64>>, card: &[f32]| match values {
            Some(values) => values.iter().map(|&x| x as f32).collect(),
            None => fit_channels(card, channels),
        };
        let card = &splits.card.normalisation;
        let pipeline = ImagePipeline {
            size,
            channels,
            mean: given(&common.mean, &card.mean),
            std: given(&common.std, &card.std),
            crop_ratio: common.crop_ratio,
            interpolation: interpolation(plan),
            augment: None,
        };
        pipeline.check()?;
        Ok(Self {
            splits,
            pipeline,
            augment: augment(&plan.data.augment),
            corrupt: corrupt(&plan.data),
            workers: common.workers,
        })
    }

    /// Opens every image of a folder of moderate size once, so that a broken file stops a run
    /// before it starts. Larger folders, those with `corrupt = "skip"`, and formats that were read whole already, are trusted.
    ///
    /// # Errors
    ///
    /// The first image that cannot be read.
    pub fn check(&self, spec: &DataSpec) -> Result<(), DataError> {
        let splits = [
            Some(&self.splits.train),
            self.splits.valid.as_ref(),
            Some(&self.splits.test),
        ];
        let splits: Vec<_> = splits.into_iter().flatten().collect();
        let images: usize = splits.iter().map(|split| split.len()).sum();
        let is_folder = matches!(spec.source, Source::ImageFolder(_));
        if is_folder && self.corrupt == Corrupt::Error && images <= CHECKED_IMAGES {
            return splits
                .into_iter()
                .try_for_each(|split| check_readable(split.as_ref()));
        }
        Ok(())
    }

    /// Names of the classes.
    pub fn classes(&self) -> &[String] {
        self.splits.train.classes()
    }

    /// What the manifest says of the data.
    pub fn manifest(&self) -> Value {
        let split = |data: &Arc<dyn ImageDataset>| json!({"images": data.len(), "fingerprint": data.fingerprint()});
        json!({
            "name": self.splits.card.name,
            "train": split(&self.splits.train),
            "valid": self.splits.valid.as_ref().map(split),
            "test": split(&self.splits.test),
        })
    }

    /// Batches of all splits.
    ///
    /// # Errors
    ///
    /// An empty split.
    pub fn sources(&self, plan: &Plan) -> Result<Sources<ImageBatch>, DataError> {
        let augment = Some(self.augment);
        let train = TrainLoader::new(
            Arc::clone(&self.splits.train),
            ImagePipeline {
                augment,
                ..self.pipeline.clone()
            },
            batching(plan),
            self.workers,
        )?;
        let batch = plan.eval.batch_size;
        let valid = self
            .splits
            .valid
            .is_some()
            .then(|| self.batches("valid", batch))
            .transpose()?;
        let test = self.batches("test", batch)?;
        let boxed = |source: EvalBatches| Box::new(source) as Box<dyn EvalSource<ImageBatch>>;
        Ok(Sources {
            train: Box::new(TrainBatches(train)),
            valid: valid.map(boxed),
            test: Some(boxed(test)),
        })
    }

    /// One split in order, for evaluation.
    ///
    /// # Errors
    ///
    /// An empty split, or a validation split where none is held out.
    pub fn batches(
        &self,
        split: &'static str,
        batch_size: usize,
    ) -> Result<EvalBatches, DataError> {
        let dataset = match split {
            "train" => Some(&self.splits.train),
            "valid" => self.splits.valid.as_ref(),
            _ => Some(&self.splits.test),
        };
        let Some(dataset) = dataset else {
            return Err(DataError::Setting {
                setting: "valid_fraction",
                value: "0".into(),
                expected: "above 0 to evaluate a validation split".into(),
            });
        };
        let loader = EvalLoader::new(
            Arc::clone(dataset),
            self.pipeline.clone(),
            batch_size,
            self.corrupt,
            self.workers,
        )?;
        Ok(EvalBatches(loader))
    }
}

/// Seed of what is held out. It is fixed, so that runs with different seeds are measured on the
/// same images.
const SPLIT_SEED: u64 = 0;

/// The splits of the data set that a specification names.
fn splits(spec: &DataSpec) -> Result<Splits, DataError> {
    let (valid, seed) = (spec.common.valid_fraction, SPLIT_SEED);
    match &spec.source {
        Source::Digits(_) => digits::splits(valid, seed),
        Source::ImageFolder(s) => {
            image_folder::splits(Path::new(&s.path), valid, s.test_fraction, seed)
        }
        Source::Mnist(s) => mnist::splits(Path::new(&s.path), valid, seed),
        Source::Cifar10(s) => cifar::splits10(Path::new(&s.path), valid, seed),
        Source::Cifar100(s) => cifar::splits100(Path::new(&s.path), valid, seed),
    }
}

/// A card's constants for a model with another number of channels: repeated for a grey data set,
/// averaged for a grey model.
fn fit_channels(card: &[f32], channels: usize) -> Vec<f32> {
    match card.len() == channels {
        true => card.to_vec(),
        false => vec![card.iter().sum::<f32>() / card.len().max(1) as f32; channels],
    }
}

/// Training batches.
pub struct TrainBatches(TrainLoader);

impl TrainSource<ImageBatch> for TrainBatches {
    fn batches_per_epoch(&self) -> usize {
        self.0.batches_per_epoch()
    }

    fn iter_from(
        &self,
        first: usize,
    ) -> Box<dyn Iterator<Item = Result<ImageBatch, BoxError>> + Send> {
        Box::new(
            self.0
                .iter_from(first)
                .map(|batch| batch.map_err(BoxError::from)),
        )
    }

    fn warnings(&self) -> Vec<String> {
        self.0.warnings()
    }
}

/// Evaluation batches.
pub struct EvalBatches(EvalLoader);

impl EvalSource<ImageBatch> for EvalBatches {
    fn iter(&self) -> Box<dyn Iterator<Item = Result<ImageBatch, BoxError>> + Send> {
        Box::new(self.0.iter().map(|batch| batch.map_err(BoxError::from)))
    }

    fn warnings(&self) -> Vec<String> {
        self.0.warnings()
    }
}

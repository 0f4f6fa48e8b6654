//! `[data]`: from a specification to batches. One file for each kind of samples.

mod augment;
mod facts;
mod graphs;
mod images;
mod inspect;
mod known;
mod masks;
mod official;
mod own_graphs;
mod recognise;
mod series;
mod sounds;
mod sources;

use elapid_config::{Plan, Samples};
use elapid_data::{DataError, Shared, Split, Splits, check_readable};
use elapid_train::{EvalSource, Sources, TrainSource};
use serde_json::{Map, Value, json};

use self::graphs::GraphData;
use self::images::ImageData;
use self::masks::MaskData;
use self::sounds::SoundData;
use self::sources::WholeBatches;
use super::AnyBatch;

pub use facts::{Facts, Normalisation, SeriesFacts};
pub use graphs::GraphDemands;
pub use images::image_pipeline;
pub use inspect::{Counts, Inspected, Inspection, Look, inspect};
pub use known::{KnownData, known_data};
pub use masks::mask_pipeline;
pub use own_graphs::OwnGraphs;
pub use recognise::recognised;
pub use series::{series_ending, series_following};
pub use sounds::{patch_mask, sound_pipeline};

/// The data of an experiment, opened and ready to be batched for its model and task.
pub trait Data {
    /// Opens every sample once where that is quick, so that a broken file stops a run before it starts.
    ///
    /// # Errors
    ///
    /// The first sample that cannot be read.
    fn check(&self) -> Result<(), DataError>;

    /// The data set's name.
    fn name(&self) -> &str;

    /// What samples are called when they are counted.
    fn unit(&self) -> &'static str;

    /// What the task needs to know.
    fn facts(&self) -> Facts;

    /// Size and content of a split, if there is such a split.
    fn part(&self, split: Split) -> Option<Part>;

    /// Training batches.
    ///
    /// # Errors
    ///
    /// An empty split, or settings that are not legal.
    fn train(&self) -> Result<Box<dyn TrainSource<AnyBatch>>, DataError>;

    /// A split in order, for evaluation; `None` if there is no such split.
    ///
    /// # Errors
    ///
    /// An empty split.
    fn eval(
        &self,
        split: Split,
        batch_size: usize,
    ) -> Result<Option<Box<dyn EvalSource<AnyBatch>>>, DataError>;
}

/// Size and content of a split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Number of samples.
    pub samples: usize,
    /// Changes when the samples do.
    pub fingerprint: String,
}

/// Seed of what is held out and of what sets draw. It is fixed, so that runs with different seeds are measured on the same
/// samples.
const SPLIT_SEED: u64 = 0;
/// Sets of files with more samples than this are not opened one by one before a run.
const CHECKED_SAMPLES: usize = 5_000;

impl Part {
    fn of<S: 'static>(samples: &Shared<S>) -> Self {
        Self {
            samples: samples.len(),
            fingerprint: samples.fingerprint(),
        }
    }
}

/// Opens every sample of a set of moderate size.
fn check_all<S: 'static>(splits: &Splits<S>) -> Result<(), DataError> {
    let parts = Split::ALL.into_iter().filter_map(|split| splits.get(split));
    let samples: usize = parts.clone().map(|part| part.len()).sum();
    match samples <= CHECKED_SAMPLES {
        true => parts.map(AsRef::as_ref).try_for_each(check_readable),
        false => Ok(()),
    }
}

/// Opens the data of a plan.
///
/// # Errors
///
/// A data set that is missing or damaged, or settings that do not fit it.
pub fn open_data(plan: &Plan) -> Result<Box<dyn Data>, DataError> {
    if plan.eval.views > 1 && !matches!(plan.data.samples, Samples::Images(_)) {
        return Err(DataError::Setting {
            setting: "eval.views",
            value: plan.eval.views.to_string(),
            expected: "1: only images that are classified have views".to_owned(),
        });
    }
    match &plan.data.samples {
        Samples::Images(images) => Ok(Box::new(ImageData::open(plan, images)?)),
        Samples::Masks(masks) => Ok(Box::new(MaskData::open(plan, masks)?)),
        Samples::Sounds(sounds) => Ok(Box::new(SoundData::open(plan, sounds)?)),
        Samples::Series(series) => series::open(plan, series),
        Samples::Graphs(graphs) => Ok(Box::new(GraphData::open(plan, graphs)?)),
    }
}

/// Samples of a batch of `batch_size` with so many views each: views take the place of samples, so that memory does not grow with
/// their number.
#[must_use]
pub fn samples_at_once(batch_size: usize, views: usize) -> usize {
    (batch_size / views).max(1)
}

fn evaluated_at_once(plan: &Plan) -> usize {
    samples_at_once(plan.eval.batch_size, plan.eval.views)
}

impl dyn Data + '_ {
    /// Batches of all splits.
    ///
    /// # Errors
    ///
    /// An empty split.
    pub fn sources(&self, plan: &Plan) -> Result<Sources<AnyBatch>, DataError> {
        let batch = evaluated_at_once(plan);
        let test = self.eval(Split::Test, batch)?;
        Ok(Sources {
            train: self.train()?,
            valid: self.eval(Split::Valid, batch)?,
            test: test.map(|test| self.whole(test, plan)).transpose()?,
        })
    }

    /// As [`Data::eval`], where a split that does not exist is an error.
    ///
    /// # Errors
    ///
    /// An empty split, or a validation split where none is held out.
    pub fn batches(
        &self,
        split: Split,
        batch_size: usize,
    ) -> Result<Box<dyn EvalSource<AnyBatch>>, DataError> {
        self.eval(split, batch_size)?
            .ok_or_else(|| DataError::Setting {
                setting: "valid_fraction",
                value: "0".into(),
                expected: "above 0 to evaluate a validation split".into(),
            })
    }

    /// A split as a plan evaluates it.
    ///
    /// # Errors
    ///
    /// As `batches`, and a test of which a plan leaves nothing.
    pub fn planned(
        &self,
        split: Split,
        plan: &Plan,
    ) -> Result<Box<dyn EvalSource<AnyBatch>>, DataError> {
        let source = self.batches(split, evaluated_at_once(plan))?;
        match split {
            Split::Test => self.whole(source, plan),
            Split::Train | Split::Valid => Ok(source),
        }
    }

    /// The test, without the rest that fills no batch where the plan leaves it out.
    fn whole(
        &self,
        test: Box<dyn EvalSource<AnyBatch>>,
        plan: &Plan,
    ) -> Result<Box<dyn EvalSource<AnyBatch>>, DataError> {
        if !plan.eval.drop_last {
            return Ok(test);
        }
        let (batch, unit) = (evaluated_at_once(plan), self.unit());
        let samples = self.part(Split::Test).map_or(0, |part| part.samples);
        if samples < batch {
            return Err(DataError::Setting {
                setting: "eval.drop_last",
                value: "true".into(),
                expected: format!(
                    "false, or a whole batch: the test has {samples} {unit}, fewer than eval.batch_size = {batch}"
                ),
            });
        }
        let rest = samples % batch;
        let note = (rest > 0).then(|| {
            format!(
                "the test leaves out its last {rest} of {samples} {unit}, which fill no batch of {batch} (eval.drop_last)"
            )
        });
        Ok(Box::new(WholeBatches::new(test, batch, note)))
    }

    /// What the manifest says of the data.
    pub fn manifest(&self) -> Value {
        let mut manifest = Map::new();
        manifest.insert("name".into(), self.name().into());
        for split in Split::ALL {
            let part = self
                .part(split)
                .map(|part| json!({(self.unit()): part.samples, "fingerprint": part.fingerprint}));
            manifest.insert(split.name().into(), part.into());
        }
        Value::Object(manifest)
    }
}

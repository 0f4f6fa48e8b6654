//! What happens to files that cannot be decoded.

use std::collections::BTreeSet;
use std::sync::Mutex;

use crate::SampleSet;
use crate::error::DataError;

/// Neighbours that are tried in place of a sample before its data set is given up.
const TRIES: usize = 100;

/// What happens to files that cannot be decoded. Files that cannot be read at all are always an error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Corrupt {
    /// The first of them ends the run.
    #[default]
    Error,
    /// Training takes the next sample of the data set in its place, evaluation leaves it out.
    Skip,
}

/// Reads samples by a policy and remembers what was passed over.
pub(crate) struct Reader {
    policy: Corrupt,
    passed: Mutex<Passed>,
}

#[derive(Default)]
struct Passed {
    indices: BTreeSet<usize>,
    /// Those with remarks that were noted.
    remarked: BTreeSet<usize>,
    /// Messages that nobody has seen.
    fresh: Vec<String>,
}

impl Reader {
    pub(crate) fn new(policy: Corrupt) -> Self {
        Self {
            policy,
            passed: Mutex::default(),
        }
    }

    /// Sample `index`, or `None` if it is passed over.
    pub(crate) fn get<S>(
        &self,
        dataset: &dyn SampleSet<S>,
        index: usize,
    ) -> Result<Option<S>, DataError> {
        self.load(index, || {
            let error = |error| DataError::from_dataset(&error, || dataset.describe(index));
            dataset.get(index).map_err(error)
        })
    }

    /// What `load` makes of sample `index`, or `None` if it is passed over.
    pub(crate) fn load<T>(
        &self,
        index: usize,
        load: impl FnOnce() -> Result<T, DataError>,
    ) -> Result<Option<T>, DataError> {
        let error = match load() {
            Ok(sample) => return Ok(Some(sample)),
            Err(error) => error,
        };
        match (&error, self.policy) {
            (DataError::Sample { sample, reason }, Corrupt::Skip) => {
                self.pass(
                    index,
                    format!("{sample} cannot be loaded: {reason}; it is passed over"),
                );
                Ok(None)
            }
            _ => Err(error),
        }
    }

    /// Sample `index`, or the next one that is not passed over.
    pub(crate) fn get_or_next<S>(
        &self,
        dataset: &dyn SampleSet<S>,
        index: usize,
    ) -> Result<S, DataError> {
        self.first_of(dataset, index, |at| self.get(dataset, at))
    }

    /// What `load` makes of sample `index`, or of the next one that is not passed over.
    pub(crate) fn first_of<S, T>(
        &self,
        dataset: &dyn SampleSet<S>,
        index: usize,
        load: impl Fn(usize) -> Result<Option<T>, DataError>,
    ) -> Result<T, DataError> {
        for step in 0..TRIES.min(dataset.len()) {
            if let Some(sample) = load((index + step) % dataset.len())? {
                return Ok(sample);
            }
        }
        let reason = format!("nor can any of the {TRIES} samples after it");
        Err(DataError::Sample {
            sample: dataset.describe(index),
            reason,
        })
    }

    /// Notes what a person should know of sample `index` although it could be read.
    pub(crate) fn remark(&self, index: usize, remarks: Vec<String>) {
        if remarks.is_empty() {
            return;
        }
        let mut passed = self
            .passed
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        if passed.remarked.insert(index) {
            passed.fresh.extend(remarks);
        }
    }

    /// What was passed over or remarked upon for the first time since the last call.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let mut passed = self
            .passed
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        std::mem::take(&mut passed.fresh)
    }

    fn pass(&self, index: usize, message: String) {
        let mut passed = self
            .passed
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        if passed.indices.insert(index) {
            passed.fresh.push(message);
        }
    }
}

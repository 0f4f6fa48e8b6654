//! What a labelled series and a set of them are.

use std::sync::Arc;

use burn_dataset::{Dataset, DatasetError};

use crate::error::DataError;
use crate::fingerprint::Fingerprint;
use crate::series::scaler::{Deviation, Scaler};
use crate::{SampleSet, Shared, Split, Splits};

/// A series and its class.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesSample {
    /// `[length, C]` row-major, in the units of the data, without gaps.
    pub values: Arc<[f32]>,
    /// Index into [`SampleSet::classes`].
    pub label: usize,
}

/// The parts of a set of labelled series, and what their values are standardised with.
#[derive(Debug)]
pub struct LabelledSplits {
    /// The parts.
    pub splits: Splits<SeriesSample>,
    /// How many values a step has.
    pub variates: usize,
    /// Steps of the longest series of all parts.
    pub length: usize,
    /// How each part is standardised, in the order of [`Split::ALL`].
    pub normalised: [Normalised; 3],
    /// What a person should know of the data.
    pub notes: Vec<String>,
}

/// How the values of a part are standardised.
#[derive(Clone, Debug, PartialEq)]
pub struct Normalised {
    /// Statistics of all steps of some series.
    pub scaler: Scaler,
    /// Whether each series is then centred over time, and divided by the deviation of the variates at each step: what the
    /// official code does to EthanolConcentration.
    pub by_step: bool,
}

impl LabelledSplits {
    /// The same series as they are.
    #[must_use]
    pub fn unscaled(self) -> Self {
        let plain = Normalised {
            scaler: Scaler::identity(self.variates),
            by_step: false,
        };
        Self {
            normalised: [plain.clone(), plain.clone(), plain],
            ..self
        }
    }

    /// How a part is standardised.
    #[must_use]
    pub fn normalised(&self, split: Split) -> &Normalised {
        let [train, valid, test] = &self.normalised;
        match split {
            Split::Train => train,
            Split::Valid => valid,
            Split::Test => test,
        }
    }
}

/// Statistics of all steps of the series of a set, with the deviation of a sample (ddof 1), as the official code has it.
pub(super) fn statistics(
    set: &Shared<SeriesSample>,
    variates: usize,
) -> Result<(Scaler, Vec<usize>), DataError> {
    let series: Result<Vec<SeriesSample>, DataError> = (0..set.len())
        .map(|index| {
            let sample = set.get(index);
            sample.map_err(|error| DataError::from_dataset(&error, || set.describe(index)))
        })
        .collect();
    let series = series?;
    let rows = series
        .iter()
        .flat_map(|one| one.values.chunks_exact(variates));
    Ok(Scaler::of_rows(rows, variates, Deviation::Sample))
}

/// Series in memory.
pub(super) struct SeriesInMemory {
    pub(super) samples: Vec<SeriesSample>,
    pub(super) variates: usize,
    pub(super) classes: Vec<String>,
    /// What a sample is called in messages, in front of its number.
    pub(super) name: String,
}

impl SeriesInMemory {
    /// Steps of the longest series.
    pub(super) fn longest(&self) -> usize {
        let lengths = self
            .samples
            .iter()
            .map(|one| one.values.len() / self.variates);
        lengths.max().unwrap_or(0)
    }
}

impl Dataset<SeriesSample> for SeriesInMemory {
    fn get(&self, index: usize) -> Result<SeriesSample, DatasetError> {
        Ok(self.samples[index].clone())
    }

    fn len(&self) -> usize {
        self.samples.len()
    }
}

impl SampleSet<SeriesSample> for SeriesInMemory {
    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn describe(&self, index: usize) -> String {
        format!("{} series {}", self.name, index + 1)
    }

    fn fingerprint(&self) -> String {
        let mut print = Fingerprint::new().number(self.variates as u64);
        for class in &self.classes {
            print = print.bytes(class.as_bytes());
        }
        for sample in &self.samples {
            let bytes: Vec<u8> = sample.values.iter().flat_map(|x| x.to_le_bytes()).collect();
            print = print.bytes(&bytes).number(sample.label as u64);
        }
        print.finish()
    }
}

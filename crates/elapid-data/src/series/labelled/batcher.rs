//! From a set of labelled series to batches.

use std::ops::Range;
use std::sync::Mutex;

use rand_chacha::ChaCha8Rng;

use super::sample::{Normalised, SeriesSample};
use crate::Shared;
use crate::error::DataError;
use crate::loader::{Batcher, Draw};
use crate::series::batch::SeriesBatch;

/// Added to the variance where a series is divided by its deviation at each step.
const EPSILON: f32 = 1e-5;

/// Makes batches of labelled series, padded to one length.
pub struct SeriesBatcher {
    set: Shared<SeriesSample>,
    normalised: Normalised,
    length: usize,
    notes: Mutex<Vec<String>>,
}

impl SeriesBatcher {
    /// Batches of `set`, whose series have at most `length` steps; `notes` are told as warnings, once.
    ///
    /// A series that is longer than `length` loses its end.
    #[must_use]
    pub fn new(
        set: Shared<SeriesSample>,
        normalised: Normalised,
        length: usize,
        notes: Vec<String>,
    ) -> Self {
        Self {
            set,
            normalised,
            length,
            notes: Mutex::new(notes),
        }
    }

    fn batch(
        &self,
        indices: impl ExactSizeIterator<Item = usize>,
    ) -> Result<SeriesBatch, DataError> {
        let variates = self.normalised.scaler.mean.len();
        let width = self.length * variates;
        let mut batch = SeriesBatch {
            values: Vec::with_capacity(indices.len() * width),
            lengths: Vec::with_capacity(indices.len()),
            labels: Vec::with_capacity(indices.len()),
            shape: [indices.len(), self.length, variates],
        };
        for (at, index) in indices.enumerate() {
            let sample = self.set.get(index);
            let sample = sample
                .map_err(|error| DataError::from_dataset(&error, || self.set.describe(index)))?;
            let mut values = self.standardised(&sample, variates);
            values.truncate(width);
            batch.lengths.push(values.len() / variates);
            batch.labels.push(sample.label);
            batch.values.extend(values);
            batch.values.resize((at + 1) * width, 0.0);
        }
        Ok(batch)
    }

    fn standardised(&self, sample: &SeriesSample, variates: usize) -> Vec<f32> {
        let scaler = &self.normalised.scaler;
        let mut values = Vec::with_capacity(sample.values.len());
        for row in sample.values.chunks_exact(variates) {
            let columns = row.iter().zip(&scaler.mean).zip(&scaler.std);
            values.extend(columns.map(|((&x, mean), std)| ((f64::from(x) - mean) / std) as f32));
        }
        if self.normalised.by_step {
            by_step(&mut values, variates);
        }
        values
    }
}

/// Centres each variate over time and divides each step by the deviation of its variates.
fn by_step(values: &mut [f32], variates: usize) {
    let steps = values.len() / variates;
    for at in 0..variates {
        let column = values.iter().skip(at).step_by(variates);
        let mean = column.sum::<f32>() / steps as f32;
        let column = values.iter_mut().skip(at).step_by(variates);
        column.for_each(|value| *value -= mean);
    }
    for row in values.chunks_exact_mut(variates) {
        let mean = row.iter().sum::<f32>() / variates as f32;
        let squares = row.iter().map(|value| (value - mean).powi(2));
        let deviation = (squares.sum::<f32>() / variates as f32 + EPSILON).sqrt();
        row.iter_mut().for_each(|value| *value /= deviation);
    }
}

impl Batcher for SeriesBatcher {
    type Batch = SeriesBatch;

    fn samples(&self) -> usize {
        self.set.len()
    }

    fn train(&self, draws: &[Draw], _: ChaCha8Rng) -> Result<SeriesBatch, DataError> {
        self.batch(draws.iter().map(|draw| draw.index))
    }

    fn eval(&self, samples: Range<usize>) -> Result<Option<SeriesBatch>, DataError> {
        self.batch(samples).map(Some)
    }

    fn warnings(&self) -> Vec<String> {
        let mut notes = self
            .notes
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        std::mem::take(&mut notes)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::series::Scaler;
    use crate::series::labelled::sample::SeriesInMemory;

    fn set() -> Shared<SeriesSample> {
        let sample = |values: &[f32], label| SeriesSample {
            values: values.into(),
            label,
        };
        Arc::new(SeriesInMemory {
            samples: vec![sample(&[1.0, 10.0, 3.0, 30.0], 1), sample(&[5.0, 50.0], 0)],
            variates: 2,
            classes: vec!["a".into(), "b".into()],
            name: "x".into(),
        })
    }

    fn batch(length: usize, by_step: bool) -> SeriesBatch {
        let scaler = Scaler {
            mean: vec![1.0, 0.0],
            std: vec![2.0, 10.0],
        };
        let normalised = Normalised { scaler, by_step };
        let batcher = SeriesBatcher::new(set(), normalised, length, Vec::new());
        batcher.eval(0..2).unwrap().unwrap()
    }

    #[test]
    fn series_are_standardised_and_padded_behind_their_end() {
        let batch = batch(3, false);
        assert_eq!(batch.shape, [2, 3, 2]);
        assert_eq!(batch.values[..6], [0.0, 1.0, 1.0, 3.0, 0.0, 0.0]);
        assert_eq!(batch.values[6..], [2.0, 5.0, 0.0, 0.0, 0.0, 0.0]);
        assert_eq!((batch.lengths, batch.labels), (vec![2, 1], vec![1, 0]));
    }

    #[test]
    fn a_longer_series_loses_its_end() {
        let batch = batch(1, false);
        assert_eq!(
            (batch.values, batch.lengths),
            (vec![0.0, 1.0, 2.0, 5.0], vec![1, 1])
        );
    }

    #[test]
    fn the_official_quirk_divides_by_the_deviation_across_variates() {
        let batch = batch(2, true);
        // Centred over time: (-0.5, -1) and (0.5, 1), whose deviation across variates is 0.25.
        let deviation = (0.0625_f32 + 1e-5).sqrt();
        let expected = [-0.5, -1.0, 0.5, 1.0].map(|x: f32| x / deviation);
        let near = batch.values[..4]
            .iter()
            .zip(expected)
            .all(|(a, b)| (a - b).abs() < 1e-5);
        assert!(near, "{:?}", batch.values);
    }
}

//! Windows of a series that is in memory once, cut when a batch is made.

use std::ops::Range;
use std::sync::{Arc, Mutex};

use rand_chacha::ChaCha8Rng;

use super::batch::WindowBatch;
use super::borders::windows;
use crate::error::DataError;
use crate::fingerprint::Fingerprint;
use crate::loader::{Batcher, Draw};

/// Standardised rows of a series.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Matrix {
    /// `[N, C]` row-major.
    pub values: Vec<f32>,
    /// C.
    pub variates: usize,
    /// Time marks, `[N, M]` row-major; empty where rows have no dates.
    pub marks: Vec<f32>,
    /// M.
    pub mark_count: usize,
    /// 1 for each row that is a labelled anomaly, `[N]`; empty without labels.
    pub anomalies: Vec<u8>,
}

impl Matrix {
    /// N.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.values.len() / self.variates.max(1)
    }
}

/// Size of a window and what is forecast of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowShape {
    /// Rows that a model sees.
    pub lookback: usize,
    /// Rows behind them that it forecasts; 0 where nothing is forecast.
    pub horizon: usize,
    /// Variates that are forecast: the last ones.
    pub targets: usize,
}

/// The windows of some rows of a series.
#[derive(Clone, Debug)]
pub struct Windows {
    matrix: Arc<Matrix>,
    rows: Range<usize>,
    shape: WindowShape,
    stride: usize,
    /// The windows that are left of all, ascending; `None` if none was taken out.
    kept: Option<Arc<[usize]>>,
}

impl Windows {
    /// The windows that lie in `rows`, each `stride` rows behind the one before. `part` names them in messages.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub fn new(
        part: &str,
        matrix: Arc<Matrix>,
        rows: Range<usize>,
        shape: WindowShape,
        stride: usize,
    ) -> Result<Self, DataError> {
        let (lookback, horizon) = (shape.lookback, shape.horizon);
        if windows(rows.len(), lookback, horizon, stride) == 0 {
            return Err(DataError::TooFew {
                what: format!("the {part} part (rows)"),
                len: rows.len(),
                needed: lookback + horizon,
                hint: format!(
                    "a window takes {lookback} rows to look back on and {horizon} to forecast; lower model.lookback or \
                     model.horizon, or give more rows"
                ),
            });
        }
        Ok(Self {
            matrix,
            rows,
            shape,
            stride,
            kept: None,
        })
    }

    /// The windows numbered `kept` alone, which are ascending.
    pub(super) fn some(self, kept: Vec<usize>) -> Self {
        Self {
            kept: Some(kept.into()),
            ..self
        }
    }

    /// Number of windows.
    #[must_use]
    pub fn len(&self) -> usize {
        if let Some(kept) = &self.kept {
            return kept.len();
        }
        let WindowShape {
            lookback, horizon, ..
        } = self.shape;
        windows(self.rows.len(), lookback, horizon, self.stride)
    }

    /// Never true: see [`new`](Self::new).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The series that the windows are cut from.
    #[must_use]
    pub fn matrix(&self) -> &Arc<Matrix> {
        &self.matrix
    }

    /// The rows of the series that the windows lie in.
    #[must_use]
    pub fn rows(&self) -> Range<usize> {
        self.rows.clone()
    }

    /// Size of a window.
    #[must_use]
    pub fn shape(&self) -> WindowShape {
        self.shape
    }

    /// Hexadecimal SHA-256 of the rows, their marks and labels, and of how windows are cut from them.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let (matrix, rows) = (&self.matrix, &self.rows);
        let own = |values: &[f32], width: usize| {
            let values = values.get(rows.start * width..rows.end * width);
            let bytes = values
                .unwrap_or_default()
                .iter()
                .flat_map(|x| x.to_le_bytes());
            bytes.collect::<Vec<u8>>()
        };
        let labels = matrix.anomalies.get(rows.clone()).unwrap_or_default();
        let WindowShape {
            lookback,
            horizon,
            targets,
        } = self.shape;
        let mut print = Fingerprint::new()
            .bytes(&own(&matrix.values, matrix.variates))
            .bytes(&own(&matrix.marks, matrix.mark_count))
            .bytes(labels);
        for number in [matrix.variates, lookback, horizon, targets, self.stride] {
            print = print.number(number as u64);
        }
        for &index in self.kept.as_deref().unwrap_or_default() {
            print = print.number(index as u64);
        }
        print.finish()
    }

    /// The windows numbered `indices`, in that order.
    fn batch(&self, indices: impl ExactSizeIterator<Item = usize>) -> WindowBatch {
        let WindowShape {
            lookback,
            horizon,
            targets,
        } = self.shape;
        let (matrix, count) = (&*self.matrix, indices.len());
        let (variates, marks) = (matrix.variates, matrix.mark_count);
        let mut batch = WindowBatch {
            past: Vec::with_capacity(count * lookback * variates),
            past_marks: Vec::with_capacity(count * lookback * marks),
            future: Vec::with_capacity(count * horizon * targets),
            batch: count,
            lookback,
            variates,
            marks,
            horizon,
            targets,
            ..WindowBatch::default()
        };
        for index in indices {
            let index = self.kept.as_ref().map_or(index, |kept| kept[index]);
            let start = self.rows.start + index * self.stride;
            let (end, last) = (start + lookback, start + lookback + horizon);
            let past = &matrix.values[start * variates..end * variates];
            batch.past.extend_from_slice(past);
            let past = &matrix.marks[start * marks..end * marks];
            batch.past_marks.extend_from_slice(past);
            for row in matrix.values[end * variates..last * variates].chunks_exact(variates) {
                batch.future.extend_from_slice(&row[variates - targets..]);
            }
            if let Some(labels) = matrix.anomalies.get(start..end) {
                batch.anomalies.extend_from_slice(labels);
            }
            batch.starts.push(start);
        }
        batch
    }
}

/// Makes batches of windows.
pub struct WindowBatcher {
    windows: Windows,
    notes: Mutex<Vec<String>>,
}

impl WindowBatcher {
    /// Batches of `windows`; `notes` are told as warnings, once.
    #[must_use]
    pub fn new(windows: Windows, notes: Vec<String>) -> Self {
        Self {
            windows,
            notes: Mutex::new(notes),
        }
    }
}

impl Batcher for WindowBatcher {
    type Batch = WindowBatch;

    fn samples(&self) -> usize {
        self.windows.len()
    }

    fn train(&self, draws: &[Draw], _: ChaCha8Rng) -> Result<WindowBatch, DataError> {
        Ok(self.windows.batch(draws.iter().map(|draw| draw.index)))
    }

    fn eval(&self, samples: Range<usize>) -> Result<Option<WindowBatch>, DataError> {
        Ok(Some(self.windows.batch(samples)))
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
    use super::*;
    use crate::{EvalLoader, Order, TrainLoader};

    /// 20 rows of which row n has the values n and 100 + n.
    fn matrix() -> Arc<Matrix> {
        Arc::new(Matrix {
            values: (0..20).flat_map(|n| [n as f32, 100.0 + n as f32]).collect(),
            variates: 2,
            marks: (0..20).map(|n| n as f32 / 20.0).collect(),
            mark_count: 1,
            anomalies: (0..20).map(|n| u8::from(n == 7)).collect(),
        })
    }

    fn windows(targets: usize, stride: usize) -> Windows {
        let shape = WindowShape {
            lookback: 3,
            horizon: 2,
            targets,
        };
        Windows::new("test", matrix(), 4..16, shape, stride).unwrap()
    }

    #[test]
    fn windows_are_consecutive_rows() {
        let batch = windows(1, 1).batch([0, 7].into_iter());
        assert_eq!(batch.past[..6], [4.0, 104.0, 5.0, 105.0, 6.0, 106.0]);
        assert_eq!(batch.future, [107.0, 108.0, 114.0, 115.0]);
        assert_eq!(batch.past_marks[..3], [0.2, 0.25, 0.3]);
        assert_eq!((batch.starts, batch.anomalies), (vec![4, 11], vec![0; 6]));
        assert_eq!((batch.batch, batch.variates, batch.targets), (2, 2, 1));
        let both = windows(2, 1).batch([1].into_iter());
        assert_eq!(both.future, [8.0, 108.0, 9.0, 109.0]);
        assert_eq!(both.anomalies, [0, 0, 1]);
    }

    #[test]
    fn every_window_is_evaluated_once_and_none_is_dropped() {
        assert_eq!((windows(1, 1).len(), windows(1, 4).len()), (8, 2));
        let loader = EvalLoader::new(WindowBatcher::new(windows(1, 1), Vec::new()), 3, 2).unwrap();
        let batches: Vec<WindowBatch> = loader.iter().collect::<Result<_, _>>().unwrap();
        let starts: Vec<usize> = batches.iter().flat_map(|b| b.starts.clone()).collect();
        assert!(starts.into_iter().eq(4..12));
        assert_eq!(batches[2].batch, 2);
    }

    #[test]
    fn training_has_every_window_once_an_epoch_and_tells_its_notes_once() {
        let batcher = WindowBatcher::new(windows(1, 1), vec!["filled".to_owned()]);
        let loader = TrainLoader::new(batcher, Order::plain(4, 3), 2).unwrap();
        let batches: Vec<WindowBatch> = loader
            .iter_from(0)
            .take(2)
            .collect::<Result<_, _>>()
            .unwrap();
        let mut starts: Vec<usize> = batches.iter().flat_map(|b| b.starts.clone()).collect();
        assert_ne!(starts, [4, 5, 6, 7, 8, 9, 10, 11]);
        starts.sort_unstable();
        assert!(starts.into_iter().eq(4..12));
        assert_eq!(loader.warnings(), ["filled"]);
        assert!(loader.warnings().is_empty());
    }

    #[test]
    fn a_horizon_longer_than_the_rows_is_refused() {
        let shape = WindowShape {
            lookback: 3,
            horizon: 10,
            targets: 2,
        };
        let error = Windows::new("validation", matrix(), 4..16, shape, 1)
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("too few samples in the validation part (rows): expected at least 13, got 12; a window"), "{error}");
    }

    #[test]
    fn a_fingerprint_follows_the_rows_alone() {
        let other = |change: fn(&mut Matrix)| {
            let mut matrix = (*matrix()).clone();
            change(&mut matrix);
            Windows {
                matrix: Arc::new(matrix),
                ..windows(1, 1)
            }
        };
        let print = windows(1, 1).fingerprint();
        assert_eq!(print, other(|matrix| matrix.values[0] = 9.0).fingerprint());
        assert_ne!(print, other(|matrix| matrix.values[12] = 9.0).fingerprint());
        assert_ne!(
            print,
            other(|matrix| matrix.anomalies[12] = 1).fingerprint()
        );
        assert_ne!(print, windows(2, 1).fingerprint());
    }
}

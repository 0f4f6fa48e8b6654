//! Batches of series in host memory.

/// Windows of a multivariate series.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WindowBatch {
    /// Standardised values of the lookback, `[B, L, C]` row-major.
    pub past: Vec<f32>,
    /// Time marks of the lookback, `[B, L, M]`; empty where rows have no dates.
    pub past_marks: Vec<f32>,
    /// What follows, `[B, H, T]`: the last T of the C variates, which are forecast.
    pub future: Vec<f32>,
    /// 1 where a step of the lookback is a labelled anomaly, `[B, L]`; empty without labels.
    pub anomalies: Vec<u8>,
    /// Row of the series at which each lookback starts, `[B]`.
    pub starts: Vec<usize>,
    /// B.
    pub batch: usize,
    /// L.
    pub lookback: usize,
    /// C.
    pub variates: usize,
    /// M.
    pub marks: usize,
    /// H; 0 where nothing is forecast.
    pub horizon: usize,
    /// T.
    pub targets: usize,
}

impl WindowBatch {
    /// The batch in parts of `samples` windows, the last of which may be smaller, in order.
    #[must_use]
    pub fn split(self, samples: usize) -> Vec<Self> {
        let lookback = self.lookback;
        let parts = ranges(self.batch, samples).map(|own| Self {
            past: rows(&self.past, &own, lookback * self.variates),
            past_marks: rows(&self.past_marks, &own, lookback * self.marks),
            future: rows(&self.future, &own, self.horizon * self.targets),
            anomalies: match self.anomalies.is_empty() {
                true => Vec::new(),
                false => rows(&self.anomalies, &own, lookback),
            },
            starts: self.starts[own.clone()].to_vec(),
            batch: own.len(),
            ..Self::dimensions(&self)
        });
        parts.collect()
    }

    /// An empty batch of windows like those of `other`.
    fn dimensions(other: &Self) -> Self {
        Self {
            lookback: other.lookback,
            variates: other.variates,
            marks: other.marks,
            horizon: other.horizon,
            targets: other.targets,
            ..Self::default()
        }
    }
}

/// Whole series with a class each.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SeriesBatch {
    /// Standardised values, `[B, L, C]` row-major; zeros behind the end of a series.
    pub values: Vec<f32>,
    /// Steps of each series that are not padding, `[B]`.
    pub lengths: Vec<usize>,
    /// Class of each series, `[B]`.
    pub labels: Vec<usize>,
    /// B, L and C.
    pub shape: [usize; 3],
}

impl SeriesBatch {
    /// As [`WindowBatch::split`].
    #[must_use]
    pub fn split(self, samples: usize) -> Vec<Self> {
        let [count, length, variates] = self.shape;
        let parts = ranges(count, samples).map(|own| Self {
            values: rows(&self.values, &own, length * variates),
            lengths: self.lengths[own.clone()].to_vec(),
            labels: self.labels[own.clone()].to_vec(),
            shape: [own.len(), length, variates],
        });
        parts.collect()
    }
}

/// `0..count` in pieces of `size`.
fn ranges(count: usize, size: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    let size = size.max(1);
    (0..count)
        .step_by(size)
        .map(move |first| first..(first + size).min(count))
}

fn rows<T: Copy>(values: &[T], own: &std::ops::Range<usize>, width: usize) -> Vec<T> {
    values[own.start * width..own.end * width].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_windows_are_the_batch() {
        let numbers = |count: usize| (0..count).map(|n| n as f32).collect::<Vec<_>>();
        let batch = WindowBatch {
            past: numbers(5 * 4 * 3),
            past_marks: Vec::new(),
            future: numbers(5 * 2),
            anomalies: (0..20).collect(),
            starts: (0..5).collect(),
            batch: 5,
            lookback: 4,
            variates: 3,
            marks: 0,
            horizon: 2,
            targets: 1,
        };
        let parts = batch.clone().split(2);
        let sizes: Vec<_> = parts.iter().map(|part| part.batch).collect();
        assert_eq!(sizes, [2, 2, 1]);
        assert_eq!(parts[2].past, batch.past[4 * 12..]);
        assert_eq!(
            (&parts[2].future[..], &parts[2].anomalies[..]),
            (&[8.0, 9.0][..], &[16, 17, 18, 19][..])
        );
        assert_eq!((parts[1].starts[0], parts[1].lookback), (2, 4));
    }

    #[test]
    fn parts_of_series_are_the_batch() {
        let batch = SeriesBatch {
            values: (0..12).map(|n| n as f32).collect(),
            lengths: vec![2, 1, 2],
            labels: vec![0, 1, 2],
            shape: [3, 2, 2],
        };
        let parts = batch.split(2);
        assert_eq!(parts[1].values, [8.0, 9.0, 10.0, 11.0]);
        assert_eq!((parts[1].shape, parts[1].labels[0]), ([1, 2, 2], 2));
    }
}

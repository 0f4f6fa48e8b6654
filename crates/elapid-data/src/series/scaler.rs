//! Standardising each variate by the rows that a model is trained on.

use std::ops::Range;

/// Mean and standard deviation of each variate.
#[derive(Clone, Debug, PartialEq)]
pub struct Scaler {
    /// Subtracted from the values.
    pub mean: Vec<f64>,
    /// What they are then divided by.
    pub std: Vec<f64>,
}

/// What a deviation is divided by: the number of values, or one less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deviation {
    Population,
    Sample,
}

impl Scaler {
    /// Changes nothing.
    #[must_use]
    pub fn identity(variates: usize) -> Self {
        Self {
            mean: vec![0.0; variates],
            std: vec![1.0; variates],
        }
    }

    /// Statistics of the rows `rows` of `values`, `[N, variates]` row-major, and the variates that do not vary there.
    ///
    /// As scikit-learn's `StandardScaler`: the deviation is that of the population, missing values (NaN) do not count, and a
    /// variate that does not vary is divided by 1.
    #[must_use]
    pub fn fit(values: &[f64], variates: usize, rows: Range<usize>) -> (Self, Vec<usize>) {
        let own = &values[rows.start * variates..rows.end * variates];
        Self::of_rows(
            own.chunks_exact(variates.max(1)),
            variates,
            Deviation::Population,
        )
    }

    /// As [`fit`](Self::fit), of any rows.
    pub(super) fn of_rows<'a, T: Copy + Into<f64> + 'a>(
        rows: impl Iterator<Item = &'a [T]> + Clone,
        variates: usize,
        deviation: Deviation,
    ) -> (Self, Vec<usize>) {
        let mut counts = vec![0.0_f64; variates];
        let mut mean = vec![0.0; variates];
        for row in rows.clone() {
            for (at, &value) in row.iter().enumerate() {
                let value: f64 = value.into();
                if !value.is_nan() {
                    counts[at] += 1.0;
                    mean[at] += value;
                }
            }
        }
        mean.iter_mut()
            .zip(&counts)
            .for_each(|(sum, n)| *sum /= n.max(1.0));
        let mut squares = vec![0.0; variates];
        for row in rows {
            for (at, &value) in row.iter().enumerate() {
                let value: f64 = value.into();
                if !value.is_nan() {
                    squares[at] += (value - mean[at]).powi(2);
                }
            }
        }
        let mut constant = Vec::new();
        let std = (0..variates).map(|at| {
            let n = counts[at];
            let divisor = match deviation {
                Deviation::Population => n,
                Deviation::Sample => n - 1.0,
            };
            let variance = squares[at] / divisor.max(1.0);
            // What rounding alone may leave of a constant (Chan, Golub and LeVeque 1983).
            let rounding = n * f64::EPSILON * variance + (n * mean[at] * f64::EPSILON).powi(2);
            if variance > rounding {
                return variance.sqrt();
            }
            constant.push(at);
            1.0
        });
        let std = std.collect();
        (Self { mean, std }, constant)
    }

    /// Standardised values, `[N, C]` row-major.
    #[must_use]
    pub fn scaled(&self, values: &[f64]) -> Vec<f32> {
        let mut scaled = Vec::with_capacity(values.len());
        for row in values.chunks_exact(self.mean.len().max(1)) {
            let columns = row.iter().zip(&self.mean).zip(&self.std);
            scaled.extend(columns.map(|((value, mean), std)| ((value - mean) / std) as f32));
        }
        scaled
    }

    /// A value of variate `variate` in the units of the data.
    #[must_use]
    pub fn restored(&self, variate: usize, scaled: f64) -> f64 {
        scaled * self.std[variate] + self.mean[variate]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_are_those_of_the_rows_and_of_the_population() {
        let values = [1.0, 10.0, 3.0, 10.0, 100.0, 0.0];
        let (scaler, constant) = Scaler::fit(&values, 2, 0..2);
        assert_eq!(
            (scaler.mean.as_slice(), scaler.std.as_slice()),
            (&[2.0, 10.0][..], &[1.0, 1.0][..])
        );
        assert_eq!(constant, [1]);
        assert_eq!(scaler.scaled(&values), [-1.0, 0.0, 1.0, 0.0, 98.0, -10.0]);
        assert_eq!(scaler.restored(0, 98.0), 100.0);
    }

    #[test]
    fn a_constant_that_rounding_blurs_is_a_constant() {
        let values = vec![0.1; 1001];
        let (scaler, constant) = Scaler::fit(&values, 1, 0..1001);
        assert_eq!((scaler.std[0], constant.len()), (1.0, 1));
    }

    #[test]
    fn missing_values_do_not_count() {
        let values = [f64::NAN, 2.0, 4.0];
        let (scaler, _) = Scaler::fit(&values, 1, 0..3);
        assert_eq!((scaler.mean[0], scaler.std[0]), (3.0, 1.0));
        let rows = values.chunks_exact(1);
        let (scaler, _) = Scaler::of_rows(rows, 1, Deviation::Sample);
        assert_eq!(scaler.std[0], 2.0_f64.sqrt());
    }
}

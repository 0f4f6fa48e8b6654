//! Mean and standard deviation.

use serde::Serialize;

use crate::cli::table;

/// Mean and spread of a few values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Spread {
    pub(super) n: usize,
    pub(super) mean: f64,
    /// Of the sample, with n − 1; absent for a single value.
    pub(super) sd: Option<f64>,
}

impl Spread {
    /// `None` of nothing.
    pub(super) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let values: Vec<f64> = values.into_iter().collect();
        let n = values.len();
        let mean = values.iter().sum::<f64>() / n as f64;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let sd = (n > 1).then(|| (squares / (n as f64 - 1.0)).sqrt());
        (n > 0).then_some(Self { n, mean, sd })
    }

    /// As the values of a metric: `97.20 ± 0.31 %`.
    pub(super) fn text(&self, metric: &str) -> String {
        let Some(sd) = self.sd else {
            return table::metric(metric, self.mean);
        };
        match table::is_share(metric) {
            true => format!("{:.2} ± {:.2} %", 100.0 * self.mean, 100.0 * sd),
            false => format!("{:.4} ± {sd:.4}", self.mean),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        // By hand: squares about 5 are 9, 1, 1, 1, 0, 0, 4, 16; 32 / 7 = 4.571….
        let spread = Spread::of([2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]).unwrap();
        assert_eq!((spread.n, spread.mean), (8, 5.0));
        assert!((spread.sd.unwrap() - (32.0_f64 / 7.0).sqrt()).abs() < 1e-12);
        assert_eq!(Spread::of([0.5]).unwrap().sd, None);
        assert_eq!(Spread::of([]), None);
    }

    #[test]
    fn shares_are_in_per_cent() {
        let spread = Spread::of([0.97, 0.98, 0.99]).unwrap();
        assert_eq!(spread.text("accuracy"), "98.00 ± 1.00 %");
        assert_eq!(spread.text("loss"), "0.9800 ± 0.0100");
        assert_eq!(Spread::of([0.5]).unwrap().text("loss"), "0.5000");
    }
}

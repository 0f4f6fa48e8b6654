//! How wrong forecasts are, and what they look like.

use elapid_data::series::WindowBatch;
use elapid_train::{Line, Lines, Measured, Picture, Shows, Tally};

use super::shown_windows::ShownWindows;

/// A series that is forecast.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Target {
    /// Name of its column.
    pub(super) name: String,
    /// Mean in the training rows.
    pub(super) mean: f64,
    /// Standard deviation in the training rows: one standardised unit in the original ones.
    pub(super) unit: f64,
}

impl Target {
    /// A standardised value in the units of the data.
    pub(super) fn original(&self, value: f32) -> f64 {
        f64::from(value) * self.unit + self.mean
    }
}

/// Sums of squared and absolute errors.
#[derive(Clone, Copy, Debug, Default)]
struct Errors {
    squared: f64,
    absolute: f64,
}

impl Errors {
    fn add(&mut self, error: f64) {
        self.squared += error * error;
        self.absolute += error.abs();
    }
}

/// Sums over the windows of an evaluation.
#[derive(Clone, Debug)]
pub struct ForecastTally {
    targets: Vec<Target>,
    /// Steps of a season, whose last repetition is a forecast to compare with.
    season: Option<usize>,
    values: u64,
    loss: f64,
    /// Of each step ahead.
    steps: Vec<Errors>,
    /// Of each step ahead, of the last season in the place of the forecast.
    naive: Vec<Errors>,
    /// Of each target.
    of_targets: Vec<Errors>,
    shown: ShownWindows,
}

impl ForecastTally {
    pub(super) fn new(targets: Vec<Target>, season: Option<usize>) -> Self {
        Self {
            season,
            values: 0,
            loss: 0.0,
            steps: Vec::new(),
            naive: Vec::new(),
            of_targets: vec![Errors::default(); targets.len()],
            targets,
            shown: ShownWindows::default(),
        }
    }

    /// Adds the forecasts of a batch, `[B, H, T]`, with the sum of their losses.
    pub(super) fn add(&mut self, forecast: &[f32], batch: &WindowBatch, loss: f64) {
        let (targets, horizon) = (self.targets.len(), batch.horizon);
        self.steps.resize(horizon, Errors::default());
        self.loss += loss;
        self.values += batch.future.len() as u64;
        let rows = forecast
            .chunks(targets)
            .zip(batch.future.chunks(targets.max(1)));
        for (row, (forecast, truth)) in rows.enumerate() {
            for (column, (forecast, truth)) in forecast.iter().zip(truth).enumerate() {
                let error = f64::from(*forecast) - f64::from(*truth);
                self.steps[row % horizon].add(error);
                self.of_targets[column].add(error);
            }
        }
        let naive = self.season.map(|season| last_season(batch, season));
        if let Some(naive) = &naive {
            self.naive.resize(horizon, Errors::default());
            for (at, (naive, truth)) in naive.iter().zip(&batch.future).enumerate() {
                let step = at / targets % horizon;
                self.naive[step].add(f64::from(*naive) - f64::from(*truth));
            }
        }
        self.shown.add(batch, forecast, naive.as_deref());
    }

    /// Values of each step ahead.
    fn each(&self) -> f64 {
        self.values as f64 / self.steps.len().max(1) as f64
    }

    /// Mean squared error of the steps in a part of the horizon.
    fn mse_of(&self, steps: std::ops::Range<usize>) -> f64 {
        let [from, to] = [steps.start, steps.end].map(|step| step.min(self.steps.len()));
        let sum: f64 = self.steps[from..to].iter().map(|step| step.squared).sum();
        sum / (self.each() * (to - from) as f64)
    }

    /// The steps of a quarter of the horizon; at least one.
    fn quarter(&self, quarter: usize) -> std::ops::Range<usize> {
        let horizon = self.steps.len();
        let from = (quarter * horizon / 4).min(horizon.saturating_sub(1));
        from..((quarter + 1) * horizon / 4).max(from + 1)
    }

    /// The error of each step ahead; nothing where there is one step, which is no line.
    fn error_by_step(&self) -> Option<Picture> {
        if self.steps.len() < 2 {
            return None;
        }
        let line = |label: &str, shows, of: fn(&Errors) -> f64, steps: &[Errors]| Line {
            label: label.to_owned(),
            shows,
            first: 1,
            values: steps.iter().map(|step| of(step) / self.each()).collect(),
        };
        let (squared, absolute) = (|e: &Errors| e.squared, |e: &Errors| e.absolute);
        let mut lines = vec![
            line("MSE", Shows::Predicted, squared, &self.steps),
            line("MAE", Shows::Reference, absolute, &self.steps),
        ];
        if !self.naive.is_empty() {
            lines.push(line(
                "MSE of the last season",
                Shows::Given,
                squared,
                &self.naive,
            ));
        }
        Some(Picture::Lines(Lines {
            title: "Error by step ahead, standardised".to_owned(),
            over: "step ahead".to_owned(),
            lines,
            mark: None,
        }))
    }
}

/// The last season of each window repeated, `[B, H, T]`.
fn last_season(batch: &WindowBatch, season: usize) -> Vec<f32> {
    let (variates, targets) = (batch.variates, batch.targets);
    let mut repeated = Vec::with_capacity(batch.future.len());
    for past in batch.past.chunks_exact(batch.lookback * variates) {
        let last = &past[(batch.lookback - season) * variates..];
        let rows = last.chunks_exact(variates).cycle().take(batch.horizon);
        rows.for_each(|row| repeated.extend_from_slice(&row[variates - targets..]));
    }
    repeated
}

impl Tally for ForecastTally {
    /// Plain means over all windows, steps and targets, on standardised values but for those called original.
    fn metrics(&self) -> Vec<Measured> {
        let count = self.values as f64;
        let mean =
            |of: fn(&Errors) -> f64, sums: &[Errors]| sums.iter().map(of).sum::<f64>() / count;
        let units = self.of_targets.iter().zip(&self.targets);
        let squared = units
            .clone()
            .map(|(sums, target)| sums.squared * target.unit * target.unit);
        let absolute = units.map(|(sums, target)| sums.absolute * target.unit);
        let last = self.steps.len().saturating_sub(1);
        let measured = Measured::error;
        let mut metrics = vec![
            measured("loss", self.loss / count),
            measured("mse", mean(|sums| sums.squared, &self.steps)),
            measured("mae", mean(|sums| sums.absolute, &self.steps)),
            measured("mse_first", self.mse_of(0..1)),
            measured("mse_q1", self.mse_of(self.quarter(0))),
            measured("mse_q2", self.mse_of(self.quarter(1))),
            measured("mse_q3", self.mse_of(self.quarter(2))),
            measured("mse_q4", self.mse_of(self.quarter(3))),
            measured("mse_last", self.mse_of(last..last + 1)),
            measured("mse_original", squared.sum::<f64>() / count),
            measured("mae_original", absolute.sum::<f64>() / count),
        ];
        if self.season.is_some() {
            metrics.push(measured(
                "mse_naive",
                mean(|sums| sums.squared, &self.naive),
            ));
            metrics.push(measured(
                "mae_naive",
                mean(|sums| sums.absolute, &self.naive),
            ));
        }
        metrics
    }

    fn is_finite(&self) -> bool {
        self.loss.is_finite()
    }

    /// The error by step ahead, and a few windows with their forecasts.
    fn pictures(&self) -> Vec<Picture> {
        let mut pictures: Vec<Picture> = self.error_by_step().into_iter().collect();
        pictures.extend(self.shown.pictures(&self.targets));
        pictures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets(units: &[f64]) -> Vec<Target> {
        let target = |(at, unit): (usize, &f64)| Target {
            name: format!("s{at}"),
            mean: 100.0,
            unit: *unit,
        };
        units.iter().enumerate().map(target).collect()
    }

    /// One window that begins at row 10, with a lookback of `past` rows.
    fn window(past: &[f32], future: &[f32], targets: usize) -> WindowBatch {
        WindowBatch {
            past: past.to_vec(),
            future: future.to_vec(),
            starts: vec![10],
            batch: 1,
            lookback: past.len() / targets,
            variates: targets,
            horizon: future.len() / targets,
            targets,
            ..WindowBatch::default()
        }
    }

    fn value(tally: &ForecastTally, name: &str) -> f64 {
        let metrics = tally.metrics();
        metrics.iter().find(|m| m.name == name).unwrap().value
    }

    #[test]
    fn metrics_by_hand() {
        let mut tally = ForecastTally::new(targets(&[10.0, 1.0]), None);
        // Two windows of four steps and two targets; errors 1 and 0 in the first step, 0 and 2 in the last.
        let batch = window(&[0.0; 4], &[0.0; 8], 2);
        let forecast = [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -2.0];
        tally.add(&forecast, &batch, 5.0);
        tally.add(&[0.0; 8], &batch, 0.0);
        assert_eq!(value(&tally, "loss"), 5.0 / 16.0);
        assert_eq!(value(&tally, "mse"), 5.0 / 16.0);
        assert_eq!(value(&tally, "mae"), 3.0 / 16.0);
        assert_eq!(value(&tally, "mse_first"), 0.25);
        assert_eq!(value(&tally, "mse_q1"), 0.25);
        assert_eq!(value(&tally, "mse_q2"), 0.0);
        assert_eq!(value(&tally, "mse_last"), 1.0);
        assert_eq!(value(&tally, "mse_original"), (100.0 + 4.0) / 16.0);
        assert_eq!(value(&tally, "mae_original"), (10.0 + 2.0) / 16.0);
        assert!(tally.metrics().iter().all(|m| m.name != "mse_naive"));
    }

    #[test]
    fn a_horizon_of_fewer_than_four_steps_has_quarters() {
        let mut tally = ForecastTally::new(targets(&[1.0]), None);
        tally.add(&[1.0, 3.0], &window(&[0.0], &[0.0, 0.0], 1), 0.0);
        let metrics = tally.metrics();
        assert!(metrics.iter().all(|metric| metric.value.is_finite()));
        assert_eq!(tally.quarter(0), 0..1);
        assert_eq!(tally.quarter(3), 1..2);
    }

    #[test]
    fn the_last_season_is_repeated() {
        // Two variates, of which the second is forecast.
        let batch = WindowBatch {
            targets: 1,
            ..window(&[9.0, 1.0, 9.0, 2.0, 9.0, 3.0], &[0.0; 6], 2)
        };
        let batch = WindowBatch {
            horizon: 5,
            future: vec![2.0, 3.0, 2.0, 3.0, 4.0],
            ..batch
        };
        assert_eq!(last_season(&batch, 2), [2.0, 3.0, 2.0, 3.0, 2.0]);
        let mut tally = ForecastTally::new(targets(&[1.0]), Some(2));
        tally.add(&[0.0; 5], &batch, 0.0);
        assert_eq!(value(&tally, "mse_naive"), 4.0 / 5.0);
        assert_eq!(value(&tally, "mae_naive"), 2.0 / 5.0);
    }

    #[test]
    fn forecasts_are_drawn_in_the_units_of_the_data() {
        let mut tally = ForecastTally::new(targets(&[10.0]), Some(1));
        let batch = window(&[0.0, 1.0], &[2.0, 3.0], 1);
        tally.add(&[2.5, 2.0], &batch, 0.0);
        let pictures = tally.pictures();
        let [Picture::Lines(errors), Picture::Lines(drawn)] = &pictures[..] else {
            panic!("{pictures:?}");
        };
        let values = |lines: &Lines, at: usize| lines.lines[at].values.clone();
        assert_eq!(values(errors, 0), [0.25, 1.0]);
        assert_eq!(values(errors, 1), [0.5, 1.0]);
        assert_eq!(values(errors, 2), [1.0, 4.0]);
        assert_eq!(drawn.mark, Some((12, "forecast".to_owned())));
        assert_eq!((drawn.lines[0].first, drawn.lines[1].first), (10, 11));
        assert_eq!(values(drawn, 0), [100.0, 110.0]);
        // History goes on into what follows it.
        assert_eq!(values(drawn, 1), [110.0, 120.0, 130.0]);
        assert_eq!(values(drawn, 2), [110.0, 110.0, 110.0]);
        assert_eq!(values(drawn, 3), [110.0, 125.0, 120.0]);
    }
}

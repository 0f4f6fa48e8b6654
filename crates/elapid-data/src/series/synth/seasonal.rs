//! Hourly series with a daily and a weekly season, a trend and noise whose best forecast is known.

use std::f64::consts::TAU;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use serde::Serialize;

use crate::card::card;
use crate::error::DataError;
use crate::random::{normal, purpose, stream, unit64};
use crate::series::borders;
use crate::series::forecast::{Features, Options, Shares, Span, WindowSplits, prepare};
use crate::series::stamp::{Stamp, Step};
use crate::series::table::Table;
use crate::transform::require;

/// Hours of a day and of a week.
const SEASONS: [usize; 2] = [24, 168];
/// Sines of the daily and of the weekly season.
const HARMONICS: [usize; 2] = [3, 2];
const HOUR: Step = Step::Micros(3_600_000_000);

/// What series are made.
///
/// Variate c at hour t is `unit · (level + trend · t/rows + daily · day(t) + weekly · week(t) + e(t))`. Seasons are sums of a
/// few sines, scaled to a mean square of 1, with amplitudes and phases of their own for each variate, and repeat exactly.
/// `e(t) = phi · e(t-1) + noise · z(t)` with independent standard normal `z`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seasonal {
    /// Hours.
    pub rows: usize,
    /// Series.
    pub variates: usize,
    /// Root mean square of the daily season.
    pub daily: f64,
    /// Root mean square of the weekly season.
    pub weekly: f64,
    /// Rise from the first row to the last.
    pub trend: f64,
    /// Coefficient of the noise, above -1 and below 1.
    pub phi: f64,
    /// Standard deviation of what is new in the noise of a step.
    pub noise: f64,
    /// Share of the rows behind which seasons have other phases, are half as large again, and the level is 1 higher; `None` for
    /// no such change.
    pub regime_change: Option<f64>,
    /// Which series.
    pub seed: u64,
}

impl Default for Seasonal {
    fn default() -> Self {
        Self {
            rows: 8_736,
            variates: 4,
            daily: 1.0,
            weekly: 0.5,
            trend: 0.5,
            phi: 0.5,
            noise: 0.4,
            regime_change: None,
            seed: 0,
        }
    }
}

impl Seasonal {
    fn check(&self) -> Result<(), DataError> {
        require(self.rows > 0, "data.rows", self.rows, "at least 1")?;
        require(
            self.variates > 0,
            "data.variates",
            self.variates,
            "at least 1",
        )?;
        require(
            self.phi.abs() < 1.0,
            "data.phi",
            self.phi,
            "above -1 and below 1",
        )?;
        require(self.noise >= 0.0, "data.noise", self.noise, "at least 0")
    }

    /// What one unit of a variate is in the table, so that variates have sizes of their own.
    fn unit(variate: usize) -> f64 {
        [1.0, 10.0, 0.1, 250.0][variate % 4]
    }

    /// Mean squared error of the best forecast of each step ahead, 1 to `horizon`, on data standardised with `std`: the mean
    /// over the variates.
    ///
    /// The forecaster knows seasons, trend and regime, and the past of the noise. Of the noise h steps ahead it cannot know what is
    /// new in it: `noise² (1 - phi^2h) / (1 - phi²)` (Box and Jenkins 1970, chapter 5).
    #[must_use]
    pub fn optimal_errors(&self, std: &[f64], horizon: usize) -> Vec<f64> {
        let errors = (1..=horizon).map(|ahead| {
            let phi = self.phi * self.phi;
            let new = self.noise * self.noise * (1.0 - phi.powi(ahead as i32)) / (1.0 - phi);
            let of_each = std.iter().enumerate();
            let sum: f64 = of_each
                .map(|(at, std)| new * (Self::unit(at) / std).powi(2))
                .sum();
            sum / std.len() as f64
        });
        errors.collect()
    }

    /// Mean squared error that the best forecast makes of the rows `rows` of the table of these settings: over all windows whose
    /// first row ahead is among them, all of `horizon` steps, on data standardised with `std`.
    fn error_on(
        &self,
        table: &Table,
        rows: Range<usize>,
        std: &[f64],
        horizon: usize,
    ) -> Result<f64, DataError> {
        let quiet = Self {
            noise: 0.0,
            ..*self
        };
        let truth = quiet.table()?.values;
        let width = self.variates;
        let noise = |row: usize, at: usize| {
            let place = row * width + at;
            (table.values[place] - truth[place]) / std[at]
        };
        let (mut sum, mut count) = (0.0, 0.0);
        for now in rows.start - 1..rows.end - horizon {
            for at in 0..width {
                let known = noise(now, at);
                for ahead in 1..=horizon {
                    let expected = self.phi.powi(ahead as i32) * known;
                    sum += (noise(now + ahead, at) - expected).powi(2);
                    count += 1.0;
                }
            }
        }
        Ok(sum / count)
    }

    /// The series as a table.
    ///
    /// # Errors
    ///
    /// Settings outside their range.
    pub fn table(&self) -> Result<Table, DataError> {
        self.check()?;
        let mut values = vec![0.0; self.rows * self.variates];
        for variate in 0..self.variates {
            let column = values.iter_mut().skip(variate).step_by(self.variates);
            column
                .zip(self.series(variate))
                .for_each(|(place, value)| *place = value);
        }
        let first = NaiveDate::from_ymd_opt(2020, 1, 6).and_then(|date| date.and_hms_opt(0, 0, 0));
        let first = first.map(|local| Stamp {
            local,
            offset: None,
        });
        let stamps = (0..self.rows).map_while(|row| HOUR.after(first?, row));
        Ok(Table {
            path: PathBuf::from("seasonal"),
            names: (1..=self.variates).map(|n| format!("s{n}")).collect(),
            stamps: stamps.collect(),
            values,
            step: Some(HOUR),
            notes: Vec::new(),
        })
    }

    fn series(&self, variate: usize) -> Vec<f64> {
        const SEASONAL: u64 = 2;
        let key = [purpose::SERIES, SEASONAL, variate as u64];
        let rng = &mut stream(self.seed, &key);
        let level = 4.0 * unit64(rng) - 2.0;
        let regimes = [Regime::drawn(rng), Regime::drawn(rng)];
        let change = self
            .regime_change
            .map_or(self.rows, |share| (share * self.rows as f64) as usize);
        // From the stationary distribution, so that the first rows are like all others.
        let mut noise = self.noise / (1.0 - self.phi * self.phi).sqrt() * normal(rng);
        let rows = (0..self.rows).map(|row| {
            let (regime, size, more) = match row < change {
                true => (&regimes[0], 1.0, 0.0),
                false => (&regimes[1], 1.5, 1.0),
            };
            let [day, week] = regime.at(row);
            let trend = self.trend * row as f64 / self.rows as f64;
            let value =
                level + more + trend + size * (self.daily * day + self.weekly * week) + noise;
            noise = self.phi * noise + self.noise * normal(rng);
            Self::unit(variate) * value
        });
        rows.collect()
    }
}

/// Amplitude and phase of the sines of both seasons.
struct Regime([Vec<[f64; 2]>; 2]);

impl Regime {
    fn drawn(rng: &mut rand_chacha::ChaCha8Rng) -> Self {
        Self(HARMONICS.map(|count| {
            let sines = (1..=count).map(|n| [(0.5 + unit64(rng)) / n as f64, TAU * unit64(rng)]);
            let mut sines: Vec<[f64; 2]> = sines.collect();
            let power: f64 = sines
                .iter()
                .map(|[amplitude, _]| amplitude * amplitude / 2.0)
                .sum();
            sines
                .iter_mut()
                .for_each(|[amplitude, _]| *amplitude /= power.sqrt());
            sines
        }))
    }

    fn at(&self, row: usize) -> [f64; 2] {
        std::array::from_fn(|season| {
            let turn = TAU * (row % SEASONS[season]) as f64 / SEASONS[season] as f64;
            let sines = self.0[season].iter().enumerate();
            sines
                .map(|(at, [size, phase])| size * (turn * (at + 1) as f64 + phase).sin())
                .sum()
        })
    }
}

/// The series that `settings` describe, divided as a CSV file is.
///
/// # Errors
///
/// Settings outside their range, or a part that is shorter than a window.
pub fn seasonal(
    settings: &Seasonal,
    options: &Options,
    shares: Shares,
    span: Span,
) -> Result<WindowSplits, DataError> {
    let mut table = settings.table()?;
    if options.features == Features::Target {
        let last = table.names.len() - 1;
        table = table.select(&[last]);
    }
    let borders = borders::shares(table.rows(), shares.train, shares.test, span.lookback)?;
    prepare(table, options, &borders, span, card("seasonal")?)
}

/// What is written beside the table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Optimum {
    /// Mean of each variate over the training rows.
    pub mean: Vec<f64>,
    /// Standard deviation of each variate over the training rows, which the errors are relative to.
    pub std: Vec<f64>,
    /// Mean squared error of the best forecast at each step ahead, on standardised data.
    pub mse_at_step: Vec<f64>,
    /// Mean of these over the first steps up to each.
    pub mse_up_to_step: Vec<f64>,
    /// Mean squared error that the best forecast makes on all windows of the test rows that are there, mean over all steps: what
    /// was drawn there differs from its expectation.
    pub test_mse: f64,
}

/// Writes `seasonal.csv` and `seasonal.optimum.json` to the folder `out`: the table, and what the best forecast of `horizon` steps of
/// it costs where its rows are divided by `shares`.
///
/// # Errors
///
/// Settings outside their range, a folder that is not empty, or a file that cannot be written.
pub fn write_seasonal(
    out: &Path,
    settings: &Seasonal,
    shares: Shares,
    horizon: usize,
) -> Result<Optimum, DataError> {
    let table = settings.table()?;
    if out.is_file()
        || out
            .read_dir()
            .is_ok_and(|mut entries| entries.next().is_some())
    {
        return Err(DataError::layout(
            out,
            "it is not empty, and nothing is overwritten",
        ));
    }
    require(horizon > 0, "horizon", horizon, "at least 1")?;
    let borders = borders::shares(table.rows(), shares.train, shares.test, 0)?;
    if horizon >= borders.test.start.min(borders.test.len()) {
        return Err(DataError::Setting {
            setting: "horizon",
            value: horizon.to_string(),
            expected: format!("fewer than the {} test rows", borders.test.len()),
        });
    }
    let trained = borders.train.end;
    let (scaler, _) = crate::series::Scaler::fit(&table.values, settings.variates, 0..trained);
    let errors = settings.optimal_errors(&scaler.std, horizon);
    let test_mse = settings.error_on(&table, borders.test, &scaler.std, horizon)?;
    let mut sum = 0.0;
    let means = errors.iter().enumerate().map(|(at, error)| {
        sum += error;
        sum / (at + 1) as f64
    });
    let optimum = Optimum {
        mse_up_to_step: means.collect(),
        mse_at_step: errors,
        mean: scaler.mean,
        std: scaler.std,
        test_mse,
    };
    fs::create_dir_all(out).map_err(|error| DataError::unwritable(out, error))?;
    let write = |name: &str, text: String| {
        let path = out.join(name);
        fs::write(&path, text).map_err(|error| DataError::unwritable(&path, error))
    };
    write("seasonal.csv", csv_text(&table))?;
    let text = serde_json::to_string_pretty(&optimum);
    let text = text.map_err(|error| DataError::unwritable(out, error))?;
    write("seasonal.optimum.json", text + "\n")?;
    Ok(optimum)
}

/// A table as comma-separated values that read back to the same numbers.
fn csv_text(table: &Table) -> String {
    let mut text = format!("date,{}\n", table.names.join(","));
    let rows = table.values.chunks_exact(table.names.len());
    for (stamp, row) in table.stamps.iter().zip(rows) {
        text += &stamp.to_string();
        for value in row {
            text += &format!(",{value}");
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::forecast::csv;

    const SHARES: Shares = Shares {
        train: 0.7,
        test: 0.2,
    };
    const SPAN: Span = Span {
        lookback: 96,
        horizon: 24,
    };

    #[test]
    fn files_are_read_back_to_what_memory_has() {
        let folder = tempfile::tempdir().unwrap();
        let settings = Seasonal {
            rows: 1500,
            ..Seasonal::default()
        };
        let optimum = write_seasonal(folder.path(), &settings, SHARES, 24).unwrap();
        let options = Options::default();
        let file = csv(&folder.path().join("seasonal.csv"), &options, SHARES, SPAN).unwrap();
        let memory = seasonal(&settings, &options, SHARES, SPAN).unwrap();
        assert_eq!(file.train.matrix(), memory.train.matrix());
        assert_eq!((&file.scaler.std, file.step), (&optimum.std, Some(HOUR)));
        assert_eq!(file.train.matrix().mark_count, 4);
        // Of 277 windows that overlap: within a quarter of its expectation.
        assert!((optimum.test_mse / optimum.mse_up_to_step[23] - 1.0).abs() < 0.25);
        assert!(write_seasonal(folder.path(), &settings, SHARES, 24).is_err());
        let long = write_seasonal(&folder.path().join("long"), &settings, SHARES, 300);
        assert!(
            long.unwrap_err()
                .to_string()
                .contains("expected fewer than the 300 test rows")
        );
        let target = Options {
            features: Features::Target,
            ..options
        };
        let alone = seasonal(&settings, &target, SHARES, SPAN).unwrap();
        assert_eq!(
            (alone.columns, alone.train.shape().targets),
            (vec!["s4".to_owned()], 1)
        );
    }

    /// What a forecaster that knows the seasons and the noise of now makes of each step ahead.
    #[test]
    fn no_forecaster_that_knows_the_truth_beats_the_optimum() {
        let settings = Seasonal {
            rows: 40_000,
            variates: 1,
            ..Seasonal::default()
        };
        let quiet = Seasonal {
            noise: 0.0,
            ..settings
        };
        let values = settings.table().unwrap().values;
        let truth = quiet.table().unwrap().values;
        let noise: Vec<f64> = values
            .iter()
            .zip(&truth)
            .map(|(value, truth)| value - truth)
            .collect();
        let optimum = settings.optimal_errors(&[1.0], 24);
        for ahead in [1, 2, 5, 24] {
            let pairs = noise.iter().zip(&noise[ahead..]);
            let phi = settings.phi.powi(ahead as i32);
            let errors: Vec<f64> = pairs
                .map(|(now, then)| (then - phi * now).powi(2))
                .collect();
            let error = errors.iter().sum::<f64>() / errors.len() as f64;
            // 40,000 squares of normal numbers, correlated over a few rows: within 3 %.
            assert!(
                (error / optimum[ahead - 1] - 1.0).abs() < 0.03,
                "{ahead}: {error}"
            );
        }
        assert!((optimum[0] - 0.16).abs() < 1e-12);
    }

    #[test]
    fn a_change_of_regime_changes_what_comes_behind_it() {
        let plain = Seasonal {
            rows: 400,
            ..Seasonal::default()
        };
        let changed = Seasonal {
            regime_change: Some(0.5),
            ..plain
        };
        let (plain, changed) = (
            plain.table().unwrap().values,
            changed.table().unwrap().values,
        );
        assert_eq!(plain[..800], changed[..800]);
        assert!(
            plain[800..]
                .iter()
                .zip(&changed[800..])
                .all(|(a, b)| a != b)
        );
        let said = Seasonal {
            phi: 1.0,
            ..Seasonal::default()
        }
        .table()
        .unwrap_err()
        .to_string();
        assert_eq!(said, "data.phi is 1, expected above -1 and below 1");
    }
}

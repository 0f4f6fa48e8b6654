//! `[data]` of series: tables over time, labelled series, and series with labelled anomalies. Rows of a window are the model's.

use crate::error::{ConfigError, ErrorKind};
use crate::options::{choice, options};
use crate::range::{Range, SHARE, at_least, within};
use crate::reader::SectionReader;

/// Counts of rows and variates.
const COUNT: Range = within(1.0, 100_000_000.0);

options! {
    /// What is done with series.
    pub struct SeriesOptions {
        /// Standardise each variate by its mean and deviation over the training rows.
        scale: bool = true;
        /// What a model is told of the date of a row: these numbers and all coarser ones. Data without dates have none.
        marks: Marks = "hour";
    }
}

choice! {
    /// How finely dates are told apart.
    pub enum Marks {
        /// Nothing is told.
        None = "none",
        /// Second of the minute, and what `minute` tells.
        Second = "second",
        /// Minute of the hour, and what `hour` tells; `freq = "t"` of the official codes.
        Minute = "minute",
        /// Hour of the day, and what `day` tells; `freq = "h"` of the official codes, which they leave at that for steps of
        /// minutes as well.
        Hour = "hour",
        /// Day of the week, of the month and of the year.
        Day = "day",
        /// Day of the month and week of the year.
        Week = "week",
        /// Month of the year.
        Month = "month",
    }
}

options! {
    /// A table of numbers with dates.
    pub struct Csv, checked by shares_leave_something {
        /// CSV file, or Parquet file by its ending.
        path: String = required;
        /// Column of the dates, or `none` where rows have none; left out, the one called date, datetime, timestamp, time, ds,
        /// date_time or day, or else the first, if it has dates.
        date: Option<String> = unset;
        /// Column that is forecast where not all are, and the last in any case; left out, `OT` where there is one, and the last
        /// otherwise.
        target: Option<String> = unset;
        /// Columns that are not read, separated by commas.
        ignore: Option<String> = unset;
        /// What is seen and what is forecast.
        features: Features = "M";
        /// What takes the place of missing values.
        missing: Missing = "forward";
        /// Shares of the rows that train, from the first on, and that test, up to the last; those between validate.
        split: [f64; 2] = [0.7, 0.2], SHARE;
    }
}

choice! {
    /// What is seen and what is forecast.
    pub enum Features {
        /// All columns are seen, and all are forecast.
        All = "M",
        /// The target is seen, and it is forecast.
        Target = "S",
        /// All columns are seen, and the target is forecast.
        AllForTarget = "MS",
    }
}

choice! {
    /// What takes the place of missing values.
    pub enum Missing {
        /// Nothing: the first one ends the run.
        Error = "error",
        /// The value before it, or the first of the column where there is none.
        Forward = "forward",
        /// What lies on the line between its neighbours.
        Interpolate = "interpolate",
        /// 0.
        Zero = "zero",
    }
}

options! {
    /// A file of ETT.
    pub struct Ett {
        /// `ETTh1.csv`, `ETTh2.csv`, `ETTm1.csv` or `ETTm2.csv`.
        path: String = required;
        /// Column that is forecast where not all are; left out, `OT`.
        target: Option<String> = unset;
        /// What is seen and what is forecast.
        features: Features = "M";
    }
}

options! {
    /// Solar-Energy.
    pub struct Solar {
        /// `solar_AL.txt`.
        path: String = required;
    }
}

options! {
    /// Traffic flow.
    pub struct Pems {
        /// `PEMS03.npz`, `PEMS04.npz`, `PEMS07.npz` or `PEMS08.npz`.
        path: String = required;
        /// Rows from the start of a test window to that of the next; 12 in the official code.
        test_stride: usize = 12, COUNT;
    }
}

options! {
    /// Generated seasons.
    pub struct Seasonal, checked by seasons_leave_something {
        /// Hours.
        rows: usize = 8736, COUNT;
        /// Series.
        variates: usize = 4, within(1.0, 65536.0);
        /// Root mean square of the daily season.
        daily: f64 = 1.0, at_least(0.0);
        /// Root mean square of the weekly season.
        weekly: f64 = 0.5, at_least(0.0);
        /// Rise from the first row to the last.
        trend: f64 = 0.5;
        /// How much of the noise of a step stays in the next.
        phi: f64 = 0.5, within(-0.9999, 0.9999);
        /// Standard deviation of what is new in the noise of a step.
        noise: f64 = 0.4, at_least(0.0);
        /// Share of the rows behind which the seasons change; left out, they never do.
        regime_change: Option<f64> = unset, within(0.0, 1.0);
        /// What is seen and what is forecast; the target is the last series.
        features: Features = "M";
        /// Shares of the rows that train, from the first on, and that test, up to the last; those between validate.
        split: [f64; 2] = [0.7, 0.2], SHARE;
        /// Which series are made. It is not `run.seed`, so that runs with different seeds see the same series.
        draw_seed: u64 = 0;
    }
}

options! {
    /// A problem of the UEA archive.
    pub struct Uea {
        /// Folder of `<problem>_TRAIN.ts` and `<problem>_TEST.ts`.
        path: String = required;
        /// Name of the problem; left out, the only one in the folder.
        problem: Option<String> = unset;
        /// How series are divided and standardised.
        protocol: SeriesProtocol = "held_out";
    }
}

choice! {
    /// How series are divided and standardised.
    pub enum SeriesProtocol {
        /// `valid_fraction` of what trains is held out, and everything is standardised by what is left.
        HeldOut = "held_out",
        /// As Time-Series-Library. Labelled series: the test validates as well, each part is standardised by itself, and nothing
        /// is held out. Anomalies: the last fifth of what trains validates and trains as well.
        TsLib = "tslib",
    }
}

options! {
    /// Generated wave forms.
    pub struct Rhythms {
        /// Training series, of which `valid_fraction` is held out.
        train: usize = 480, at_least(2.0);
        /// Test series.
        test: usize = 240, at_least(1.0);
        /// Which series are made.
        draw_seed: u64 = 0;
    }
}

options! {
    /// Series with labelled anomalies.
    pub struct Anomaly {
        /// Folder of the set.
        path: String = required;
        /// Name of the set, for `<set>_train.npy` and so on; left out, the only one in the folder.
        set: Option<String> = unset;
        /// Rows from the start of a window to that of the next; officially 100 for SMD and 1 for the others.
        stride: usize = 1, COUNT;
        /// What validates.
        protocol: SeriesProtocol = "held_out";
    }
}

options! {
    /// Generated faults.
    pub struct Faults {
        /// Rows to train on, the last `valid_fraction` of which is held out.
        train: usize = 10000, COUNT;
        /// Rows to test on.
        test: usize = 5000, COUNT;
        /// Sensors.
        variates: usize = 8, within(1.0, 65536.0);
        /// Rows from the start of a window to that of the next.
        stride: usize = 50, COUNT;
        /// Which series are made.
        draw_seed: u64 = 0;
    }
}

fn shares_leave_something(data: &Csv, section: &SectionReader<'_>) -> Result<(), ConfigError> {
    together(data.split, section)
}

fn seasons_leave_something(
    data: &Seasonal,
    section: &SectionReader<'_>,
) -> Result<(), ConfigError> {
    together(data.split, section)
}

fn together([train, test]: [f64; 2], section: &SectionReader<'_>) -> Result<(), ConfigError> {
    if train + test <= 1.0 + 1e-9 {
        return Ok(());
    }
    let message = format!("`split` is [{train}, {test}], which is more than all rows together");
    let hint = "the first share trains and the second tests, for example [0.7, 0.2]";
    Err(section
        .error(ErrorKind::Conflict, &["split"], message)
        .hint(hint))
}

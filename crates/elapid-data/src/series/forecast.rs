//! Series that are forecast: from a table to the windows of each part.

use std::path::Path;
use std::sync::Arc;

use super::borders::{self, Borders};
use super::marks::Marks;
use super::scaler::Scaler;
use super::stamp::{Stamp, Step};
use super::table::{Missing, Roles, Table, fill, read_npz, read_plain};
use super::windows::{Matrix, WindowShape, Windows};
use crate::Split;
use crate::card::{Card, card};
use crate::error::DataError;

/// Which variates a model sees and which it forecasts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Features {
    /// It sees all and forecasts all.
    #[default]
    All,
    /// It sees the target alone and forecasts it.
    Target,
    /// It sees all and forecasts the target.
    AllForTarget,
}

/// How a table becomes windows.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Which columns are what.
    pub roles: Roles,
    /// The column that is forecast where not all are, and the last of all in every case but ETT. Left out, it is `OT` where
    /// there is one, and the last otherwise.
    pub target: Option<String>,
    /// What is seen and what is forecast.
    pub features: Features,
    /// What takes the place of missing values.
    pub missing: Missing,
    /// What a model is told of the time of a row.
    pub marks: Marks,
    /// Whether variates are standardised.
    pub scale: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            roles: Roles::default(),
            target: None,
            features: Features::default(),
            missing: Missing::default(),
            marks: Marks::default(),
            scale: true,
        }
    }
}

/// What a window is made of: rows to look back on and rows to forecast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Rows that a model sees.
    pub lookback: usize,
    /// Rows that it forecasts; 0 where nothing is forecast.
    pub horizon: usize,
}

/// The windows of each part of a series.
#[derive(Clone, Debug)]
pub struct WindowSplits {
    /// What the model learns from.
    pub train: Windows,
    /// What decisions during training are based on; `None` if nothing is held out.
    pub valid: Option<Windows>,
    /// What the final number is measured on.
    pub test: Windows,
    /// Source, licence and protocol.
    pub card: Card,
    /// Names of the variates, in the order of a window's; the last [`WindowShape::targets`] are forecast.
    pub columns: Vec<String>,
    /// What brings values back to the units of the data.
    pub scaler: Scaler,
    /// From one row to the next, where rows have dates.
    pub step: Option<Step>,
    /// When each row of [`Windows::matrix`] was, if rows have dates.
    pub stamps: Vec<Stamp>,
    /// What a person should know of the data.
    pub notes: Vec<String>,
}

impl WindowSplits {
    /// Keeps `fraction` of the training windows, drawn with `seed`; see [`Splits::reduced`](crate::Splits::reduced).
    ///
    /// # Errors
    ///
    /// A fraction that is not above 0 and at most 1.
    pub fn reduced(mut self, fraction: f64, seed: u64) -> Result<Self, DataError> {
        let kept = crate::splits::reduced(self.train.len(), fraction, seed)?;
        if let Some(kept) = kept {
            self.train = self.train.some(kept);
        }
        Ok(self)
    }

    /// One of the parts, if it exists.
    #[must_use]
    pub fn get(&self, split: Split) -> Option<&Windows> {
        match split {
            Split::Train => Some(&self.train),
            Split::Valid => self.valid.as_ref(),
            Split::Test => Some(&self.test),
        }
    }
}

/// Shares of a table's rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shares {
    /// For training, from the first row on.
    pub train: f64,
    /// For the test, up to the last row. What lies between is for validation.
    pub test: f64,
}

/// Any CSV or Parquet file with dates, divided by shares of its rows.
///
/// Columns are in the order of the file, but for the target, which is last.
///
/// # Errors
///
/// If the file cannot be read as [`Table::read`] says, there is no such target, a value is missing where none may be, or a
/// part is shorter than a window.
pub fn csv(
    path: &Path,
    options: &Options,
    shares: Shares,
    span: Span,
) -> Result<WindowSplits, DataError> {
    let table = Table::read(path, &options.roles)?;
    let table = target_last(table, options)?;
    let borders = borders::shares(table.rows(), shares.train, shares.test, span.lookback)?;
    prepare(table, options, &borders, span, card("csv")?)
}

/// A file of ETT, hourly or of 15 minutes, divided by months. Columns are in the order of the file.
///
/// # Errors
///
/// As [`csv()`], and if rows are neither an hour nor a quarter of it apart.
pub fn ett(path: &Path, options: &Options, span: Span) -> Result<WindowSplits, DataError> {
    let table = Table::read(path, &options.roles)?;
    let hour = 3_600_000_000;
    let rows_an_hour = match table.step {
        Some(Step::Micros(step)) if step == hour => 1,
        Some(Step::Micros(step)) if 4 * step == hour => 4,
        step => {
            let found = step.map_or("unknown".to_owned(), |step| step.to_string());
            let problem = format!(
                "its rows are {found} apart, expected 1 h (ETTh1, ETTh2) or 15 min (ETTm1, ETTm2); \
                 read other tables with data.name = \"csv\""
            );
            return Err(DataError::layout(path, problem));
        }
    };
    let table = match options.features {
        Features::All => table,
        Features::Target | Features::AllForTarget => target_last(table, options)?,
    };
    let borders = borders::ett(table.rows(), rows_an_hour, span.lookback)?;
    prepare(table, options, &borders, span, card("ett")?)
}

/// Solar-Energy: `solar_AL.txt`, numbers without header and dates.
///
/// # Errors
///
/// If the file is missing or damaged, or a part is shorter than a window.
pub fn solar(path: &Path, options: &Options, span: Span) -> Result<WindowSplits, DataError> {
    let (variates, values) = read_plain(path)?;
    let names = (1..=variates).map(|n| format!("plant {n}")).collect();
    let table = undated(path, names, values);
    let borders = borders::solar(table.rows(), span.lookback)?;
    prepare(table, options, &borders, span, card("solar")?)
}

/// PEMS03, 04, 07 or 08: the array `data` of an archive, `[time, sensors, features]`, of which the first feature is the flow.
///
/// Missing values are filled in each part by itself, as in the official code. It also tests only on windows that start 12 rows
/// apart: `test_stride`. Their number is rounded down there; here the last whole window counts as well.
///
/// # Errors
///
/// If the file is missing or damaged, the array has another shape, or a part is shorter than a window.
pub fn pems(
    path: &Path,
    options: &Options,
    test_stride: usize,
    span: Span,
) -> Result<WindowSplits, DataError> {
    let array = read_npz(path, "data")?;
    let [rows, sensors, features] = array.shape[..] else {
        let problem = format!(
            "array `data` has the shape {:?}, expected three dimensions: time, sensors, features",
            array.shape
        );
        return Err(DataError::layout(path, problem));
    };
    let flows = array.values.chunks_exact(features.max(1)).map(|all| all[0]);
    let mut values: Vec<f64> = flows.collect();
    let names: Vec<String> = (1..=sensors).map(|n| format!("sensor {n}")).collect();
    let borders = borders::pems(rows);
    let (scaler, constant) = Scaler::fit(&values, sensors, borders.train.clone());
    let mut notes = Vec::new();
    let valid = borders.valid.clone().unwrap_or_default();
    for (part, rows) in [
        ("training", &borders.train),
        ("validation", &valid),
        ("test", &borders.test),
    ] {
        let own = &mut values[rows.start * sensors..rows.end * sensors];
        let note = fill(path, &names, own, options.missing)?;
        notes.extend(note.map(|note| format!("in the {part} part of {note}")));
    }
    let mut table = undated(path, names, values);
    table.notes = notes;
    let fitted = Fitted {
        scaler,
        constant,
        test_stride,
    };
    finish(table, options, &borders, span, card("pems")?, fitted)
}

fn undated(path: &Path, names: Vec<String>, values: Vec<f64>) -> Table {
    Table {
        path: path.to_owned(),
        names,
        stamps: Vec::new(),
        values,
        step: None,
        notes: Vec::new(),
    }
}

/// The table with its target as the last column, or alone.
fn target_last(table: Table, options: &Options) -> Result<Table, DataError> {
    let last = table.names.len() - 1;
    let target = match &options.target {
        Some(name) => table.column("data.target", name)?,
        None => table
            .names
            .iter()
            .position(|name| name == "OT")
            .unwrap_or(last),
    };
    let others = (0..=last).filter(|&at| at != target && options.features != Features::Target);
    let order: Vec<usize> = others.chain([target]).collect();
    Ok(table.select(&order))
}

/// Statistics of the training rows, and how the test windows are cut.
struct Fitted {
    scaler: Scaler,
    constant: Vec<usize>,
    test_stride: usize,
}

/// Fills what is missing, standardises by the training rows and cuts the parts.
pub(super) fn prepare(
    mut table: Table,
    options: &Options,
    borders: &Borders,
    span: Span,
    card: Card,
) -> Result<WindowSplits, DataError> {
    let note = fill(
        &table.path,
        &table.names,
        &mut table.values,
        options.missing,
    )?;
    table.notes.extend(note);
    let (scaler, constant) = Scaler::fit(&table.values, table.names.len(), borders.train.clone());
    let fitted = Fitted {
        scaler,
        constant,
        test_stride: 1,
    };
    finish(table, options, borders, span, card, fitted)
}

fn finish(
    table: Table,
    options: &Options,
    borders: &Borders,
    span: Span,
    card: Card,
    fitted: Fitted,
) -> Result<WindowSplits, DataError> {
    let variates = table.names.len();
    let mut notes = table.notes;
    notes.extend(constant_note(&table.path, &table.names, &fitted.constant));
    let scaler = match options.scale {
        true => fitted.scaler,
        false => Scaler::identity(variates),
    };
    let marks = match table.stamps.is_empty() {
        true => Marks::None,
        false => options.marks,
    };
    let matrix = Arc::new(Matrix {
        values: scaler.scaled(&table.values),
        variates,
        marks: marks.of(&table.stamps),
        mark_count: marks.width(),
        anomalies: Vec::new(),
    });
    let shape = WindowShape {
        lookback: span.lookback,
        horizon: span.horizon,
        targets: match options.features {
            Features::All => variates,
            Features::Target | Features::AllForTarget => 1,
        },
    };
    let cut = |part: &str, rows: &std::ops::Range<usize>, stride| {
        Windows::new(part, Arc::clone(&matrix), rows.clone(), shape, stride)
    };
    let valid = borders
        .valid
        .as_ref()
        .map(|rows| cut("validation", rows, 1));
    Ok(WindowSplits {
        train: cut("training", &borders.train, 1)?,
        valid: valid.transpose()?,
        test: cut("test", &borders.test, fitted.test_stride)?,
        card,
        columns: table.names,
        scaler,
        step: table.step,
        stamps: table.stamps,
        notes,
    })
}

/// What is said of variates that do not vary.
pub(super) fn constant_note(path: &Path, names: &[String], constant: &[usize]) -> Option<String> {
    let first = names.get(*constant.first()?)?;
    let more = match constant.len() {
        1 => String::new(),
        count => format!(" and {} more", count - 1),
    };
    Some(format!(
        "`{}`: column `{first}`{more} does not vary in the training rows; its mean is subtracted, and it is divided by 1",
        path.display()
    ))
}

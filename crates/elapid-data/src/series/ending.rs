//! The last rows of a table, for a model that was trained before.

use std::path::Path;

use super::batch::WindowBatch;
use super::forecast::Options;
use super::scaler::Scaler;
use super::stamp::{Stamp, Step};
use super::table::{Roles, Table, fill};
use crate::error::DataError;

/// The last rows of a table as a batch of one window without a future.
#[derive(Clone, Debug, PartialEq)]
pub struct Ending {
    /// Standardised as in training.
    pub window: WindowBatch,
    /// When the rows of the window were; empty where rows have no dates.
    pub stamps: Vec<Stamp>,
    /// From one row to the next, in this table.
    pub step: Option<Step>,
    /// What a person should know of the table.
    pub notes: Vec<String>,
}

/// Reads the last `lookback` rows of a CSV or Parquet file for a model that was trained on `columns`, standardised by `scaler`.
///
/// Columns are found by their names; all others, but that of the dates, are not read. Gaps are filled as in training.
///
/// # Errors
///
/// As [`Table::read`], and if a column is missing or there are fewer rows.
pub fn ending(
    path: &Path,
    options: &Options,
    columns: &[String],
    scaler: &Scaler,
    lookback: usize,
) -> Result<Ending, DataError> {
    let roles = Roles {
        only: columns.to_vec(),
        ..options.roles.clone()
    };
    let table = Table::read(path, &roles)?;
    let order = columns
        .iter()
        .map(|name| table.column("a column of the run", name));
    let order: Vec<usize> = order.collect::<Result<_, _>>()?;
    let mut table = table.select(&order);
    let note = fill(path, &table.names, &mut table.values, options.missing)?;
    table.notes.extend(note);
    let first = table
        .rows()
        .checked_sub(lookback)
        .ok_or_else(|| DataError::TooFew {
            what: format!("`{}` (rows)", path.display()),
            len: table.rows(),
            needed: lookback,
            hint: "the model looks back on so many".to_owned(),
        })?;
    let stamps = table.stamps.get(first..).unwrap_or_default().to_vec();
    let window = WindowBatch {
        past: scaler.scaled(&table.values[first * columns.len()..]),
        past_marks: options.marks.of(&stamps),
        starts: vec![first],
        batch: 1,
        lookback,
        variates: columns.len(),
        marks: if stamps.is_empty() {
            0
        } else {
            options.marks.width()
        },
        ..WindowBatch::default()
    };
    Ok(Ending {
        window,
        stamps,
        step: table.step,
        notes: table.notes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::{Shares, Span};

    #[test]
    fn the_last_rows_are_those_of_the_last_window() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.csv");
        let rows = (1..=60).map(|n| format!("{},{},{}\n", 1900 + n, n * n, n % 7));
        let rows: String = rows.collect();
        std::fs::write(&path, format!("date,a,b\n{rows}")).unwrap();
        let options = Options {
            target: Some("a".to_owned()),
            ..Options::default()
        };
        let shares = Shares {
            train: 0.7,
            test: 0.2,
        };
        let span = Span {
            lookback: 5,
            horizon: 0,
        };
        let splits = super::super::forecast::csv(&path, &options, shares, span).unwrap();
        // The same numbers with columns in another order, and one with text.
        let rows = (1..=60).map(|n| format!("{},x,{},{}\n", 1900 + n, n * n, n % 7));
        std::fs::write(
            &path,
            format!("date,site,a,b\n{}", rows.collect::<String>()),
        )
        .unwrap();
        let read = |lookback| ending(&path, &options, &splits.columns, &splits.scaler, lookback);
        let end = read(5).unwrap();
        let matrix = splits.test.matrix();
        assert_eq!(splits.columns, ["b", "a"]);
        assert_eq!(end.window.past, matrix.values[55 * 2..]);
        assert_eq!(end.window.past_marks, matrix.marks[55 * 4..]);
        assert_eq!((end.window.starts, end.window.marks), (vec![55], 4));
        let last = *end.stamps.last().unwrap();
        let next = end.step.unwrap().after(last, 1).unwrap();
        assert_eq!(next.to_string(), "1961-01-01 00:00:00");
        let said = read(61).unwrap_err().to_string();
        assert!(
            said.ends_with("expected at least 61, got 60; the model looks back on so many"),
            "{said}"
        );
        std::fs::write(&path, "date,a\n2020,1\n").unwrap();
        let said = read(1).unwrap_err().to_string();
        assert!(
            said.starts_with("a column of the run is `b`, expected a column of numbers"),
            "{said}"
        );
    }
}

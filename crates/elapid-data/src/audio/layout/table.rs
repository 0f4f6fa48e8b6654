//! Tables in files of comma-separated values, whose columns are found by their names.

use std::path::Path;

use csv::{ReaderBuilder, StringRecord};

use crate::error::DataError;

/// A table and where it came from.
pub(super) struct Table<'a> {
    path: &'a Path,
    header: Vec<String>,
    rows: Vec<StringRecord>,
}

impl<'a> Table<'a> {
    /// Reads a file whose first line names the columns.
    ///
    /// # Errors
    ///
    /// If it does not exist, which `expected` explains, cannot be read, or has rows of different lengths.
    pub(super) fn read(path: &'a Path, expected: &str) -> Result<Self, DataError> {
        if !path.is_file() {
            return Err(DataError::Missing {
                path: path.to_owned(),
                expected: expected.to_owned(),
            });
        }
        let unreadable = |error: csv::Error| DataError::unreadable(path, error);
        let mut reader = ReaderBuilder::new()
            .trim(csv::Trim::All)
            .from_path(path)
            .map_err(unreadable)?;
        let header = reader.headers().map_err(unreadable)?.iter();
        let header = header.map(str::to_owned).collect();
        let rows = reader.records().collect::<Result<_, _>>();
        Ok(Self {
            path,
            header,
            rows: rows.map_err(unreadable)?,
        })
    }

    /// Number of the column that has one of these names.
    pub(super) fn column(&self, names: &[&str]) -> Result<usize, DataError> {
        let place = self.header.iter().position(|h| names.contains(&h.as_str()));
        place.ok_or_else(|| {
            let found = self.header.join(", ");
            let names = names.join(" or ");
            DataError::layout(
                self.path,
                format!("the first line names no column {names}, only {found}"),
            )
        })
    }

    /// The rows.
    pub(super) fn rows(&self) -> &[StringRecord] {
        &self.rows
    }

    /// The whole number in a field.
    pub(super) fn number(&self, row: usize, column: usize) -> Result<usize, DataError> {
        let text = &self.rows[row][column];
        text.parse().map_err(|_| {
            self.problem(
                row,
                format!(
                    "{} is `{text}`, expected a whole number",
                    self.header[column]
                ),
            )
        })
    }

    /// An error about a row.
    pub(super) fn problem(&self, row: usize, problem: impl std::fmt::Display) -> DataError {
        // The header is line 1.
        let line = row + 2;
        DataError::layout(self.path, format!("row {line}: {problem}"))
    }
}

//! Tables of numbers over time: what they hold, and the files they come from.

mod columns;
mod csv_file;
mod follow;
mod missing;
mod parquet_file;
mod plain;
mod regular;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use super::stamp::{Stamp, Step};
use crate::error::DataError;

pub(super) use crate::npz::read_npz;
pub use columns::Roles;
pub(super) use follow::FollowedTable;
pub use missing::Missing;
pub(super) use missing::fill;
pub(super) use plain::read_plain;

/// Rows of numbers in the order of time.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// The file it was read from.
    pub path: PathBuf,
    /// Names of the columns, in the order of the file, without that of the date.
    pub names: Vec<String>,
    /// When each row was, ascending; empty where the file has no dates.
    pub stamps: Vec<Stamp>,
    /// `[N, C]` row-major; NaN where a value is missing.
    pub values: Vec<f64>,
    /// From one row to the next; `None` without dates, or with fewer than two rows.
    pub step: Option<Step>,
    /// What a person should know of it.
    pub notes: Vec<String>,
}

impl Table {
    /// Reads a CSV file, or a Parquet file if its name ends in `.parquet` or `.pq`.
    ///
    /// Values that are missing stay so. In CSV files they are empty, or `NaN`, `NA`, `N/A`, `null`, `None` or `?`; fields are
    /// separated by commas, semicolons or tabs, whichever the first line has most of.
    ///
    /// # Errors
    ///
    /// If the file is missing or damaged, there is no column of dates, a date cannot be read or does not come after the one
    /// before it, a column has something else than numbers, or there are no rows.
    pub fn read(path: &Path, roles: &Roles) -> Result<Self, DataError> {
        if !path.is_file() {
            return Err(DataError::Missing {
                path: path.to_owned(),
                expected: "a CSV or Parquet file with a column of dates; see data.path".to_owned(),
            });
        }
        let extension = path.extension().and_then(|name| name.to_str());
        let is_parquet = extension.is_some_and(|name| {
            name.eq_ignore_ascii_case("parquet") || name.eq_ignore_ascii_case("pq")
        });
        let mut table = match is_parquet {
            true => parquet_file::read(path, roles)?,
            false => csv_file::read(path, roles)?,
        };
        if table.values.is_empty() {
            return Err(DataError::layout(path, "it has no rows of numbers"));
        }
        regular::check_ascending(path, &table.stamps, 0)?;
        let (step, note) = regular::step(&table.stamps);
        table.step = step;
        table
            .notes
            .extend(note.map(|note| format!("`{}`: {note}", path.display())));
        Ok(table)
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.values.len() / self.names.len().max(1)
    }

    /// Number of the column of that name.
    ///
    /// # Errors
    ///
    /// If there is none; the message lists those there are.
    pub fn column(&self, setting: &'static str, name: &str) -> Result<usize, DataError> {
        let place = self.names.iter().position(|known| known == name);
        place.ok_or_else(|| DataError::Setting {
            setting,
            value: format!("`{name}`"),
            expected: format!(
                "a column of numbers of `{}`: {}",
                self.path.display(),
                columns::listed(&self.names)
            ),
        })
    }

    /// The columns numbered in `order` alone, in that order.
    #[must_use]
    pub fn select(self, order: &[usize]) -> Self {
        if order.iter().copied().eq(0..self.names.len()) {
            return self;
        }
        let rows = self.values.chunks_exact(self.names.len().max(1));
        let mut values = Vec::with_capacity(rows.len() * order.len());
        for row in rows {
            values.extend(order.iter().map(|&at| row[at]));
        }
        let names = order.iter().map(|&at| self.names[at].clone()).collect();
        Self {
            names,
            values,
            ..self
        }
    }
}

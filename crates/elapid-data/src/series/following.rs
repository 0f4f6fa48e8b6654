//! Rows of a series that arrive while it is read, for a model that was trained before.

use std::path::Path;

use super::batch::WindowBatch;
use super::forecast::Options;
use super::marks::Marks;
use super::scaler::Scaler;
use super::stamp::{Stamp, Step};
use super::table::FollowedTable;
use crate::error::DataError;

/// A CSV file that grows, standardised as in training.
#[derive(Debug)]
pub struct Following {
    table: FollowedTable,
    marks: Marks,
    scaler: Scaler,
}

/// Rows on end.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Arrived {
    /// Standardised, `[N, C]` row-major.
    pub values: Vec<f32>,
    /// C.
    pub variates: usize,
    /// Time marks, `[N, M]` row-major; empty where rows have no dates.
    pub marks: Vec<f32>,
    /// When each row was; empty where rows have no dates.
    pub stamps: Vec<Stamp>,
    /// Number of the last row in the file, from 1.
    pub last: usize,
    /// From one row to the next, as far as these rows tell.
    pub step: Option<Step>,
    /// What a person should know of them.
    pub notes: Vec<String>,
}

impl Following {
    /// Follows a file for a model that was trained on `columns`, standardised by `scaler`. Columns are found by
    /// their names, and gaps are filled by what came before them.
    ///
    /// # Errors
    ///
    /// A file that cannot be opened, or that is no CSV file.
    pub fn open(
        path: &Path,
        options: &Options,
        columns: &[String],
        scaler: &Scaler,
    ) -> Result<Self, DataError> {
        let roles = options.roles.clone();
        Ok(Self {
            table: FollowedTable::open(path, roles, columns, options.missing)?,
            marks: options.marks,
            scaler: scaler.clone(),
        })
    }

    /// The rows that arrived since the last call. A line without its end waits for it.
    ///
    /// # Errors
    ///
    /// As [`Table::read`](super::Table::read), and if the file has become shorter.
    pub fn more(&mut self) -> Result<Arrived, DataError> {
        let rows = self.table.more()?;
        let variates = self.scaler.mean.len();
        let count = rows.values.len() / variates.max(1);
        Ok(Arrived {
            values: self.scaler.scaled(&rows.values),
            variates,
            marks: self.marks.of(&rows.stamps),
            last: (rows.first + count).saturating_sub(1),
            stamps: rows.stamps,
            step: rows.step,
            notes: rows.notes,
        })
    }
}

impl Arrived {
    /// N.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.values.len() / self.variates.max(1)
    }

    /// Puts `more` behind these rows.
    pub fn append(&mut self, more: Self) {
        self.values.extend(more.values);
        self.variates = more.variates;
        self.marks.extend(more.marks);
        self.stamps.extend(more.stamps);
        self.last = more.last;
        self.step = self.step.or(more.step);
    }

    /// The first `rows` rows, which are taken out.
    #[must_use]
    pub fn take(&mut self, rows: usize) -> Self {
        let all = self.rows();
        let rows = rows.min(all);
        let (last, step, variates) = (self.last, self.step, self.variates);
        let marks = self.marks.len() / all.max(1);
        let front = |values: &mut Vec<f32>, width: usize| {
            let rest = values.split_off(rows * width);
            std::mem::replace(values, rest)
        };
        let stamps = rows.min(self.stamps.len());
        let rest = self.stamps.split_off(stamps);
        Self {
            values: front(&mut self.values, variates),
            variates,
            marks: front(&mut self.marks, marks),
            stamps: std::mem::replace(&mut self.stamps, rest),
            last: last - (all - rows),
            step,
            notes: Vec::new(),
        }
    }

    /// All rows as one window without a future.
    #[must_use]
    pub fn window(&self) -> WindowBatch {
        let rows = self.rows();
        WindowBatch {
            past: self.values.clone(),
            past_marks: self.marks.clone(),
            starts: vec![self.last - rows],
            batch: 1,
            lookback: rows,
            variates: self.variates,
            marks: self.marks.len() / rows.max(1),
            ..WindowBatch::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_taken_from_the_front() {
        let rows = |values: &[f32], last| Arrived {
            values: values.to_vec(),
            variates: 2,
            marks: values.iter().step_by(2).map(|x| x / 10.0).collect(),
            last,
            ..Arrived::default()
        };
        let mut all = rows(&[1.0, 2.0, 3.0, 4.0], 7);
        all.append(rows(&[5.0, 6.0], 8));
        assert_eq!(all.rows(), 3);
        let front = all.take(2);
        assert_eq!(front, rows(&[1.0, 2.0, 3.0, 4.0], 7));
        assert_eq!(all, rows(&[5.0, 6.0], 8));
        let window = front.window();
        assert_eq!(
            (window.starts, window.marks, window.lookback),
            (vec![5], 1, 2)
        );
    }
}

//! Tables in files of separated values.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use csv::{ByteRecord, ReaderBuilder};

use super::Table;
use super::columns::{Columns, Roles};
use crate::error::DataError;
use crate::series::number;
use crate::series::stamp::Stamp;

pub(super) fn read(path: &Path, roles: &Roles) -> Result<Table, DataError> {
    let unreadable = |error: csv::Error| DataError::unreadable(path, error);
    let mut reader = ReaderBuilder::new()
        .delimiter(delimiter(&first_line(path)?))
        .buffer_capacity(1 << 20)
        .from_path(path)
        .map_err(unreadable)?;
    let header = reader.byte_headers().map_err(unreadable)?.iter();
    let header: Vec<String> = header
        .map(|name| String::from_utf8_lossy(name).trim().to_owned())
        .collect();
    let mut record = ByteRecord::new();
    if !reader.read_byte_record(&mut record).map_err(unreadable)? {
        return Err(DataError::layout(path, "it has no rows below its header"));
    }
    let text = |at: usize| {
        record
            .get(at)
            .map(|field| String::from_utf8_lossy(field).into_owned())
    };
    let columns = Columns::find(path, &header, roles, text)?;
    let names = columns.names(&header);
    let mut rows = Rows::below(path, &columns, &names, 0);
    loop {
        rows.add(&record)?;
        if !reader.read_byte_record(&mut record).map_err(unreadable)? {
            break;
        }
    }
    let (stamps, values) = rows.read();
    Ok(Table {
        path: path.to_owned(),
        names,
        stamps,
        values,
        step: None,
        notes: Vec::new(),
    })
}

/// Rows under construction.
pub(super) struct Rows<'a> {
    path: &'a Path,
    columns: &'a Columns,
    names: &'a [String],
    /// Rows above them.
    before: usize,
    stamps: Vec<Stamp>,
    values: Vec<f64>,
}

impl<'a> Rows<'a> {
    /// None as yet, below `before` others.
    pub(super) fn below(
        path: &'a Path,
        columns: &'a Columns,
        names: &'a [String],
        before: usize,
    ) -> Self {
        Self {
            path,
            columns,
            names,
            before,
            stamps: Vec::new(),
            values: Vec::new(),
        }
    }

    /// Dates and values, `[N, C]` row-major.
    pub(super) fn read(self) -> (Vec<Stamp>, Vec<f64>) {
        (self.stamps, self.values)
    }

    pub(super) fn add(&mut self, record: &ByteRecord) -> Result<(), DataError> {
        if let Some(date) = self.columns.date {
            let field = record.get(date).unwrap_or_default();
            let stamp = std::str::from_utf8(field).ok().and_then(Stamp::parse);
            let stamp = stamp.ok_or_else(|| {
                let shown = String::from_utf8_lossy(field);
                let problem = format!(
                    "the date is `{shown}`, expected one like 2020-12-31 or 2020-12-31 23:59:00"
                );
                self.problem(record, &problem)
            })?;
            self.stamps.push(stamp);
        }
        for (&at, name) in self.columns.numbers.iter().zip(self.names) {
            let field = record.get(at).unwrap_or_default();
            let value = number::parse(field).ok_or_else(|| {
                let shown = String::from_utf8_lossy(field);
                let problem = format!(
                    "column `{name}` has `{shown}`, expected a number, or nothing for a missing \
                     one; repair it, or leave the column out with data.ignore = \"{name}\""
                );
                self.problem(record, &problem)
            })?;
            self.values.push(value);
        }
        Ok(())
    }

    /// An error about the row that is being read.
    fn problem(&self, record: &ByteRecord, problem: &str) -> DataError {
        let row = self.before + self.values.len() / self.names.len() + 1;
        let line = record
            .position()
            .map_or(row as u64 + 1, csv::Position::line);
        DataError::layout(self.path, format!("row {row} (line {line}): {problem}"))
    }
}

fn first_line(path: &Path) -> Result<Vec<u8>, DataError> {
    let unreadable = |error| DataError::unreadable(path, error);
    let mut first = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    BufReader::new(file)
        .read_until(b'\n', &mut first)
        .map_err(unreadable)?;
    Ok(first)
}

/// What the first line has most of.
pub(super) fn delimiter(first: &[u8]) -> u8 {
    let count = |mark: u8| first.iter().filter(|&&byte| byte == mark).count();
    let marks = [b'\t', b';', b','];
    marks
        .into_iter()
        .max_by_key(|&mark| count(mark))
        .unwrap_or(b',')
}

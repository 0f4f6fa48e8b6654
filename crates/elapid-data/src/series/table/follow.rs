//! A file of separated values that is still being written.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use csv::{ByteRecord, ReaderBuilder};

use super::columns::{Columns, Roles};
use super::csv_file::{Rows, delimiter};
use super::missing::{Missing, fill};
use super::regular;
use crate::error::DataError;
use crate::series::stamp::{Stamp, Step};

/// A table whose rows are read as they arrive. A line without its end waits for it.
#[derive(Debug)]
pub(in crate::series) struct FollowedTable {
    path: PathBuf,
    file: File,
    /// Bytes read from the file.
    read: u64,
    /// Behind the last end of a line.
    unfinished: Vec<u8>,
    roles: Roles,
    /// The columns that are read, in the order in which they are given.
    wanted: Vec<String>,
    missing: Missing,
    layout: Option<Layout>,
    /// Rows and lines that were read before.
    rows: usize,
    lines: u64,
    /// The last row, without gaps.
    last: Vec<f64>,
    last_stamp: Option<Stamp>,
}

/// Where columns are; known from the header and the first row on.
#[derive(Debug)]
struct Layout {
    delimiter: u8,
    columns: Columns,
    /// Names of the columns of numbers, in the order of the file.
    names: Vec<String>,
    /// Places of the wanted columns among them.
    order: Vec<usize>,
}

/// Rows that arrived together.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::series) struct NewRows {
    /// `[N, C]` row-major, without gaps.
    pub(in crate::series) values: Vec<f64>,
    /// When each was; empty where rows have no dates.
    pub(in crate::series) stamps: Vec<Stamp>,
    /// Number of the first of them in the file, from 1.
    pub(in crate::series) first: usize,
    /// From one to the next, where there are at least two with dates.
    pub(in crate::series) step: Option<Step>,
    /// What a person should know of them.
    pub(in crate::series) notes: Vec<String>,
}

impl FollowedTable {
    /// Follows a CSV file. Of its columns `wanted` are read, in that order; gaps are filled by what came before them.
    ///
    /// # Errors
    ///
    /// A file that cannot be opened, or one that is not text.
    pub(in crate::series) fn open(
        path: &Path,
        roles: Roles,
        wanted: &[String],
        missing: Missing,
    ) -> Result<Self, DataError> {
        let extension = path.extension().and_then(|name| name.to_str());
        if let Some(name @ ("parquet" | "pq")) = extension {
            let problem =
                format!("a .{name} file has no rows before it is finished; follow a CSV file");
            return Err(DataError::layout(path, problem));
        }
        let file = File::open(path).map_err(|error| DataError::unreadable(path, error))?;
        Ok(Self {
            path: path.to_owned(),
            file,
            read: 0,
            unfinished: Vec::new(),
            roles,
            wanted: wanted.to_vec(),
            missing,
            layout: None,
            rows: 0,
            lines: 0,
            last: Vec::new(),
            last_stamp: None,
        })
    }

    /// The rows whose lines were finished since the last call.
    ///
    /// # Errors
    ///
    /// As [`Table::read`](super::Table::read), and if the file has become shorter.
    pub(in crate::series) fn more(&mut self) -> Result<NewRows, DataError> {
        let lines = self.finished_lines()?;
        let rest = match self.layout {
            Some(_) => &lines[..],
            None => match self.find_layout(&lines)? {
                Some(header) => &lines[header..],
                None => {
                    self.unfinished = [lines, std::mem::take(&mut self.unfinished)].concat();
                    return Ok(NewRows::default());
                }
            },
        };
        self.parse(rest)
    }

    /// What came in, up to the last end of a line.
    fn finished_lines(&mut self) -> Result<Vec<u8>, DataError> {
        let unreadable = |error| DataError::unreadable(&self.path, error);
        let length = self.file.metadata().map_err(unreadable)?.len();
        if length < self.read {
            let problem = format!(
                "it has become shorter, {length} bytes of {}; start again",
                self.read
            );
            return Err(DataError::layout(&self.path, problem));
        }
        let more = self.file.read_to_end(&mut self.unfinished);
        self.read += more.map_err(unreadable)? as u64;
        let end = self.unfinished.iter().rposition(|&byte| byte == b'\n');
        let rest = self.unfinished.split_off(end.map_or(0, |end| end + 1));
        Ok(std::mem::replace(&mut self.unfinished, rest))
    }

    /// Bytes of the header; `None` while there is no row below it, which may be needed to tell what is a date.
    fn find_layout(&mut self, lines: &[u8]) -> Result<Option<usize>, DataError> {
        let Some(end) = lines.iter().position(|&byte| byte == b'\n') else {
            return Ok(None);
        };
        let (header, below) = lines.split_at(end + 1);
        if below.trim_ascii().is_empty() {
            return Ok(None);
        }
        let delimiter = delimiter(header);
        let header: Vec<String> = record(header, delimiter)
            .iter()
            .map(|name| String::from_utf8_lossy(name).trim().to_owned())
            .collect();
        let first = record(below, delimiter);
        let text = |at: usize| {
            let field = first.get(at);
            field.map(|field| String::from_utf8_lossy(field).into_owned())
        };
        let roles = Roles {
            only: self.wanted.clone(),
            ..self.roles.clone()
        };
        let columns = Columns::find(&self.path, &header, &roles, text)?;
        let names = columns.names(&header);
        let place = |name: &String| {
            let place = names.iter().position(|known| known == name);
            place.ok_or_else(|| DataError::Setting {
                setting: "a column of the run",
                value: format!("`{name}`"),
                expected: format!("a column of numbers of `{}`", self.path.display()),
            })
        };
        let order: Vec<usize> = self.wanted.iter().map(place).collect::<Result<_, _>>()?;
        self.layout = Some(Layout {
            delimiter,
            columns,
            names,
            order,
        });
        self.lines = 1;
        Ok(Some(end + 1))
    }

    fn parse(&mut self, lines: &[u8]) -> Result<NewRows, DataError> {
        let Some(layout) = &self.layout else {
            return Ok(NewRows::default());
        };
        let mut rows = Rows::below(&self.path, &layout.columns, &layout.names, self.rows);
        let mut reader = reader(lines, layout.delimiter);
        let mut record = ByteRecord::new();
        let unreadable = |error: csv::Error| DataError::unreadable(&self.path, error);
        while reader.read_byte_record(&mut record).map_err(unreadable)? {
            if let Some(mut position) = record.position().cloned() {
                position.set_line(position.line() + self.lines);
                record.set_position(Some(position));
            }
            rows.add(&record)?;
        }
        let (stamps, values) = rows.read();
        let width = layout.names.len();
        let values = values
            .chunks_exact(width)
            .flat_map(|row| layout.order.iter().map(|&at| row[at]));
        let values: Vec<f64> = values.collect();
        self.lines += lines.iter().filter(|&&byte| byte == b'\n').count() as u64;
        self.check_dates(&stamps)?;
        let first = self.rows + 1;
        self.rows += values.len() / self.wanted.len().max(1);
        let (values, note) = self.filled(values, first)?;
        let (step, uneven) = regular::step(&stamps);
        let mut notes = Vec::from_iter(note);
        // Later ones would count rows from their own first.
        let uneven = uneven.filter(|_| first == 1);
        notes.extend(uneven.map(|note| format!("`{}`: {note}", self.path.display())));
        Ok(NewRows {
            values,
            stamps,
            first,
            step,
            notes,
        })
    }

    fn check_dates(&mut self, stamps: &[Stamp]) -> Result<(), DataError> {
        let known: Vec<Stamp> = self.last_stamp.iter().chain(stamps).copied().collect();
        let before = self.rows - usize::from(self.last_stamp.is_some());
        regular::check_ascending(&self.path, &known, before)?;
        self.last_stamp = known.last().copied();
        Ok(())
    }

    /// Rows without gaps, and what was missing.
    fn filled(
        &mut self,
        values: Vec<f64>,
        first: usize,
    ) -> Result<(Vec<f64>, Option<String>), DataError> {
        let width = self.wanted.len().max(1);
        let Some(gap) = values.iter().position(|value| value.is_nan()) else {
            if let Some(row) = values.chunks_exact(width).last() {
                self.last = row.to_vec();
            }
            return Ok((values, None));
        };
        let note = format!(
            "`{}`: row {}, column `{}`: the value is missing",
            self.path.display(),
            first + gap / width,
            self.wanted[gap % width]
        );
        if self.missing == Missing::Error {
            let problem = format!("{note}; choose what takes its place with data.missing");
            return Err(DataError::layout(&self.path, problem));
        }
        let known = self.last.len();
        let mut values = [std::mem::take(&mut self.last), values].concat();
        fill(&self.path, &self.wanted, &mut values, self.missing)?;
        let values = values.split_off(known);
        self.last = values[values.len() - width..].to_vec();
        Ok((values, Some(format!("{note} (data.missing)"))))
    }
}

fn reader(text: &[u8], delimiter: u8) -> csv::Reader<&[u8]> {
    ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(false)
        .from_reader(text)
}

/// The first record of a text; empty if there is none.
fn record(text: &[u8], delimiter: u8) -> ByteRecord {
    let mut record = ByteRecord::new();
    // What cannot be read is refused with its row when rows are.
    let _ = reader(text, delimiter).read_byte_record(&mut record);
    record
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn follow(text: &str, wanted: &[&str], missing: Missing) -> (tempfile::TempDir, FollowedTable) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.csv");
        std::fs::write(&path, text).unwrap();
        let wanted: Vec<String> = wanted.iter().map(|&name| name.to_owned()).collect();
        let table = FollowedTable::open(&path, Roles::default(), &wanted, missing).unwrap();
        (folder, table)
    }

    fn append(folder: &tempfile::TempDir, text: &str) {
        let path = folder.path().join("x.csv");
        let mut file = File::options().append(true).open(path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    #[test]
    fn rows_arrive_once_and_unfinished_lines_wait() {
        let (folder, mut table) = follow("date,a,b\n", &["b", "a"], Missing::Forward);
        assert_eq!(table.more().unwrap(), NewRows::default());
        append(&folder, "2020-01-01,1,2\n2020-01-02,3,4\n2020-01-03,5");
        let rows = table.more().unwrap();
        assert_eq!((rows.values, rows.first), (vec![2.0, 1.0, 4.0, 3.0], 1));
        assert_eq!(rows.step.unwrap().to_string(), "1 d");
        assert!(table.more().unwrap().values.is_empty());
        append(&folder, "0,\n");
        let rows = table.more().unwrap();
        assert_eq!((rows.values, rows.first), (vec![4.0, 50.0], 3));
        assert!(rows.notes[0].ends_with("row 3, column `b`: the value is missing (data.missing)"));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_row() {
        let text = "date,a\n2020-01-01,1\n2020-01-02,2\n";
        let said = |more: &str, missing| {
            let (folder, mut table) = follow(text, &["a"], missing);
            assert_eq!(table.more().unwrap().values, [1.0, 2.0]);
            append(&folder, more);
            table.more().unwrap_err().to_string()
        };
        let found = said("2020-01-03,x\n", Missing::Forward);
        assert!(
            found.contains("row 3 (line 4): column `a` has `x`"),
            "{found}"
        );
        let found = said("2020-01-02,2\n", Missing::Forward);
        assert!(found.contains("row 3: the date"), "{found}");
        let found = said("2020-01-03,\n", Missing::Error);
        assert!(
            found.contains("row 3, column `a`: the value is missing"),
            "{found}"
        );
        let (folder, mut table) = follow(text, &["a"], Missing::Forward);
        table.more().unwrap();
        std::fs::write(folder.path().join("x.csv"), "date,a\n").unwrap();
        let found = table.more().unwrap_err().to_string();
        assert!(found.contains("become shorter"), "{found}");
    }
}

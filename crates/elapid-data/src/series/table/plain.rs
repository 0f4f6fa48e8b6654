//! Text of numbers alone, without header or date: a row a line, separated by commas.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use crate::error::DataError;
use crate::series::number;

/// Columns and values, `[N, C]` row-major.
pub(in crate::series) fn read_plain(path: &Path) -> Result<(usize, Vec<f64>), DataError> {
    if !path.is_file() {
        return Err(DataError::Missing {
            path: path.to_owned(),
            expected: "a text file with a row of comma-separated numbers a line; see data.path"
                .to_owned(),
        });
    }
    let unreadable = |error: &dyn std::fmt::Display| DataError::unreadable(path, error);
    let mut reader = BufReader::new(File::open(path).map_err(|error| unreadable(&error))?);
    let (mut line, mut number_of_line) = (Vec::new(), 0);
    let (mut width, mut values) = (0, Vec::new());
    loop {
        line.clear();
        let length = reader.read_until(b'\n', &mut line);
        if length.map_err(|error| unreadable(&error))? == 0 {
            break;
        }
        number_of_line += 1;
        let text = line.trim_ascii();
        if text.is_empty() {
            continue;
        }
        let before = values.len();
        for (column, field) in text.split(|&byte| byte == b',').enumerate() {
            let value = number::parse(field).ok_or_else(|| {
                let shown = String::from_utf8_lossy(field);
                let problem = format!(
                    "line {number_of_line}, column {}: `{shown}`, expected a number",
                    column + 1
                );
                DataError::layout(path, problem)
            })?;
            values.push(value);
        }
        let found = values.len() - before;
        if width > 0 && found != width {
            let problem = format!(
                "line {number_of_line} has {found} values, expected {width} as in the first"
            );
            return Err(DataError::layout(path, problem));
        }
        width = found;
    }
    match width {
        0 => Err(DataError::layout(path, "it has no numbers")),
        _ => Ok((width, values)),
    }
}

//! Tables of numbers without a header.

use std::path::Path;
use std::str::FromStr;

use super::text::cells;
use crate::error::DataError;

/// Rows of numbers, all of one width.
pub(super) struct Table<T> {
    pub(super) values: Vec<T>,
    pub(super) width: usize,
    pub(super) rows: usize,
}

/// Reads a table; an empty cell and `nan` are numbers where `T` has one for it.
pub(super) fn table<T: FromStr>(path: &Path, expected: &str) -> Result<Table<T>, DataError> {
    let mut table = Table {
        values: Vec::new(),
        width: 0,
        rows: 0,
    };
    cells(path, expected, |_, cells| {
        let first = table.values.len();
        for cell in cells {
            table.values.push(number(cell)?);
        }
        let width = table.values.len() - first;
        if table.rows == 0 {
            table.width = width;
        }
        table.rows += 1;
        match width == table.width {
            true => Ok(()),
            false => Err(format!(
                "{width} numbers, expected {} as in the first line",
                table.width
            )),
        }
    })?;
    Ok(table)
}

/// A number in a cell.
pub(super) fn number<T: FromStr>(cell: &str) -> Result<T, String> {
    let text = if cell.is_empty() { "nan" } else { cell };
    text.parse()
        .map_err(|_| format!("`{cell}` is no number of the kind expected here"))
}

/// Numbers, one a line.
pub(super) fn column<T: FromStr>(path: &Path, expected: &str) -> Result<Vec<T>, DataError> {
    let table = table(path, expected)?;
    match table.width <= 1 {
        true => Ok(table.values),
        false => Err(DataError::layout(
            path,
            format!("{} numbers a line, expected one", table.width),
        )),
    }
}

/// Pairs of numbers.
pub(super) fn pairs(path: &Path, expected: &str) -> Result<Vec<[u32; 2]>, DataError> {
    let mut pairs = Vec::new();
    cells(path, expected, |_, cells| {
        let mut next = || {
            let cell = cells.next().ok_or("one number, expected two")?;
            number(cell)
        };
        pairs.push([next()?, next()?]);
        match cells.next() {
            Some(_) => Err("more than two numbers, expected two".to_owned()),
            None => Ok(()),
        }
    })?;
    Ok(pairs)
}

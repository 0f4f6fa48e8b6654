//! Tables in Parquet files.

use std::fs::File;
use std::path::Path;

use parquet::basic::{ConvertedType, LogicalType, TimeUnit, Type};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, DataType, Int96};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, RowGroupReader, SerializedFileReader};
use parquet::schema::types::ColumnDescriptor;

use super::Table;
use super::columns::{Columns, Roles};
use crate::error::DataError;
use crate::series::stamp::Stamp;

pub(super) fn read(path: &Path, roles: &Roles) -> Result<Table, DataError> {
    let unreadable = |error: ParquetError| DataError::unreadable(path, error);
    let file = File::open(path).map_err(|error| DataError::unreadable(path, error))?;
    let reader = SerializedFileReader::new(file).map_err(unreadable)?;
    let schema = reader.metadata().file_metadata().schema_descr();
    let mut header = Vec::new();
    for column in schema.columns() {
        if column.max_rep_level() > 0 || column.path().parts().len() > 1 {
            let problem = format!(
                "column `{}` is nested, expected plain values",
                column.path()
            );
            return Err(DataError::layout(path, problem));
        }
        header.push(column.name().to_owned());
    }
    let first = |at: usize| first_text(&reader, at);
    let columns = Columns::find(
        path,
        &header,
        &with_typed_date(&header, schema.columns(), roles),
        first,
    )?;
    let names = columns.names(&header);
    let (mut stamps, mut values) = (Vec::new(), Vec::new());
    for group in 0..reader.num_row_groups() {
        let group = reader.get_row_group(group).map_err(unreadable)?;
        let before = values.len();
        let rows = usize::try_from(group.metadata().num_rows()).unwrap_or(0);
        values.resize(before + rows * names.len(), f64::NAN);
        if let Some(date) = columns.date {
            stamps.extend(dates(path, &*group, date, before / names.len())?);
        }
        for (at, &column) in columns.numbers.iter().enumerate() {
            let place = before + at;
            let numbers = numbers(path, &*group, column, before / names.len())?;
            for (row, number) in numbers.into_iter().enumerate() {
                values[place + row * names.len()] = number;
            }
        }
    }
    Ok(Table {
        path: path.to_owned(),
        names,
        stamps,
        values,
        step: None,
        notes: Vec::new(),
    })
}

/// The roles with the first column whose type is that of dates, where no column is named and none is called as dates are.
fn with_typed_date(
    header: &[String],
    columns: &[std::sync::Arc<ColumnDescriptor>],
    roles: &Roles,
) -> Roles {
    let is_called = header.iter().any(|name| super::columns::is_date_name(name));
    if roles.date.is_some() || is_called {
        return roles.clone();
    }
    let typed = columns.iter().find(|column| unit(column).is_some());
    Roles {
        date: typed.map(|column| column.name().to_owned()),
        ..roles.clone()
    }
}

/// Nanoseconds of one unit of a column of dates; `None` if it is of something else.
fn unit(column: &ColumnDescriptor) -> Option<i64> {
    const DAY: i64 = 86_400_000_000_000;
    match (
        column.physical_type(),
        column.logical_type_ref(),
        column.converted_type(),
    ) {
        (Type::INT32, Some(LogicalType::Date), _) | (Type::INT32, _, ConvertedType::DATE) => {
            Some(DAY)
        }
        (Type::INT64, Some(LogicalType::Timestamp(time)), _) => Some(match time.unit {
            TimeUnit::MILLIS => 1_000_000,
            TimeUnit::MICROS => 1_000,
            TimeUnit::NANOS => 1,
        }),
        (Type::INT64, _, ConvertedType::TIMESTAMP_MILLIS) => Some(1_000_000),
        (Type::INT64, _, ConvertedType::TIMESTAMP_MICROS) => Some(1_000),
        (Type::INT96, ..) => Some(1),
        _ => None,
    }
}

/// The date of every row of a group, which starts at row `before` of the table.
fn dates(
    path: &Path,
    group: &dyn RowGroupReader,
    at: usize,
    before: usize,
) -> Result<Vec<Stamp>, DataError> {
    let reader = group.get_column_reader(at);
    let reader = reader.map_err(|error| DataError::unreadable(path, error))?;
    let description = group.metadata().schema_descr().column(at);
    let rows = usize::try_from(group.metadata().num_rows()).unwrap_or(0);
    let optional = description.max_def_level() > 0;
    let unit = i128::from(unit(&description).unwrap_or(0));
    let of_units = |units: i64| {
        let micros = (i128::from(units) * unit).div_euclid(1000);
        Stamp::from_micros(i64::try_from(micros).ok()?)
    };
    let stamps: Result<Vec<Option<Stamp>>, ParquetError> = match reader {
        ColumnReader::Int32ColumnReader(r) if unit > 0 => {
            column(r, rows, optional, |days: &i32| of_units(i64::from(*days)))
        }
        ColumnReader::Int64ColumnReader(r) if unit > 0 => {
            column(r, rows, optional, |n| of_units(*n))
        }
        ColumnReader::Int96ColumnReader(r) => column(r, rows, optional, |t: &Int96| {
            Stamp::from_micros(t.to_micros())
        }),
        ColumnReader::ByteArrayColumnReader(r) => column(r, rows, optional, |text: &ByteArray| {
            text.as_utf8().ok().and_then(Stamp::parse)
        }),
        // Years and days as plain numbers.
        ColumnReader::Int32ColumnReader(r) => {
            column(r, rows, optional, |n: &i32| Stamp::parse(&n.to_string()))
        }
        ColumnReader::Int64ColumnReader(r) => {
            column(r, rows, optional, |n: &i64| Stamp::parse(&n.to_string()))
        }
        _ => return Err(of_another_type(path, &description, "dates")),
    };
    let stamps = stamps.map_err(|error| DataError::unreadable(path, error))?;
    let wrong = stamps.iter().position(Option::is_none);
    match wrong {
        Some(row) => Err(DataError::layout(
            path,
            format!(
                "row {}: column `{}` has no date that can be read, expected one like 2020-12-31 or \
                 2020-12-31 23:59:00",
                before + row + 1,
                description.name()
            ),
        )),
        None => Ok(stamps.into_iter().flatten().collect()),
    }
}

/// The number in every row of a group, NaN for a missing one.
fn numbers(
    path: &Path,
    group: &dyn RowGroupReader,
    at: usize,
    before: usize,
) -> Result<Vec<f64>, DataError> {
    let reader = group.get_column_reader(at);
    let reader = reader.map_err(|error| DataError::unreadable(path, error))?;
    let description = group.metadata().schema_descr().column(at);
    let rows = usize::try_from(group.metadata().num_rows()).unwrap_or(0);
    let optional = description.max_def_level() > 0;
    let is_decimal = description.converted_type() == ConvertedType::DECIMAL;
    if unit(&description).is_some() || is_decimal {
        return Err(of_another_type(path, &description, "numbers"));
    }
    let numbers = match reader {
        ColumnReader::BoolColumnReader(r) => column(r, rows, optional, |&is: &bool| {
            Some(f64::from(u8::from(is)))
        }),
        ColumnReader::Int32ColumnReader(r) => {
            column(r, rows, optional, |&n: &i32| Some(f64::from(n)))
        }
        ColumnReader::Int64ColumnReader(r) => column(r, rows, optional, |&n: &i64| Some(n as f64)),
        ColumnReader::FloatColumnReader(r) => {
            column(r, rows, optional, |&n: &f32| Some(f64::from(n)))
        }
        ColumnReader::DoubleColumnReader(r) => column(r, rows, optional, |&n: &f64| Some(n)),
        _ => return Err(of_another_type(path, &description, "numbers")),
    };
    let numbers: Vec<Option<f64>> = numbers.map_err(|error| DataError::unreadable(path, error))?;
    let numbers: Vec<f64> = numbers.into_iter().map(|n| n.unwrap_or(f64::NAN)).collect();
    match numbers.iter().position(|n| n.is_infinite()) {
        Some(row) => Err(DataError::layout(
            path,
            format!(
                "row {}: column `{}` has an infinite value, expected a number, or none for a missing one",
                before + row + 1,
                description.name()
            ),
        )),
        None => Ok(numbers),
    }
}

/// All values of a column of a group, `None` for what is missing or what `convert` makes nothing of.
fn column<T: DataType, V: Clone>(
    mut reader: ColumnReaderImpl<T>,
    rows: usize,
    optional: bool,
    convert: impl Fn(&T::T) -> Option<V>,
) -> Result<Vec<Option<V>>, ParquetError> {
    let (mut values, mut levels) = (Vec::new(), Vec::new());
    let mut read = 0;
    while read < rows {
        let levels = optional.then_some(&mut levels);
        let (records, ..) = reader.read_records(rows - read, levels, None, &mut values)?;
        if records == 0 {
            break;
        }
        read += records;
    }
    let mut values = values.iter().map(convert);
    Ok(match optional {
        false => values.collect(),
        true => levels
            .iter()
            .map(|&level| (level > 0).then(|| values.next().flatten()).flatten())
            .collect(),
    })
}

/// The first value of a column of text.
fn first_text(reader: &SerializedFileReader<File>, at: usize) -> Option<String> {
    let group = reader.get_row_group(0).ok()?;
    let optional = group.metadata().schema_descr().column(at).max_def_level() > 0;
    let ColumnReader::ByteArrayColumnReader(column_reader) = group.get_column_reader(at).ok()?
    else {
        return None;
    };
    let texts = column(column_reader, 1, optional, |text: &ByteArray| {
        text.as_utf8().ok().map(str::to_owned)
    });
    texts.ok()?.into_iter().next().flatten()
}

fn of_another_type(path: &Path, column: &ColumnDescriptor, expected: &str) -> DataError {
    let name = column.name();
    let kind = match (column.physical_type(), unit(column)) {
        (_, Some(_)) => "dates".to_owned(),
        (Type::BYTE_ARRAY, _) => "text".to_owned(),
        (kind, _) => match column.converted_type() {
            ConvertedType::DECIMAL => "decimal numbers (write them as floating point)".to_owned(),
            _ => kind.to_string(),
        },
    };
    DataError::layout(
        path,
        format!(
            "column `{name}` is of {kind}, expected {expected}; leave it out with data.ignore = \"{name}\""
        ),
    )
}

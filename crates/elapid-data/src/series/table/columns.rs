//! Which column of a table is what.

use std::path::Path;

use crate::error::DataError;
use crate::series::stamp::Stamp;

/// Names under which dates are looked for, in small letters.
const DATES: [&str; 7] = [
    "date",
    "datetime",
    "timestamp",
    "time",
    "ds",
    "date_time",
    "day",
];

/// What is said of a table's columns; what is left out is found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roles {
    /// The column of dates, or `none` if rows have no dates. Left out, it is the one called date, datetime, timestamp, time,
    /// ds, date_time or day, or else the first, if it has dates.
    pub date: Option<String>,
    /// Columns that are not read.
    pub ignore: Vec<String>,
    /// Columns of numbers that are read; all if there are none here.
    pub only: Vec<String>,
}

/// Where a table's date and its numbers are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Columns {
    pub(super) date: Option<usize>,
    /// The columns of numbers, in the order of the file.
    pub(super) numbers: Vec<usize>,
}

impl Columns {
    /// Finds the columns of a table with the header `header`. `first` tells what the first row has in a column, as text.
    pub(super) fn find(
        path: &Path,
        header: &[String],
        roles: &Roles,
        first: impl Fn(usize) -> Option<String>,
    ) -> Result<Self, DataError> {
        check_names(path, header, roles)?;
        let date = find_date(path, header, roles, first)?;
        let is_asked = |at: usize| roles.only.is_empty() || roles.only.contains(&shown(header, at));
        let is_number =
            |&at: &usize| Some(at) != date && !roles.ignore.contains(&header[at]) && is_asked(at);
        let numbers: Vec<usize> = (0..header.len()).filter(is_number).collect();
        if numbers.is_empty() {
            let problem = format!(
                "it has no column of numbers besides that of dates, only {}",
                listed(header)
            );
            return Err(DataError::layout(path, problem));
        }
        Ok(Self { date, numbers })
    }

    /// Names of the columns of numbers; those without a name are called by their place.
    pub(super) fn names(&self, header: &[String]) -> Vec<String> {
        let names = self.numbers.iter().map(|&at| shown(header, at));
        names.collect()
    }
}

/// Whether a column of that name is taken for that of the dates.
pub(super) fn is_date_name(name: &str) -> bool {
    DATES.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// The name of a column; of one without a name its place.
fn shown(header: &[String], at: usize) -> String {
    match header[at].is_empty() {
        true => format!("column {}", at + 1),
        false => header[at].clone(),
    }
}

/// Names for messages: all of a few, the first of many.
pub(super) fn listed(names: &[String]) -> String {
    const SHOWN: usize = 12;
    let mut text = names[..names.len().min(SHOWN)].join(", ");
    if names.len() > SHOWN {
        text += &format!(" and {} more", names.len() - SHOWN);
    }
    text
}

fn check_names(path: &Path, header: &[String], roles: &Roles) -> Result<(), DataError> {
    for (at, name) in header.iter().enumerate() {
        if !name.is_empty() && header[..at].contains(name) {
            let problem = format!("two columns are called `{name}`; rename one");
            return Err(DataError::layout(path, problem));
        }
    }
    for name in &roles.ignore {
        if !header.contains(name) {
            return Err(DataError::Setting {
                setting: "data.ignore",
                value: format!("`{name}`"),
                expected: format!("columns of `{}`: {}", path.display(), listed(header)),
            });
        }
    }
    Ok(())
}

fn find_date(
    path: &Path,
    header: &[String],
    roles: &Roles,
    first: impl Fn(usize) -> Option<String>,
) -> Result<Option<usize>, DataError> {
    if let Some(name) = &roles.date {
        let place = header.iter().position(|known| known == name);
        return match place {
            Some(at) => Ok(Some(at)),
            None if name == "none" => Ok(None),
            None => Err(DataError::Setting {
                setting: "data.date",
                value: format!("`{name}`"),
                expected: format!(
                    "`none`, or a column of `{}`: {}",
                    path.display(),
                    listed(header)
                ),
            }),
        };
    }
    let named = DATES.iter().find_map(|name| {
        let is_called = |known: &String| known.eq_ignore_ascii_case(name);
        header.iter().position(is_called)
    });
    if let Some(at) = named {
        return Ok(Some(at));
    }
    // A plain number such as 1700 may be a year, but then somebody must say so.
    let has_dates = first(0).is_some_and(|text| {
        Stamp::parse(&text).is_some() && crate::series::number::parse(text.as_bytes()).is_none()
    });
    match has_dates {
        true => Ok(Some(0)),
        false => Err(DataError::layout(
            path,
            format!(
                "no column is called date and the first has no dates; name the column of dates in \
                 data.date, or write data.date = \"none\" if rows are evenly spaced. Columns: {}",
                listed(header)
            ),
        )),
    }
}

//! Dates of rows: that they ascend, and how far apart they are.

use std::collections::HashMap;
use std::path::Path;

use chrono::{Datelike, NaiveDateTime};

use crate::error::DataError;
use crate::series::stamp::{Stamp, Step, is_month_end};

/// Refuses dates of which one is not behind the one before it, and those of which some have a zone and some have none.
///
/// `before` is how many rows are above them.
pub(super) fn check_ascending(
    path: &Path,
    stamps: &[Stamp],
    before: usize,
) -> Result<(), DataError> {
    for (row, pair) in stamps.windows(2).enumerate() {
        let (first, second) = (before + row + 1, before + row + 2);
        let [before, this] = [pair[0], pair[1]];
        let problem = if before.offset.is_some() != this.offset.is_some() {
            format!(
                "row {second}: the date {this} and {before} in row {first}: one has a zone and one has none"
            )
        } else if this.micros() == before.micros() {
            format!(
                "row {second}: the date {this} is that of row {first} again; keep one of the two rows"
            )
        } else if this.micros() < before.micros() {
            format!(
                "row {second}: the date {this} is before {before} in row {first}; sort the rows by date"
            )
        } else {
            continue;
        };
        return Err(DataError::layout(path, problem));
    }
    Ok(())
}

/// The usual distance of rows, and what a person should know of those at other distances.
pub(super) fn step(stamps: &[Stamp]) -> (Option<Step>, Option<String>) {
    let distances: Vec<i64> = stamps
        .windows(2)
        .map(|pair| pair[1].micros() - pair[0].micros())
        .collect();
    let Some(usual) = most_frequent(&distances) else {
        return (None, None);
    };
    if let Some(months) = months(stamps) {
        return (Some(Step::Months(months)), None);
    }
    let is_odd = |distance: &&i64| **distance != usual;
    let count = distances.iter().filter(is_odd).count();
    let step = Step::Micros(usual);
    let first = distances.iter().position(|distance| *distance != usual);
    let note = first.map(|row| {
        format!(
            "{count} of {} steps from row to row are not the usual {step}, the first that from {} in row {} to {} in row {}; \
             rows are taken as evenly spaced",
            distances.len(),
            stamps[row],
            row + 1,
            stamps[row + 1],
            row + 2
        )
    });
    (Some(step), note)
}

/// The most frequent number, the smaller of two.
fn most_frequent(numbers: &[i64]) -> Option<i64> {
    let mut counts: HashMap<i64, usize> = HashMap::new();
    for &number in numbers {
        *counts.entry(number).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_unstable();
    let most = counts.iter().map(|&(_, count)| count).max()?;
    let found = counts.into_iter().find(|&(_, count)| count == most)?;
    Some(found.0)
}

/// The number of months between rows, if all are at the same place of a month, that many months apart.
fn months(stamps: &[Stamp]) -> Option<u32> {
    let number = |t: NaiveDateTime| t.year() * 12 + t.month0() as i32;
    let first = stamps.first()?.local;
    let apart = number(stamps.get(1)?.local) - number(first);
    let at_end = stamps.iter().all(|s| is_month_end(s.local.date()));
    let is_regular = stamps.iter().enumerate().all(|(row, stamp)| {
        let expected = i64::from(number(first)) + row as i64 * i64::from(apart);
        i64::from(number(stamp.local)) == expected
            && stamp.local.time() == first.time()
            && (at_end || stamp.local.day() == first.day())
    });
    (is_regular && apart > 0).then_some(apart as u32)
}

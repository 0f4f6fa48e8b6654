//! What takes the place of values that are missing.

use std::path::Path;

use crate::error::DataError;

/// What takes the place of values that are missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Missing {
    /// Nothing: the first one is refused.
    Error,
    /// The last value before it, or the first of the column where there is none.
    #[default]
    Forward,
    /// What lies on the line between its neighbours; at the ends as `Forward`. The neighbour behind it may belong to another
    /// part of the data.
    Interpolate,
    /// 0.
    Zero,
}

/// Fills the gaps of a table, `[N, C]` row-major, and says how many there were.
pub(in crate::series) fn fill(
    path: &Path,
    names: &[String],
    values: &mut [f64],
    policy: Missing,
) -> Result<Option<String>, DataError> {
    let Some(first) = values.iter().position(|value| value.is_nan()) else {
        return Ok(None);
    };
    let width = names.len();
    let (row, column) = (first / width + 1, &names[first % width]);
    if policy == Missing::Error {
        let problem = format!(
            "row {row}, column `{column}`: the value is missing; fill it, or choose what takes its place with data.missing"
        );
        return Err(DataError::layout(path, problem));
    }
    let count = values.iter().filter(|value| value.is_nan()).count();
    let mut longest = 0;
    for (at, name) in names.iter().enumerate() {
        let gaps = gaps(values, at, width);
        let rows = values.len() / width;
        for gap in gaps {
            longest = longest.max(gap.len());
            if policy != Missing::Zero && gap.len() == rows {
                let problem = format!(
                    "column `{name}` has no value at all; leave it out with data.ignore = \"{name}\""
                );
                return Err(DataError::layout(path, problem));
            }
            let before = gap.start.checked_sub(1).map(|row| values[row * width + at]);
            let behind = (gap.end < rows).then(|| values[gap.end * width + at]);
            let length = (gap.len() + 1) as f64;
            for (step, row) in gap.enumerate() {
                values[row * width + at] = match (policy, before, behind) {
                    (Missing::Zero, ..) | (_, None, None) => 0.0,
                    (Missing::Interpolate, Some(from), Some(to)) => {
                        from + (to - from) * (step + 1) as f64 / length
                    }
                    (_, Some(from), _) => from,
                    (_, None, Some(to)) => to,
                };
            }
        }
    }
    let how = match policy {
        Missing::Interpolate => "lie on the line between their neighbours",
        Missing::Zero => "are 0",
        Missing::Error | Missing::Forward => "repeat the value before them",
    };
    Ok(Some(format!(
        "`{}`: {count} of {} values were missing, the first in row {row}, column `{column}`, the most {longest} rows on end; \
         they {how} (data.missing)",
        path.display(),
        values.len()
    )))
}

/// The runs of missing values in a column.
fn gaps(values: &[f64], column: usize, width: usize) -> Vec<std::ops::Range<usize>> {
    let mut gaps: Vec<std::ops::Range<usize>> = Vec::new();
    for row in 0..values.len() / width {
        if !values[row * width + column].is_nan() {
            continue;
        }
        match gaps.last_mut() {
            Some(gap) if gap.end == row => gap.end += 1,
            _ => gaps.push(row..row + 1),
        }
    }
    gaps
}

#[cfg(test)]
mod tests {
    use super::*;

    const N: f64 = f64::NAN;

    fn filled(values: &[f64], policy: Missing) -> Result<Vec<f64>, String> {
        let mut values = values.to_vec();
        let names = ["a".to_owned(), "b".to_owned()];
        fill(Path::new("x.csv"), &names, &mut values, policy).map_err(|error| error.to_string())?;
        Ok(values)
    }

    #[test]
    fn every_policy_does_what_it_says() {
        let values = [N, 1.0, 2.0, N, N, N, 8.0, 4.0, N, 5.0];
        let column = |policy, at: usize| {
            let values = filled(&values, policy).unwrap();
            values.into_iter().skip(at).step_by(2).collect::<Vec<_>>()
        };
        assert_eq!(column(Missing::Forward, 0), [2.0, 2.0, 2.0, 8.0, 8.0]);
        assert_eq!(column(Missing::Interpolate, 0), [2.0, 2.0, 5.0, 8.0, 8.0]);
        assert_eq!(column(Missing::Interpolate, 1), [1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(column(Missing::Zero, 0), [0.0, 2.0, 0.0, 8.0, 0.0]);
        let error = filled(&values, Missing::Error).unwrap_err();
        assert!(
            error.starts_with("`x.csv`: row 1, column `a`: the value is missing"),
            "{error}"
        );
    }

    #[test]
    fn what_was_filled_is_counted_and_an_empty_column_is_refused() {
        let mut values = [1.0, N, 2.0, N, 3.0, 1.0];
        let names = ["a".to_owned(), "b".to_owned()];
        let note = fill(Path::new("x.csv"), &names, &mut values, Missing::Forward)
            .unwrap()
            .unwrap();
        assert!(note.starts_with("`x.csv`: 2 of 6 values were missing, the first in row 1, column `b`, the most 2 rows"), "{note}");
        let error = filled(&[1.0, N, 2.0, N], Missing::Forward).unwrap_err();
        assert_eq!(
            error,
            "`x.csv`: column `b` has no value at all; leave it out with data.ignore = \"b\""
        );
        assert_eq!(
            filled(&[1.0, N, 2.0, N], Missing::Zero).unwrap(),
            [1.0, 0.0, 2.0, 0.0]
        );
    }
}

//! Files of labelled series, `.ts`: the format of the UEA and UCR archives as sktime and aeon write it.

use std::path::Path;

use crate::error::DataError;
use crate::series::number;

/// What a file holds.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TsFile {
    /// Values a step.
    pub(super) variates: usize,
    /// The series, `[length, variates]` row-major each, and the names of their classes.
    pub(super) series: Vec<(Vec<f32>, String)>,
    /// Classes that the header lists; none where it does not.
    pub(super) classes: Vec<String>,
    /// Values that were missing and lie now on the line between their neighbours.
    pub(super) filled: usize,
    /// Series with a dimension that was shorter than the others and repeats now its last value, as in Time-Series-Library,
    /// where the end is missing and filled.
    pub(super) extended: usize,
}

/// What the header says.
#[derive(Default)]
struct Header {
    variates: Option<usize>,
    length: Option<usize>,
    has_times: bool,
    classes: Vec<String>,
    has_classes: bool,
}

pub(super) fn read(path: &Path) -> Result<TsFile, DataError> {
    let text = std::fs::read(path).map_err(|error| DataError::unreadable(path, error))?;
    // Comments of some files are in other encodings.
    let text = String::from_utf8_lossy(&text);
    let problem = |line: usize, problem: String| {
        DataError::layout(path, format!("line {}: {problem}", line + 1))
    };
    let mut header = Header::default();
    let mut file = None;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', '%']) {
            continue;
        }
        let Some(file) = &mut file else {
            let is_data = header.line(line).map_err(|said| problem(number, said))?;
            if is_data {
                file = Some(TsFile {
                    variates: 0,
                    series: Vec::new(),
                    classes: header.classes.clone(),
                    filled: 0,
                    extended: 0,
                });
            }
            continue;
        };
        add(file, &header, line).map_err(|said| problem(number, said))?;
    }
    let file = file.ok_or_else(|| {
        DataError::layout(path, "it has no line `@data`, behind which the series are")
    })?;
    match file.series.is_empty() {
        true => Err(DataError::layout(path, "it has no series behind `@data`")),
        false => Ok(file),
    }
}

impl Header {
    /// Takes a line of the header; true if it is the last.
    fn line(&mut self, line: &str) -> Result<bool, String> {
        let mut words = line.split_whitespace();
        let key = words.next().unwrap_or_default().to_lowercase();
        let values: Vec<&str> = words.collect();
        let value = values.first().copied().unwrap_or_default();
        let count = || {
            let number = value.parse::<usize>().ok().filter(|&n| n > 0);
            number.ok_or_else(|| format!("`{key}` is `{value}`, expected a number above 0"))
        };
        match key.as_str() {
            "@data" => {
                return match self.has_classes {
                    true => Ok(true),
                    false => Err(
                        "the header says no classes (`@classLabel true a b c`), and only \
                                  series with classes are read"
                            .to_owned(),
                    ),
                };
            }
            "@dimensions" | "@dimension" => self.variates = Some(count()?),
            "@serieslength" => self.length = value.parse().ok().filter(|&n| n > 0),
            "@timestamps" => self.has_times = value.eq_ignore_ascii_case("true"),
            "@classlabel" => {
                self.has_classes = value.eq_ignore_ascii_case("true");
                let names = values.iter().skip(1);
                self.classes = names.map(|&name| name.to_owned()).collect();
            }
            _ if key.starts_with('@') => {}
            _ => {
                return Err(format!(
                    "`{}`, expected a line of the header, which begins with @",
                    shortened(line)
                ));
            }
        }
        Ok(false)
    }
}

/// Takes a line of data.
fn add(file: &mut TsFile, header: &Header, line: &str) -> Result<(), String> {
    let mut parts = outside_brackets(line, ':');
    let class = parts.pop().unwrap_or_default().trim().to_owned();
    if parts.is_empty() {
        return Err(format!(
            "`{}`, expected values, a colon and a class",
            shortened(line)
        ));
    }
    if !header.classes.is_empty() && !header.classes.contains(&class) {
        let known = header.classes.join(", ");
        return Err(format!(
            "the class `{}` is none of {known}",
            shortened(&class)
        ));
    }
    let expected = header.variates.filter(|_| file.series.is_empty());
    let expected = expected.unwrap_or(if file.series.is_empty() {
        parts.len()
    } else {
        file.variates
    });
    if parts.len() != expected {
        return Err(format!("{} dimensions, expected {expected}", parts.len()));
    }
    file.variates = expected;
    let in_dimension = |at: usize, said: String| format!("dimension {}: {said}", at + 1);
    let mut columns = Vec::with_capacity(parts.len());
    for (at, part) in parts.iter().enumerate() {
        let values = values(part, header.has_times);
        columns.push(values.map_err(|said| in_dimension(at, said))?);
    }
    let length = columns.iter().map(Vec::len).max().unwrap_or(0);
    let is_short = |column: &Vec<f64>| column.len() < length;
    file.extended += usize::from(columns.iter().any(is_short));
    for (at, column) in columns.iter_mut().enumerate() {
        let added = length - column.len();
        column.resize(length, f64::NAN);
        let filled = interpolate(column).map_err(|said| in_dimension(at, said))?;
        file.filled += filled - added;
    }
    let steps = (0..length).flat_map(|step| columns.iter().map(move |column| column[step] as f32));
    file.series.push((steps.collect(), class));
    Ok(())
}

/// The values of a dimension, NaN where one is missing.
fn values(text: &str, has_times: bool) -> Result<Vec<f64>, String> {
    let fields = outside_brackets(text, ',').into_iter().map(str::trim);
    let fields: Vec<&str> = fields.collect();
    if fields.iter().all(|field| field.is_empty()) {
        return Err("no values".to_owned());
    }
    let number = |field: &str| {
        let value = match has_times {
            false => field,
            true => {
                let pair = field
                    .strip_prefix('(')
                    .and_then(|rest| rest.strip_suffix(')'));
                let pair = pair.and_then(|pair| pair.rsplit_once(','));
                pair.ok_or_else(|| {
                    let shown = shortened(field);
                    format!("`{shown}`, expected a time and a value in brackets, as `@timeStamps true` says")
                })?
                .1
            }
        };
        number::parse(value.as_bytes())
            .ok_or_else(|| format!("`{}`, expected a number or ?", shortened(value)))
    };
    fields.into_iter().map(number).collect()
}

/// Puts missing values on the line between their neighbours, those at the ends beside the nearest; how many there were.
fn interpolate(values: &mut [f64]) -> Result<usize, String> {
    let known: Vec<usize> = (0..values.len())
        .filter(|&at| !values[at].is_nan())
        .collect();
    let missing = values.len() - known.len();
    let (Some(&first), Some(&last)) = (known.first(), known.last()) else {
        return Err("all values are missing; remove the line".to_owned());
    };
    let (head, tail) = (values[first], values[last]);
    values[..first].fill(head);
    values[last + 1..].fill(tail);
    for pair in known.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        let rise = (values[to] - values[from]) / (to - from) as f64;
        for at in from + 1..to {
            values[at] = values[from] + rise * (at - from) as f64;
        }
    }
    Ok(missing)
}

/// The parts of a text between marks that are in no brackets.
fn outside_brackets(text: &str, mark: char) -> Vec<&str> {
    let mut depth = 0_usize;
    text.split(move |letter: char| {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        letter == mark && depth == 0
    })
    .collect()
}

/// The beginning of a text.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<TsFile, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("X_TRAIN.ts");
        std::fs::write(&path, text).unwrap();
        read(&path).map_err(|error| {
            let said = error.to_string();
            said.split_once("`: ")
                .map_or(said.clone(), |(_, said)| said.to_owned())
        })
    }

    const HEAD: &str = "# about\n@problemName X\n@TimeStamps false\n@dimensions 2\n@classLabel true up down\n@data\n";

    #[test]
    fn series_of_unequal_lengths_are_read() {
        let file = parse(&format!("{HEAD}1,2,3:4,5,6:up\n\n7:8:down\n")).unwrap();
        assert_eq!((file.variates, file.filled), (2, 0));
        assert_eq!(
            file.series[0],
            (vec![1.0, 4.0, 2.0, 5.0, 3.0, 6.0], "up".to_owned())
        );
        assert_eq!(file.series[1], (vec![7.0, 8.0], "down".to_owned()));
        assert_eq!(file.classes, ["up", "down"]);
    }

    #[test]
    fn missing_values_lie_on_a_line() {
        let file = parse(&format!("{HEAD}?,1,?,?,4,?:0,?,NaN,3,0,0:up\n")).unwrap();
        let column = |at: usize| {
            file.series[0]
                .0
                .iter()
                .skip(at)
                .step_by(2)
                .copied()
                .collect::<Vec<_>>()
        };
        assert_eq!(column(0), [1.0, 1.0, 2.0, 3.0, 4.0, 4.0]);
        assert_eq!(column(1), [0.0, 1.0, 2.0, 3.0, 0.0, 0.0]);
        assert_eq!(file.filled, 6);
    }

    #[test]
    fn short_dimensions_repeat_their_last_value() {
        let file = parse(&format!("{HEAD}1,2,3:4,?:up\n5:6:down\n")).unwrap();
        assert_eq!(file.series[0].0, [1.0, 4.0, 2.0, 4.0, 3.0, 4.0]);
        assert_eq!((file.filled, file.extended), (1, 1));
    }

    #[test]
    fn times_are_passed_over() {
        let head = "@timestamps true\n@classlabel true a\n@data\n";
        let file = parse(&format!(
            "{head}(0,1.5),(1,2.5):(2020-01-01 00:00:00,3),(2020-01-01 01:00:00,?):a\n"
        ))
        .unwrap();
        assert_eq!(file.series[0].0, [1.5, 3.0, 2.5, 3.0]);
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        let said = |rest: &str| parse(&format!("{HEAD}{rest}")).unwrap_err();
        assert_eq!(
            said("1,2:3,4:left\n"),
            "line 7: the class `left` is none of up, down"
        );
        assert_eq!(said("1:2:up\n1,2:up\n"), "line 8: 1 dimensions, expected 2");
        assert_eq!(
            said("1,x:3,4:up\n"),
            "line 7: dimension 1: `x`, expected a number or ?"
        );
        assert_eq!(
            said("?,?:1,2:up\n"),
            "line 7: dimension 1: all values are missing; remove the line"
        );
        assert_eq!(said(""), "it has no series behind `@data`");
        assert!(
            parse("@dimensions 0\n")
                .unwrap_err()
                .starts_with("line 1: `@dimensions` is `0`")
        );
        assert!(
            parse("@data\n1:a\n")
                .unwrap_err()
                .contains("says no classes")
        );
        assert!(parse("1,2,3\n").unwrap_err().contains("begins with @"));
        assert!(parse("# empty\n").unwrap_err().contains("no line `@data`"));
    }
}

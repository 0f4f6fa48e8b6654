//! TOML text as a tree in which every key and value knows its place.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

use crate::error::{ConfigError, ErrorKind};
use crate::origin::Place;

/// A TOML table by key.
pub(crate) type Table = BTreeMap<String, Entry>;

/// One `key = value`, with the place of each.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: Place,
    pub(crate) place: Place,
    pub(crate) value: Raw,
}

/// A TOML value that no option has judged yet.
#[derive(Clone, Debug)]
pub(crate) enum Raw {
    Boolean(bool),
    /// Any TOML integer; those beyond 128 bits saturate, and no option accepts such a value.
    Integer(i128),
    Float(f64),
    String(String),
    Datetime(String),
    Array(Vec<Raw>),
    Table(Table),
}

/// Parses a whole file; `path` is the name it has in places.
pub(crate) fn parse_file(text: &str, path: &Path) -> Result<Table, ConfigError> {
    let index = LineIndex::new(text, path);
    let document = DeTable::parse(text).map_err(|error| syntax_error(&error, &index))?;
    Ok(table(document.get_ref(), &|start| index.place(start)))
}

/// Parses one value, such as the right-hand side of an override; every place in it is `place`.
/// `None` when the text is not a TOML value.
pub(crate) fn parse_value(text: &str, place: &Place) -> Option<Raw> {
    let value = DeValue::parse(text).ok()?;
    Some(raw(value.get_ref(), &|_| place.clone()))
}

fn table(table: &DeTable<'_>, place: &dyn Fn(usize) -> Place) -> Table {
    let entry = |(key, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| Entry {
        key: place(key.span().start),
        place: place(value.span().start),
        value: raw(value.get_ref(), place),
    };
    table
        .iter()
        .map(|(key, value)| (key.get_ref().to_string(), entry((key, value))))
        .collect()
}

fn raw(value: &DeValue<'_>, place: &dyn Fn(usize) -> Place) -> Raw {
    match value {
        DeValue::Boolean(value) => Raw::Boolean(*value),
        DeValue::Integer(value) => Raw::Integer(integer(value)),
        // The parser lets only valid floats through; anything else would be refused as not finite.
        DeValue::Float(value) => Raw::Float(value.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::String(value) => Raw::String(value.to_string()),
        DeValue::Datetime(value) => Raw::Datetime(value.to_string()),
        DeValue::Array(values) => Raw::Array(
            values
                .iter()
                .map(|value| raw(value.get_ref(), place))
                .collect(),
        ),
        DeValue::Table(value) => Raw::Table(table(value, place)),
    }
}

fn integer(value: &DeInteger<'_>) -> i128 {
    let saturated = if value.as_str().starts_with('-') {
        i128::MIN
    } else {
        i128::MAX
    };
    i128::from_str_radix(value.as_str(), value.radix()).unwrap_or(saturated)
}

fn syntax_error(error: &toml::de::Error, index: &LineIndex<'_>) -> ConfigError {
    let place = index.place(error.span().map_or(0, |span| span.start));
    if error.message().starts_with("duplicate key") {
        let name = error
            .span()
            .and_then(|span| index.text.get(span))
            .unwrap_or("this");
        let message = format!("`{}` is written twice", name.trim());
        return ConfigError::new(ErrorKind::DuplicateKey, place, message)
            .hint("keep one of the two; a section may open only once");
    }
    let message = format!("not valid TOML: {}", error.message());
    let syntax = ConfigError::new(ErrorKind::Syntax, place, message);
    // What the parser says about a word without quotes depends on the word's first letter.
    let about_values = ["string values must be quoted", "invalid boolean"];
    match about_values
        .iter()
        .any(|start| error.message().starts_with(start))
    {
        true => syntax.hint("a value is a number, `true`, `false`, or text in quotes"),
        false => syntax,
    }
}

/// Turns byte offsets of a text into places.
struct LineIndex<'a> {
    text: &'a str,
    path: Arc<Path>,
    starts: Vec<usize>,
}

impl<'a> LineIndex<'a> {
    fn new(text: &'a str, path: &Path) -> Self {
        let after_newlines = text.match_indices('\n').map(|(at, _)| at + 1);
        let starts = std::iter::once(0).chain(after_newlines).collect();
        Self {
            text,
            path: path.into(),
            starts,
        }
    }

    fn place(&self, offset: usize) -> Place {
        let line = self.starts.partition_point(|&start| start <= offset);
        let start = self.starts[line - 1];
        let column = 1 + self
            .text
            .get(start..offset)
            .map_or(0, |before| before.chars().count());
        Place::Position {
            path: self.path.clone(),
            line,
            column,
        }
    }
}

impl Raw {
    /// The value with its type, as in "got the string "16"".
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Boolean(value) => format!("the boolean {value}"),
            Self::Integer(_) => format!("the integer {self}"),
            Self::Float(_) => format!("the float {self}"),
            Self::String(_) => format!("the string {self}"),
            Self::Datetime(_) => format!("the date {self}"),
            Self::Array(_) => format!("the array {self}"),
            Self::Table(_) => self.to_string(),
        }
    }
}

/// The value as one would write it, but for tables.
impl fmt::Display for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean(value) => write!(f, "{value}"),
            Self::Integer(value) => write!(f, "{value}"),
            Self::Float(value) => f.write_str(&float_text(*value)),
            Self::String(value) => f.write_str(&string_text(value)),
            Self::Datetime(value) => f.write_str(value),
            Self::Array(values) => {
                let values: Vec<_> = values.iter().map(ToString::to_string).collect();
                write!(f, "[{}]", values.join(", "))
            }
            Self::Table(_) => f.write_str("a table"),
        }
    }
}

/// A float as TOML: the shortest text that reads back to the same bits, always with a point or an
/// exponent.
pub(crate) fn float_text(value: f64) -> String {
    if value.is_nan() {
        "nan".to_owned()
    } else {
        format!("{value:?}")
    }
}

/// A string as TOML, quoted and escaped.
pub(crate) fn string_text(value: &str) -> String {
    toml::Value::String(value.to_owned()).to_string()
}

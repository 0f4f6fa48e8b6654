//! Takes typed values out of a checked document, remembers where each came from, and words what is
//! wrong with those that cannot be taken.

use crate::document::{Raw, Table, parse_value};
use crate::error::{ConfigError, ErrorKind};
use crate::nearest::{code_list, did_you_mean, remedy_and_valid};
use crate::origin::{Origin, Origins, Place};
use crate::schema::{Default, Key};
use crate::value::{Problem, Value};

/// A document whose sections and keys are all known.
pub(crate) struct Reader {
    root: Table,
    file: Place,
    origins: Origins,
}

impl Reader {
    /// `file` is the place of what no section holds.
    pub(crate) fn new(root: Table, file: Place) -> Self {
        Self {
            root,
            file,
            origins: Origins::default(),
        }
    }

    /// Opens a section; one that is not in the document reads as empty.
    pub(crate) fn section(&mut self, name: &'static str) -> SectionReader<'_> {
        let mut reader = SectionReader {
            name,
            table: None,
            place: self.file.clone(),
            supplied: Vec::new(),
            origins: &mut self.origins,
        };
        let mut table = &self.root;
        for part in name.split('.') {
            let Some(entry) = table.get(part) else {
                return reader;
            };
            let Raw::Table(inner) = &entry.value else {
                return reader;
            };
            (table, reader.place) = (inner, entry.key.clone());
        }
        reader.table = Some(table);
        reader
    }

    pub(crate) fn has_section(&self, name: &str) -> bool {
        self.root.contains_key(name)
    }

    pub(crate) fn into_origins(self) -> Origins {
        self.origins
    }
}

/// One open section.
pub(crate) struct SectionReader<'a> {
    name: &'static str,
    table: Option<&'a Table>,
    /// Where the section opens, or the file that lacks it.
    place: Place,
    supplied: Vec<(&'static str, Raw)>,
    origins: &'a mut Origins,
}

impl SectionReader<'_> {
    /// Gives the default of a key that follows from what only the loader knows.
    pub(crate) fn supply(mut self, key: &'static str, value: Raw) -> Self {
        self.supplied.push((key, value));
        self
    }

    /// The value of `key`: as written, or `derived` or supplied, or its default.
    pub(crate) fn value<T: Value>(
        &mut self,
        key: &Key,
        derived: Option<T>,
    ) -> Result<T, ConfigError> {
        if let Some(entry) = self.table.and_then(|table| table.get(key.name)) {
            let origin = Origin::Written(entry.place.clone());
            self.origins.insert(self.name, key.name, origin);
            return self.convert(key, &entry.value);
        }
        let origin = match key.default {
            Default::Derived(words) => Origin::Derived(words),
            _ => Origin::Default,
        };
        self.origins.insert(self.name, key.name, origin);
        let supplied = self.supplied.iter().find(|(name, _)| *name == key.name);
        match (derived, supplied, key.default) {
            (Some(value), _, _) => Ok(value),
            (None, Some((_, value)), _) => self.convert(key, value),
            (None, _, Default::Toml(text)) => match parse_value(text, &self.place) {
                Some(value) => self.convert(key, &value),
                None => Err(self.missing(key)),
            },
            _ => Err(self.missing(key)),
        }
    }

    /// An error about keys of this section, placed at the first of them that the user wrote.
    pub(crate) fn error(
        &self,
        kind: ErrorKind,
        keys: &[&str],
        message: impl Into<String>,
    ) -> ConfigError {
        let place = keys
            .iter()
            .find_map(|key| match self.origins.get(self.name, key) {
                Some(Origin::Written(place)) => Some(place.clone()),
                _ => None,
            });
        ConfigError::new(kind, place.unwrap_or_else(|| self.place.clone()), message)
    }

    pub(crate) fn unknown_name(&self, key: &Key, typed: &str) -> ConfigError {
        let message = format!("unknown value `{typed}` for {}", self.full_name(key));
        let hint = remedy_and_valid(
            did_you_mean(typed, key.kind.names),
            "values",
            key.kind.names,
        );
        self.error(ErrorKind::UnknownName, &[key.name], message)
            .hint(hint)
    }

    fn missing(&self, key: &Key) -> ConfigError {
        let message = format!("missing key `{}` in [{}]", key.name, self.name);
        let mut hint = format!("add {} under [{}]", key.example(), self.name);
        if !key.kind.names.is_empty() {
            hint.push_str(&format!(". Valid values: {}", code_list(key.kind.names)));
        }
        self.error(ErrorKind::Missing, &[], message).hint(hint)
    }

    fn convert<T: Value>(&self, key: &Key, raw: &Raw) -> Result<T, ConfigError> {
        let value = T::from_raw(raw).map_err(|problem| self.problem(key, raw, problem))?;
        let mut numbers = value.numbers().into_iter();
        let problem = match numbers.find(|number| !key.range.contains(*number)) {
            None => return Ok(value),
            Some(number) if number.is_finite() || key.range.is_any() => Problem::OutOfRange,
            Some(_) => Problem::Refused(format!("finite and {}", key.range)),
        };
        Err(self.problem(key, raw, problem))
    }

    fn problem(&self, key: &Key, raw: &Raw, problem: Problem) -> ConfigError {
        match (problem, raw) {
            (Problem::UnknownName, Raw::String(typed)) => self.unknown_name(key, typed),
            (Problem::UnknownName | Problem::WrongType, _) => self.wrong_type(key, raw),
            (Problem::OutOfRange, _) => self.refused(key, raw, &key.range.to_string()),
            (Problem::Refused(words), _) => self.refused(key, raw, &words),
        }
    }

    fn wrong_type(&self, key: &Key, raw: &Raw) -> ConfigError {
        let (expected, got) = (key.kind.a_noun(), raw.describe());
        let message = format!("expected {expected} for {}, got {got}", self.full_name(key));
        self.error(ErrorKind::WrongType, &[key.name], message)
            .hint(format!("write for example {}", key.example()))
    }

    fn refused(&self, key: &Key, raw: &Raw, words: &str) -> ConfigError {
        let message = format!("{} must be {words}, got {raw}", self.full_name(key));
        self.error(ErrorKind::OutOfRange, &[key.name], message)
    }

    fn full_name(&self, key: &Key) -> String {
        format!("`{}` in [{}]", key.name, self.name)
    }
}

//! The keys of a sweep file, which stand in no section.

use crate::document::{Entry, Raw, Table};
use crate::error::{ConfigError, ErrorKind};
use crate::nearest::{did_you_mean, remedy_and_valid};
use crate::origin::Place;
use crate::value::{Problem, Value};

/// A table whose keys are taken one by one.
pub(super) struct Fields<'a> {
    table: &'a Table,
    /// Place of what is absent.
    whole: Place,
    /// What the table is, for messages: `a sweep`.
    what: &'static str,
}

impl<'a> Fields<'a> {
    pub(super) fn new(table: &'a Table, whole: Place, what: &'static str) -> Self {
        Self { table, whole, what }
    }

    /// Refuses all keys but these.
    pub(super) fn only(&self, names: &[&str]) -> Result<(), ConfigError> {
        let unknown = self
            .table
            .iter()
            .find(|(name, _)| !names.contains(&name.as_str()));
        let Some((name, entry)) = unknown else {
            return Ok(());
        };
        let message = format!("unknown key `{name}` of {}", self.what);
        let remedy = match (name.as_str(), names.contains(&"axes")) {
            // The commonest slip: an axis beside [axes] instead of in it.
            (name, true) if name.contains('.') => Some("axes stand below `[axes]`.".to_owned()),
            (name, _) => did_you_mean(name, names),
        };
        let hint = remedy_and_valid(remedy, "keys", names);
        Err(ConfigError::new(ErrorKind::UnknownKey, entry.key.clone(), message).hint(hint))
    }

    /// Refuses keys that mean nothing here.
    pub(super) fn absent(&self, names: &[&str], why: &str) -> Result<(), ConfigError> {
        match names
            .iter()
            .find_map(|name| Some((name, self.entry(name)?)))
        {
            None => Ok(()),
            Some((name, entry)) => {
                let message = format!("`{name}` {why}");
                let error = ConfigError::new(ErrorKind::Conflict, entry.key.clone(), message);
                Err(error.hint("leave it out"))
            }
        }
    }

    pub(super) fn entry(&self, name: &str) -> Option<&'a Entry> {
        self.table.get(name)
    }

    /// Where the value of a key stands, or the table that lacks it.
    pub(super) fn place(&self, name: &str) -> Place {
        let entry = self.entry(name);
        entry.map_or_else(|| self.whole.clone(), |entry| entry.place.clone())
    }

    pub(super) fn optional<T: Value>(&self, name: &str) -> Result<Option<T>, ConfigError> {
        let entry = self.entry(name);
        entry.map(|entry| self.convert(name, entry)).transpose()
    }

    pub(super) fn required<T: Value>(&self, name: &str, example: &str) -> Result<T, ConfigError> {
        self.optional(name)?.ok_or_else(|| {
            let message = format!("missing key `{name}` of {}", self.what);
            ConfigError::new(ErrorKind::Missing, self.whole.clone(), message)
                .hint(format!("add `{name} = {example}`"))
        })
    }

    fn convert<T: Value>(&self, name: &str, entry: &Entry) -> Result<T, ConfigError> {
        T::from_raw(&entry.value).map_err(|problem| {
            let (kind, expected) = match problem {
                Problem::WrongType | Problem::UnknownName => {
                    (ErrorKind::WrongType, T::KIND.a_noun())
                }
                Problem::OutOfRange => (ErrorKind::OutOfRange, "at least 0".to_owned()),
                Problem::Refused(words) => (ErrorKind::OutOfRange, words),
            };
            let got = match &entry.value {
                value @ Raw::Table(_) => value.to_string(),
                value => value.describe(),
            };
            let message = format!(
                "expected {expected} for `{name}` of {}, got {got}",
                self.what
            );
            ConfigError::new(kind, entry.place.clone(), message)
        })
    }
}

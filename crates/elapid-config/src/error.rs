//! What is wrong with a config, where, and what to do about it.

use std::fmt;

use crate::origin::Place;

/// A mistake in a config file or override.
///
/// Its `Display` is one paragraph, `place: message; hint`, meant to be shown as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// What sort of mistake it is.
    pub kind: ErrorKind,
    /// Path, line and column, or the override, that holds the mistake.
    pub place: Place,
    /// What is wrong, in a clause without a full stop.
    pub message: String,
    /// What to do: the nearest legal name, the legal values, an example.
    pub hint: Option<String>,
}

impl ConfigError {
    pub(crate) fn new(kind: ErrorKind, place: Place, message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            kind,
            place,
            message,
            hint: None,
        }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

/// The sorts of mistake a config can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The file is missing, is not text or may not be read.
    Unreadable,
    /// The text is not TOML.
    Syntax,
    /// The same key or section is written twice.
    DuplicateKey,
    /// `extends` leads back to a file it started from.
    ExtendsCycle,
    /// No section has this name.
    UnknownSection,
    /// The section has no such key.
    UnknownKey,
    /// The value is of another type than the key.
    WrongType,
    /// The value is not one of the names the key accepts.
    UnknownName,
    /// A key without default is absent.
    Missing,
    /// The value lies outside the key's legal range.
    OutOfRange,
    /// Values that are legal one by one exclude each other.
    Conflict,
    /// A `--set` is not of the form `section.key=value`.
    BadOverride,
}

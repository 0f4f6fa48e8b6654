//! Where a value of the plan, or a mistake in it, was written.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// A spot in what the user wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A character of a file; `line` and `column` count from 1, the column in characters.
    Position {
        /// The file, as it was named on the command line or by `extends`.
        path: Arc<Path>,
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
    },
    /// A file as a whole: something is absent from it, or it cannot be read.
    File(Arc<Path>),
    /// A `--set` override, without the `--set`.
    Override(Arc<str>),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Position { path, line, column } => {
                write!(f, "{}:{line}:{column}", path.display())
            }
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Override(text) => write!(f, "--set {text}"),
        }
    }
}

/// Who decided a value of the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The option's own default.
    Default,
    /// A default that follows from other values; the text says which.
    Derived(&'static str),
    /// The user, at this place.
    Written(Place),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Derived(from) => write!(f, "default: {from}"),
            Self::Written(Place::Override(_)) => f.write_str("--set"),
            Self::Written(Place::Position { path, line, .. }) => {
                write!(f, "{}:{line}", path.display())
            }
            Self::Written(place) => place.fmt(f),
        }
    }
}

/// The origin of every value of a plan, under `section.key`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origins(BTreeMap<String, Origin>);

impl Origins {
    pub(crate) fn insert(&mut self, section: &str, key: &str, origin: Origin) {
        self.0.insert(format!("{section}.{key}"), origin);
    }

    pub(crate) fn get(&self, section: &str, key: &str) -> Option<&Origin> {
        self.0.get(&format!("{section}.{key}"))
    }
}

/// Origins never make two plans differ: a plan is what it does, not where it was written.
impl PartialEq for Origins {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

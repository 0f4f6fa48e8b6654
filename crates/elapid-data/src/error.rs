//! What can be wrong with data, where, and what to do about it.

use std::path::{Path, PathBuf};

use burn_dataset::DatasetError;

/// A mistake in a data set, or in the settings it is loaded with.
///
/// Its `Display` is one line, meant to be shown to a person as it is. Causes are kept as text, so
/// that an error can cross threads, be cloned and be compared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DataError {
    /// A folder or file that the data set needs does not exist.
    #[error("`{}` does not exist; expected {expected}", path.display())]
    Missing {
        /// What was looked for.
        path: PathBuf,
        /// What should be there, and how it gets there.
        expected: String,
    },
    /// The operating system refused to read a file or folder.
    #[error("cannot read `{}`: {reason}", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system or the decompressor said.
        reason: String,
    },
    /// A file or folder is not laid out as its format demands.
    #[error("`{}`: {problem}", path.display())]
    Layout {
        /// The file or folder.
        path: PathBuf,
        /// What was expected, what was found and what to do.
        problem: String,
    },
    /// One sample cannot be turned into an image or a sound.
    #[error("{sample} cannot be loaded: {reason}; repair or remove it")]
    Sample {
        /// The file, or the file and record number.
        sample: String,
        /// What is wrong with it.
        reason: String,
    },
    /// One sample has a label that is not among the classes.
    #[error(
        "{sample} has label {label}, expected 0 to {}; the file is damaged or of another data set",
        classes.saturating_sub(1)
    )]
    Label {
        /// The file and record number.
        sample: String,
        /// The label found.
        label: usize,
        /// How many classes there are.
        classes: usize,
    },
    /// A setting lies outside its legal range.
    #[error("{setting} is {value}, expected {expected}")]
    Setting {
        /// Name of the setting.
        setting: &'static str,
        /// The value given.
        value: String,
        /// The legal values.
        expected: String,
    },
    /// There are too few samples for what was asked.
    #[error("too few samples in {what}: expected at least {needed}, got {len}; {hint}")]
    TooFew {
        /// The data set, class or split.
        what: String,
        /// How many samples it has.
        len: usize,
        /// How many are needed.
        needed: usize,
        /// What to do.
        hint: String,
    },
    /// The operating system refused to write a file or folder.
    #[error("cannot write `{}`: {reason}", path.display())]
    Unwritable {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        reason: String,
    },
    /// A program that data are made with is missing or does not do what it should.
    #[error("`{program}` failed: {problem}")]
    Program {
        /// Its name.
        program: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A card is not valid.
    #[error("card `{name}`: {reason}")]
    Card {
        /// Name of the data set.
        name: String,
        /// What the parser said.
        reason: String,
    },
    /// Code that prepares batches panicked: a bug here or in a decoder.
    #[error(
        "a loader thread stopped unexpectedly in batch {batch}; set workers = 0 to find out why"
    )]
    Worker {
        /// Number of the batch that was not delivered.
        batch: usize,
    },
}

impl DataError {
    pub(crate) fn unreadable(path: &Path, reason: impl ToString) -> Self {
        Self::Unreadable {
            path: path.to_owned(),
            reason: reason.to_string(),
        }
    }

    pub(crate) fn unwritable(path: &Path, reason: impl ToString) -> Self {
        Self::Unwritable {
            path: path.to_owned(),
            reason: reason.to_string(),
        }
    }

    pub(crate) fn layout(path: &Path, problem: impl Into<String>) -> Self {
        Self::Layout {
            path: path.to_owned(),
            problem: problem.into(),
        }
    }

    /// Recovers our error from the wrapper that burn's `Dataset` trait demands; what comes from
    /// another data set is reported as the failure of `sample`.
    pub(crate) fn from_dataset(error: &DatasetError, sample: impl FnOnce() -> String) -> Self {
        let cause = std::error::Error::source(error);
        match cause.and_then(|cause| cause.downcast_ref::<Self>()) {
            Some(ours) => ours.clone(),
            None => Self::Sample {
                sample: sample(),
                reason: error.to_string(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_errors_survive_the_wrapper_of_the_dataset_trait() {
        let error = DataError::Label {
            sample: "`a.bin` record 3".into(),
            label: 12,
            classes: 10,
        };
        let wrapped = DatasetError::new(error.clone());
        assert_eq!(DataError::from_dataset(&wrapped, || unreachable!()), error);
        assert_eq!(
            error.to_string(),
            "`a.bin` record 3 has label 12, expected 0 to 9; \
             the file is damaged or of another data set"
        );
    }

    #[test]
    fn foreign_errors_are_tied_to_the_sample() {
        let wrapped = DatasetError::new(std::io::Error::other("disk on fire"));
        let error = DataError::from_dataset(&wrapped, || "`x.png`".into());
        assert_eq!(
            error.to_string(),
            "`x.png` cannot be loaded: disk on fire; repair or remove it"
        );
    }
}

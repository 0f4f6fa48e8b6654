//! The name of a split on the command line.

use elapid::data::Split;

/// A part of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum SplitName {
    Train,
    Valid,
    Test,
}

impl SplitName {
    pub(crate) fn split(self) -> Split {
        match self {
            Self::Train => Split::Train,
            Self::Valid => Split::Valid,
            Self::Test => Split::Test,
        }
    }
}

//! What can go wrong while data are fetched.

use std::path::{Path, PathBuf};

/// A data set that could not be prepared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrepareError {
    /// Nobody answered.
    #[error("cannot reach {url}: {reason}")]
    Unreachable {
        /// The address.
        url: String,
        /// What the system said.
        reason: String,
    },
    /// The server answered with something else than the file.
    #[error("{url} answers with status {status}, expected a file; its address may have changed")]
    Refused {
        /// The address.
        url: String,
        /// The status of HTTP.
        status: u16,
    },
    /// The connection broke again and again.
    #[error(
        "{url} was cut off after {bytes} bytes: {reason}; they are kept, the same command goes on from there"
    )]
    Cut {
        /// The address.
        url: String,
        /// How much there is.
        bytes: u64,
        /// What the system said.
        reason: String,
    },
    /// The file is not the published one.
    #[error(
        "`{}` from {url} has the {kind} {found}, expected {expected}: it was damaged on its way, or changed where it comes from; {advice}",
        path.display()
    )]
    Checksum {
        /// The file.
        path: PathBuf,
        /// The address.
        url: Box<str>,
        /// `md5`, `sha256` or `size`.
        kind: &'static str,
        /// What it has.
        found: Box<str>,
        /// What it should have.
        expected: Box<str>,
        /// What to do.
        advice: &'static str,
    },
    /// A checksum of a card is not one.
    #[error("the checksum `{text}` is not `md5:` or `sha256:` and hexadecimal digits")]
    NoChecksum {
        /// The text.
        text: String,
    },
    /// An archive has a member that is not unpacked.
    #[error("`{}`: member `{member}` {problem}; nothing of it is written", archive.display())]
    Member {
        /// The archive.
        archive: PathBuf,
        /// The name of the member.
        member: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// An archive cannot be read.
    #[error("cannot unpack `{}`: {reason}; remove it to fetch it again", archive.display())]
    Damaged {
        /// The archive.
        archive: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The operating system refused to read or write a file.
    #[error("cannot read or write `{}`: {reason}", path.display())]
    Unwritable {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
}

impl PrepareError {
    pub(super) fn unwritable(path: &Path, reason: impl ToString) -> Self {
        Self::Unwritable {
            path: path.to_owned(),
            reason: reason.to_string(),
        }
    }
}

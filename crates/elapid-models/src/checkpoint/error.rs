//! What can be wrong with a checkpoint.

use std::fmt;

use thiserror::Error;

/// An unreadable or unfitting checkpoint.
#[derive(Debug, Error)]
pub enum CheckpointError {
    /// The file cannot be read as its format.
    #[error("{path}: cannot read this checkpoint: {reason}")]
    Unreadable {
        /// The file.
        path: String,
        /// The reader's words.
        reason: String,
    },
    /// The extension names no known format.
    #[error(
        "{path}: not a known checkpoint format; expected a file ending in .safetensors, .pth, .pt, .bin or .bpk"
    )]
    UnknownFormat {
        /// The file.
        path: String,
    },
    /// Weights with adapters beside them, which only the run that trained them can use.
    #[error(
        "{path}: these weights have LoRA adapters beside them; give merged weights, or the directory of the run"
    )]
    Adapters {
        /// The file.
        path: String,
    },
    /// The extension of a file to be written names no format.
    #[error("{path}: cannot write this format; name the file .safetensors, .pth, .pt or .bin")]
    UnknownOutput {
        /// The file.
        path: String,
    },
    /// The file cannot be written.
    #[error("{path}: cannot write this checkpoint: {reason}")]
    Unwritable {
        /// The file.
        path: String,
        /// The system's words.
        reason: String,
    },
    /// The file belongs to another model.
    #[error("{path}: this checkpoint is not of the configured model{differences}")]
    Mismatch {
        /// The file.
        path: String,
        /// What differs.
        differences: Differences,
    },
}

impl CheckpointError {
    pub(super) fn unreadable(path: &std::path::Path, reason: impl fmt::Display) -> Self {
        Self::Unreadable {
            path: path.display().to_string(),
            reason: reason.to_string(),
        }
    }
}

/// Differences between a checkpoint and a model, by official name.
#[derive(Debug, Default)]
pub struct Differences {
    /// Name, shape in the model, shape in the file.
    pub shapes: Vec<(String, Vec<usize>, Vec<usize>)>,
    /// In the model but not in the file.
    pub missing: Vec<String>,
    /// In the file but not in the model.
    pub unexpected: Vec<String>,
}

impl Differences {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.shapes.is_empty() && self.missing.is_empty() && self.unexpected.is_empty()
    }
}

/// More than this many of a kind are counted, not listed.
const LISTED: usize = 6;

impl fmt::Display for Differences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shapes = self.shapes.iter().map(|(name, model, file)| {
            format!("`{name}` is {file:?} in the file, {model:?} in the model")
        });
        list(f, "tensors of another shape", shapes.collect())?;
        let quoted = |names: &[String]| names.iter().map(|name| format!("`{name}`")).collect();
        list(f, "tensors that the file lacks", quoted(&self.missing))?;
        list(f, "tensors that the model lacks", quoted(&self.unexpected))?;
        match self.shapes.iter().any(|(name, ..)| name == "pos_embed") {
            true => write!(
                f,
                "\n  `elapid import FILE --model CONFIG` brings a position embedding to another grid"
            ),
            false => Ok(()),
        }
    }
}

pub(super) fn list(f: &mut fmt::Formatter<'_>, what: &str, items: Vec<String>) -> fmt::Result {
    if items.is_empty() {
        return Ok(());
    }
    write!(f, "\n  {} {what}:", items.len())?;
    for item in items.iter().take(LISTED) {
        write!(f, "\n    {item}")?;
    }
    match items.len().checked_sub(LISTED) {
        Some(more) if more > 0 => write!(f, "\n    … and {more} more"),
        _ => Ok(()),
    }
}

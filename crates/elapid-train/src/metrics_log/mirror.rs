//! Copies of the log in formats that other programs read.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{csv, tensorboard};

/// A format of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MirrorFormat {
    /// `metrics.csv`: one row a number.
    Csv,
    /// `tensorboard/events.out.tfevents.elapid`: scalars by `split/name`.
    TensorBoard,
}

/// A line of the log.
#[derive(Deserialize)]
pub(super) struct Record {
    pub(super) step: u64,
    pub(super) epoch: f64,
    pub(super) split: String,
    pub(super) name: String,
    pub(super) value: Option<f64>,
}

/// A copy. It is written anew when a log is opened, because a resumption may have dropped lines, and after a write that
/// failed; otherwise it grows with the log.
pub(super) struct Mirror {
    format: MirrorFormat,
    path: PathBuf,
    /// The open copy; `None` while it has to be written anew.
    file: Option<File>,
}

impl Mirror {
    /// A copy in the directory of `log`, not written yet.
    pub(super) fn beside(log: &Path, format: MirrorFormat) -> Self {
        let name = match format {
            MirrorFormat::Csv => "metrics.csv",
            MirrorFormat::TensorBoard => "tensorboard/events.out.tfevents.elapid",
        };
        Self {
            format,
            path: log.with_file_name("").join(name),
            file: None,
        }
    }

    /// Where the copy is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Adds lines that `log` ends with by now.
    pub(super) fn follow(&mut self, log: &Path, lines: &str) -> io::Result<()> {
        let written = match &mut self.file {
            Some(file) => file.write_all(&self.format.encode(lines)),
            None => self.write_anew(log),
        };
        if written.is_err() {
            self.file = None;
        }
        written
    }

    fn write_anew(&mut self, log: &Path) -> io::Result<()> {
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut file = File::create(&self.path)?;
        file.write_all(&self.format.head())?;
        file.write_all(&self.format.encode(&fs::read_to_string(log)?))?;
        self.file = Some(file);
        Ok(())
    }
}

impl MirrorFormat {
    fn head(self) -> Vec<u8> {
        match self {
            Self::Csv => csv::HEAD.into(),
            Self::TensorBoard => tensorboard::head(),
        }
    }

    fn encode(self, lines: &str) -> Vec<u8> {
        let records = lines
            .lines()
            .filter_map(|line| serde_json::from_str::<Record>(line).ok());
        let one = match self {
            Self::Csv => csv::row,
            Self::TensorBoard => tensorboard::scalar,
        };
        records.flat_map(|record| one(&record)).collect()
    }
}

//! Why a run could not go on.

use std::io;
use std::path::PathBuf;

use crate::checkpoint::CheckpointError;

/// Any error of a data source.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why training or evaluation ended early, in words meant for the person who started it.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// Training has diverged.
    #[error(
        "the {quantity} of step {step} is not finite, so training was stopped and nothing was \
         overwritten; {}; a lower learning rate, a longer warm-up or gradient clipping may help",
        last_good(checkpoint)
    )]
    NonFinite {
        /// The step, counted from 1.
        step: u64,
        /// `loss` or `gradient norm`.
        quantity: &'static str,
        /// The newest checkpoint from before.
        checkpoint: Option<PathBuf>,
    },
    /// A batch could not be made.
    #[error("cannot make batch {batch} of the {split} data: {source}")]
    Data {
        /// `train`, `valid` or `test`.
        split: &'static str,
        /// Number of the batch, counted from 0.
        batch: u64,
        /// What the source said.
        source: BoxError,
    },
    /// A split ended although more was needed of it.
    #[error("the {split} data ended after {batches} batches; check that the split is not empty")]
    DataEnded {
        /// `train`, `valid` or `test`.
        split: &'static str,
        /// Batches it gave.
        batches: u64,
    },
    /// A setting that no run can follow.
    #[error("cannot train: `{name}` {problem}")]
    Setting {
        /// The field of [`TrainConfig`](crate::TrainConfig).
        name: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The best checkpoint is to be chosen by a metric that the task does not have.
    #[error("no metric is named `{name}`; this task has {}", known.join(", "))]
    UnknownMetric {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: Vec<&'static str>,
    },
    /// No parameter takes part in the loss.
    #[error("no parameter has a gradient; unfreeze at least one that the loss depends on")]
    NothingToTrain,
    /// The seed of a resumed run has changed.
    #[error(
        "the checkpoint was written with seed {expected}, the run now has seed {found}; resume \
         with the old seed or start a new run"
    )]
    Seed {
        /// The seed in the checkpoint.
        expected: u64,
        /// The seed in the settings.
        found: u64,
    },
    /// The run directory to create holds something already.
    #[error("`{}` already holds a run; resume it with `elapid resume`, or choose another directory with `--out`", path.display())]
    RunExists {
        /// The directory.
        path: PathBuf,
    },
    /// The directory to open holds no run.
    #[error("`{}` is not a run directory: it has no `{missing}`; give a directory that `elapid train` wrote, such as `runs/NAME`", path.display())]
    NotARun {
        /// The directory.
        path: PathBuf,
        /// The file that tells.
        missing: &'static str,
    },
    /// A file that `elapid train` wrote is not what it was.
    #[error("`{}` is damaged: {problem}; put back the file that `elapid train` wrote, or start a new run", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Another process is training in the directory.
    #[error("another process is training in `{}`; wait for it or stop it first", path.display())]
    Busy {
        /// The run directory.
        path: PathBuf,
    },
    /// A file could not be read.
    #[error("cannot read `{}`: {source}; {}", path.display(), advice(source))]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A file could not be written.
    #[error("cannot write `{}`: {source}; {}", path.display(), advice(source))]
    Write {
        /// The file or directory.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A number could not be fetched from the device.
    #[error("cannot read the losses back from the device{advice}: {0}", advice = memory_advice(.0))]
    Device(String),
    /// A single sample is too much for the device.
    #[error(
        "a step of one sample at a time does not fit into memory: {0}; use a smaller model or smaller inputs, or store activations in 16 bits (`precision = \"bf16\"`)"
    )]
    NoRoom(String),
    /// A checkpoint could not be written or loaded.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

impl TrainError {
    /// Wraps what the operating system said about writing `path`.
    pub(crate) fn write(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Write { path, source }
    }

    /// Wraps what the operating system said about reading `path`.
    pub(crate) fn read(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Read { path, source }
    }
}

/// What to do if a device's message is about its memory.
fn memory_advice(message: &str) -> &'static str {
    match message.contains("out of device memory") || message.contains("can't allocate buffer") {
        true => ", whose memory is full (set `micro_batch = \"auto\"` in [train])",
        false => "",
    }
}

fn last_good(checkpoint: &Option<PathBuf>) -> String {
    match checkpoint {
        Some(path) => format!("the last good checkpoint is `{}`", path.display()),
        None => "no checkpoint had been written yet".to_owned(),
    }
}

/// What to do about an error of the file system.
pub(crate) fn advice(error: &io::Error) -> &'static str {
    use io::ErrorKind::{
        AlreadyExists, NotADirectory, NotFound, PermissionDenied, QuotaExceeded,
        ReadOnlyFilesystem, StorageFull,
    };
    match error.kind() {
        StorageFull | QuotaExceeded => "free some space, then resume the run",
        PermissionDenied => "check who may read and write there, or choose another `--out`",
        ReadOnlyFilesystem => "make the file system writable or choose another `--out`",
        AlreadyExists | NotADirectory => {
            "a file stands where a directory should be; choose another `--out`"
        }
        NotFound => "check that the run directory was not moved or deleted",
        _ => "check the free space and that the run directory is readable and writable",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_disk_is_named_with_path_and_remedy() {
        let full = io::Error::from(io::ErrorKind::StorageFull);
        let message = TrainError::write("runs/a/metrics.jsonl")(full).to_string();
        assert!(message.contains("`runs/a/metrics.jsonl`"));
        assert!(message.ends_with("free some space, then resume the run"));
    }

    #[test]
    fn a_full_device_is_told_apart_from_a_broken_one() {
        let full = "An IO error happened: out of device memory allocating 2917138432 bytes";
        let message = TrainError::Device(full.to_owned()).to_string();
        assert!(message.contains("`micro_batch = \"auto\"`"), "{message}");
        let message = TrainError::Device("poisoned".to_owned()).to_string();
        assert!(!message.contains("micro_batch"), "{message}");
    }

    #[test]
    fn divergence_names_the_last_good_checkpoint() {
        let error = |checkpoint| TrainError::NonFinite {
            step: 7,
            quantity: "loss",
            checkpoint,
        };
        let message = error(Some("runs/a/checkpoints/step-5".into())).to_string();
        assert!(message.contains("loss of step 7"));
        assert!(message.contains("`runs/a/checkpoints/step-5`"));
        assert!(error(None).to_string().contains("no checkpoint"));
    }
}

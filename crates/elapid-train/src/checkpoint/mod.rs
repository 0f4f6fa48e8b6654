//! Checkpoints that are whole or ignored.
//!
//! `checkpoints/step-N/` holds `model.bpk`, `optim.bpk`, `state.json`, `manifest.json` and, where weights
//! are averaged, `average.bpk`. The
//! directory is written under another name, its files reach the disk, the manifest with the size
//! and SHA-256 of each comes last, and only then is it renamed. So whatever ends the process,
//! `step-N` is either absent or complete; should the disk damage it later, the manifest tells.
//! `checkpoints/best` is a text file that holds the step of the best one.

mod policy;
mod read;
mod write;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use policy::{Action, after_save};
pub use read::{Checkpoint, Damage, Found, Skipped, load_model};

use crate::error::advice;
use crate::files;
use crate::interval::Observed;
use crate::plateau::Descent;
use crate::recovery::Recovery;
use crate::spikes::Spikes;

const MODEL: &str = "model.bpk";
const OPTIMISER: &str = "optim.bpk";
const AVERAGE: &str = "average.bpk";
const STATE: &str = "state.json";
const MANIFEST: &str = "manifest.json";
/// Every file of a checkpoint but the manifest and the averaged weights, which not every run has.
const FILES: [&str; 3] = [MODEL, OPTIMISER, STATE];
/// Changes whenever an older program could not read a checkpoint any more.
const FORMAT: u32 = 2;

/// The checkpoints of a run.
#[derive(Clone, Debug)]
pub struct Checkpoints {
    dir: PathBuf,
}

/// What a run needs besides weights and moments to go on as if it had never stopped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Optimiser steps done.
    pub step: u64,
    /// Seed of the run.
    pub seed: u64,
    /// The best validation so far.
    pub best: Option<Best>,
    /// The next best ones whose checkpoints are kept, in order.
    #[serde(default)]
    pub runners_up: Vec<Best>,
    /// Step of the last validation.
    pub evaluated: Option<u64>,
    /// Validations since the best one.
    #[serde(default)]
    pub stale: u64,
    /// The steps since the last line of the log.
    pub interval: Vec<Observed>,
    /// The scale of losses and the good steps since it changed, where losses are scaled.
    #[serde(default)]
    pub scaler: Option<[f32; 2]>,
    /// How far the learning rate has fallen, where that follows from validation.
    #[serde(default)]
    pub descent: Descent,
    /// Steps that were left out.
    #[serde(default)]
    pub recovery: Recovery,
    /// The losses that the next ones are compared with.
    #[serde(default)]
    pub spikes: Spikes,
}

/// The best validation of a run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// Step it was made at.
    pub step: u64,
    /// Value of the metric that decides.
    #[serde(with = "exact")]
    pub value: f64,
}

/// `manifest.json` of a checkpoint.
#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    format: u32,
    files: Vec<Entry>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Entry {
    name: String,
    bytes: u64,
    sha256: String,
}

/// Why a checkpoint could not be written or loaded.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// A file or directory could not be written.
    #[error("cannot write checkpoint `{}`: {source}; {}", path.display(), advice(source))]
    Write {
        /// The file or directory.
        path: PathBuf,
        /// What the operating system, or burn, said.
        source: io::Error,
    },
    /// The directory of checkpoints could not be listed.
    #[error("cannot list checkpoints in `{}`: {source}; {}", path.display(), advice(source))]
    Read {
        /// The directory.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Nothing to resume from.
    #[error("`{}` holds no complete checkpoint{}; let the run reach its first one (`train.checkpoint`), or start a new run", dir.display(), list(skipped))]
    NoneComplete {
        /// The directory of checkpoints.
        dir: PathBuf,
        /// Those that are damaged.
        skipped: Vec<Skipped>,
    },
    /// The checkpoint is not complete.
    #[error("checkpoint `{}` is damaged: {damage}; use another one", path.display())]
    Damaged {
        /// Its directory.
        path: PathBuf,
        /// What is wrong with it.
        damage: Damage,
    },
    /// A file is not what it should be.
    #[error("cannot load `{}`: {problem}; give a checkpoint directory or a `.bpk` file of weights", path.display())]
    Load {
        /// The file.
        path: PathBuf,
        /// What burn said.
        problem: String,
    },
    /// The checkpoint is of another model.
    #[error("`{}` does not fit the model: {problem}; use the plan that it was trained with", path.display())]
    Mismatch {
        /// The file.
        path: PathBuf,
        /// What burn said.
        problem: String,
    },
}

impl State {
    /// The best validations so far, in order of merit.
    pub(crate) fn best_ones(&self) -> Vec<Best> {
        let others = self.runners_up.iter().copied();
        self.best.into_iter().chain(others).collect()
    }
}

impl Checkpoints {
    /// The checkpoints in `dir`, which need not exist yet.
    pub fn new(dir: PathBuf) -> Self {
        Self { dir }
    }

    /// Where the checkpoint of a step is, or would be.
    pub fn path(&self, step: u64) -> PathBuf {
        self.dir.join(format!("step-{step}"))
    }

    /// The steps there is a checkpoint directory of, complete or damaged, in ascending order.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::Read`] if the directory cannot be listed.
    pub fn steps(&self) -> Result<Vec<u64>, CheckpointError> {
        let list = || -> io::Result<Vec<u64>> {
            let mut steps = Vec::new();
            for entry in fs::read_dir(&self.dir)? {
                let name = entry?.file_name();
                let step = name.to_str().and_then(|name| name.strip_prefix("step-"));
                steps.extend(step.and_then(|step| step.parse::<u64>().ok()));
            }
            steps.sort_unstable();
            Ok(steps)
        };
        match list() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            outcome => outcome.map_err(|source| CheckpointError::Read {
                path: self.dir.clone(),
                source,
            }),
        }
    }

    /// The step that `best` names, if there is such a file.
    fn best_step(&self) -> Option<u64> {
        let text = fs::read_to_string(self.dir.join("best")).ok()?;
        text.trim().parse().ok()
    }

    /// Carries out what the policy decided on.
    pub(crate) fn perform(&self, actions: &[Action]) -> Result<(), CheckpointError> {
        for action in actions {
            let (path, outcome) = match *action {
                Action::MarkBest(step) => {
                    let path = self.dir.join("best");
                    let outcome = files::replace(&path, format!("{step}\n").as_bytes());
                    (path, outcome)
                }
                Action::Delete(step) => (self.path(step), self.remove(step)),
            };
            outcome.map_err(|source| CheckpointError::Write { path, source })?;
        }
        Ok(())
    }

    /// The newest complete checkpoint of at most `step` steps, if there is one. Newer ones are deleted, since the run
    /// takes another course from there.
    pub(crate) fn rewind(&self, step: u64) -> Result<Option<Checkpoint>, CheckpointError> {
        let mut found = None;
        for step in self.steps()?.into_iter().filter(|at| *at <= step).rev() {
            found = Checkpoint::open(&self.path(step)).ok();
            if found.is_some() {
                break;
            }
        }
        let kept = found.as_ref().map(|found| found.state().step);
        let newer = self.steps()?.into_iter().filter(|at| Some(*at) > kept);
        // The name of the best must not point at what is deleted.
        let best = found.as_ref().and_then(|found| found.state().best);
        match best {
            Some(best) => self.perform(&[Action::MarkBest(best.step)])?,
            None => {
                let path = self.dir.join("best");
                if let Err(source) = fs::remove_file(&path)
                    && source.kind() != io::ErrorKind::NotFound
                {
                    return Err(CheckpointError::Write { path, source });
                }
            }
        }
        let doomed: Vec<Action> = newer.map(Action::Delete).collect();
        self.perform(&doomed)?;
        Ok(found)
    }

    /// Puts a damaged checkpoint where it is in nobody's way, and says where that is.
    pub(crate) fn set_aside(&self, damaged: &Path) -> Result<PathBuf, CheckpointError> {
        let aside = damaged.with_extension("damaged");
        let outcome = remove_if_present(&aside).and_then(|()| fs::rename(damaged, &aside));
        match outcome {
            Ok(()) => Ok(aside),
            Err(source) => Err(CheckpointError::Write {
                path: damaged.to_owned(),
                source,
            }),
        }
    }

    /// Makes the directory ready to be written to, and deletes what a kill left behind there in
    /// the middle of writing or deleting a checkpoint.
    pub(crate) fn prepare(&self) -> Result<(), CheckpointError> {
        let prepare = || -> io::Result<()> {
            fs::create_dir_all(&self.dir)?;
            for entry in fs::read_dir(&self.dir)? {
                let path = entry?.path();
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                if name.starts_with(".step-") && name.ends_with(".partial") {
                    fs::remove_dir_all(&path)?;
                }
            }
            Ok(())
        };
        prepare().map_err(|source| CheckpointError::Write {
            path: self.dir.clone(),
            source,
        })
    }

    /// Deletes a checkpoint; a kill in between leaves nothing that looks like one.
    fn remove(&self, step: u64) -> io::Result<()> {
        let doomed = self.partial(step);
        remove_if_present(&doomed)?;
        fs::rename(self.path(step), &doomed)?;
        fs::remove_dir_all(doomed)
    }

    /// The name of a checkpoint that is not whole yet, or not any more.
    fn partial(&self, step: u64) -> PathBuf {
        self.dir.join(format!(".step-{step}.partial"))
    }
}

fn remove_if_present(dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        outcome => outcome,
    }
}

fn list(skipped: &[Skipped]) -> String {
    skipped
        .iter()
        .map(|skipped| format!("; {skipped}"))
        .collect()
}

/// Floating-point numbers as text: serde_json reads the last bit of some decimal fractions wrong
/// and has no word for numbers that are not finite, where Rust's own parser is exact.
pub(crate) mod exact {
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(crate) fn serialize<S: Serializer>(value: &f64, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(value)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
        String::deserialize(from)?
            .parse()
            .map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests;

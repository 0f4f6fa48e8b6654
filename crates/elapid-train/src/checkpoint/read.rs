//! Finding, verifying and loading checkpoints.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::store::ModuleRecord;

use super::write::digest;
use super::{
    AVERAGE, CheckpointError, Checkpoints, FILES, FORMAT, MANIFEST, MODEL, Manifest, OPTIMISER,
    STATE, State,
};
use crate::Task;

/// A complete checkpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    path: PathBuf,
    state: State,
    /// There are averaged weights.
    has_average: bool,
}

/// The newest complete checkpoint, and what was passed over to get to it.
#[derive(Debug)]
pub struct Found {
    /// The checkpoint.
    pub checkpoint: Checkpoint,
    /// Newer ones that are damaged, newest first.
    pub skipped: Vec<Skipped>,
}

/// A damaged checkpoint. Its `Display` names the directory and the reason.
#[derive(Debug)]
pub struct Skipped {
    /// The directory.
    pub path: PathBuf,
    /// What is wrong with it.
    pub damage: Damage,
}

/// What is wrong with a checkpoint.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    /// The manifest, which is written last, is not there.
    #[error("it has no `{MANIFEST}`, so it was never finished")]
    NoManifest,
    /// A JSON file does not parse.
    #[error("`{name}` does not parse: {source}")]
    Syntax {
        /// The file.
        name: &'static str,
        /// Where and why.
        source: serde_json::Error,
    },
    /// It was written by another version of this program.
    #[error("it has format {found}, and this version of elapid reads format {FORMAT}")]
    Format {
        /// The format it has.
        found: u32,
    },
    /// The manifest leaves out a file.
    #[error("`{MANIFEST}` does not list `{name}`")]
    Unlisted {
        /// The file.
        name: &'static str,
    },
    /// A file has changed its length.
    #[error("`{name}` has {found} bytes instead of {expected}")]
    Length {
        /// The file.
        name: &'static str,
        /// Bytes according to the manifest.
        expected: u64,
        /// Bytes found.
        found: u64,
    },
    /// A file has changed its content.
    #[error("`{name}` does not have the SHA-256 that `{MANIFEST}` lists")]
    Hash {
        /// The file.
        name: &'static str,
    },
    /// A file cannot be read.
    #[error("`{name}` cannot be read: {source}")]
    Unreadable {
        /// The file.
        name: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "skipped `{}`: {}", self.path.display(), self.damage)
    }
}

impl Checkpoints {
    /// The newest complete checkpoint.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::NoneComplete`] if there is none, [`CheckpointError::Read`] if the
    /// directory cannot be listed.
    pub fn latest(&self) -> Result<Found, CheckpointError> {
        let mut skipped = Vec::new();
        for step in self.steps()?.into_iter().rev() {
            let path = self.path(step);
            match verify(&path) {
                Ok(checkpoint) => {
                    return Ok(Found {
                        checkpoint,
                        skipped,
                    });
                }
                Err(damage) => skipped.push(Skipped { path, damage }),
            }
        }
        Err(CheckpointError::NoneComplete {
            dir: self.dir.clone(),
            skipped,
        })
    }

    /// The best checkpoint; `None` if the run never named one.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::Damaged`] if it is not complete.
    pub fn best(&self) -> Result<Option<Checkpoint>, CheckpointError> {
        self.best_step()
            .map(|step| Checkpoint::open(&self.path(step)))
            .transpose()
    }
}

impl Checkpoint {
    /// Opens and verifies a checkpoint directory.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::Damaged`] if it is not complete.
    pub fn open(dir: &Path) -> Result<Self, CheckpointError> {
        verify(dir).map_err(|damage| CheckpointError::Damaged {
            path: dir.to_owned(),
            damage,
        })
    }

    /// Its directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the run was.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Loads the weights to evaluate with into a task: the averaged ones, where the run averages.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::Mismatch`] if they are of another model.
    pub fn load_model<T: Task>(&self, task: T) -> Result<T, CheckpointError> {
        match self.load_average(task.clone())? {
            Some(average) => Ok(average),
            None => self.load_trained(task),
        }
    }

    /// Loads the weights to train on with into a task.
    ///
    /// # Errors
    ///
    /// As for [`load_model`](Self::load_model).
    pub fn load_trained<T: Task>(&self, task: T) -> Result<T, CheckpointError> {
        load_weights(task, &self.path.join(MODEL))
    }

    /// Loads the averaged weights into a task, where the run averages.
    pub(crate) fn load_average<T: Task>(&self, task: T) -> Result<Option<T>, CheckpointError> {
        let path = self.path.join(AVERAGE);
        self.has_average
            .then(|| load_weights(task, &path))
            .transpose()
    }

    /// Loads the optimiser's moments into modules of the same form.
    pub(crate) fn load_moments<T: Task>(&self, moments: Vec<T>) -> Result<Vec<T>, CheckpointError> {
        let path = self.path.join(OPTIMISER);
        load(moments, &path)
    }
}

/// Loads weights from a checkpoint directory, which is verified, or from a burnpack file.
///
/// The task comes back with autodiff, ready to be trained on; evaluation takes it just as well.
///
/// # Errors
///
/// [`CheckpointError::Damaged`] or [`CheckpointError::Load`] if there is nothing to load,
/// [`CheckpointError::Mismatch`] if it is of another model.
pub fn load_model<T: Task>(task: T, path: &Path) -> Result<T, CheckpointError> {
    if path.is_dir() {
        Checkpoint::open(path)?.load_model(task)
    } else {
        load_weights(task, path)
    }
}

fn load_weights<T: Task>(task: T, file: &Path) -> Result<T, CheckpointError> {
    // Loading into a module without autodiff would freeze it for good.
    load(Module::train(task), file)
}

fn load<M: Module>(module: M, file: &Path) -> Result<M, CheckpointError> {
    let record = ModuleRecord::load(file).map_err(|error| CheckpointError::Load {
        path: file.to_owned(),
        problem: error.to_string(),
    })?;
    let loaded = module.try_load_record(record);
    loaded.map_err(|error| CheckpointError::Mismatch {
        path: file.to_owned(),
        problem: error.to_string(),
    })
}

fn verify(dir: &Path) -> Result<Checkpoint, Damage> {
    let manifest: Manifest = match fs::read(dir.join(MANIFEST)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Damage::NoManifest),
        read => parse(MANIFEST, read)?,
    };
    if manifest.format != FORMAT {
        return Err(Damage::Format {
            found: manifest.format,
        });
    }
    let has_average = manifest.files.iter().any(|entry| entry.name == AVERAGE);
    for name in FILES.into_iter().chain(has_average.then_some(AVERAGE)) {
        verify_file(dir, name, &manifest)?;
    }
    Ok(Checkpoint {
        has_average,
        path: dir.to_owned(),
        state: parse(STATE, fs::read(dir.join(STATE)))?,
    })
}

fn verify_file(dir: &Path, name: &'static str, manifest: &Manifest) -> Result<(), Damage> {
    let listed = manifest.files.iter().find(|entry| entry.name == name);
    let listed = listed.ok_or(Damage::Unlisted { name })?;
    let path = dir.join(name);
    let unreadable = |source| Damage::Unreadable { name, source };
    // The length is known at once; a hash takes a pass over the file.
    let found = fs::metadata(&path).map_err(unreadable)?.len();
    if found != listed.bytes {
        return Err(Damage::Length {
            name,
            expected: listed.bytes,
            found,
        });
    }
    match digest(&path).map_err(unreadable)? {
        (_, sha256) if sha256 == listed.sha256 => Ok(()),
        _ => Err(Damage::Hash { name }),
    }
}

fn parse<V: serde::de::DeserializeOwned>(
    name: &'static str,
    read: io::Result<Vec<u8>>,
) -> Result<V, Damage> {
    let text = read.map_err(|source| Damage::Unreadable { name, source })?;
    serde_json::from_slice(&text).map_err(|source| Damage::Syntax { name, source })
}

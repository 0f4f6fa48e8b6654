//! Writing a checkpoint.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use burn::store::{ModuleRecord, RecordError};
use sha2::{Digest, Sha256};

use super::{
    AVERAGE, CheckpointError, Checkpoints, Entry, FILES, FORMAT, MANIFEST, MODEL, Manifest,
    OPTIMISER, STATE, State, remove_if_present,
};
use crate::files;

/// A path and what went wrong there.
type Failure = (PathBuf, io::Error);

impl Checkpoints {
    /// Writes the checkpoint of `state.step`, which must not exist yet.
    pub(crate) fn write(
        &self,
        model: ModuleRecord,
        average: Option<ModuleRecord>,
        moments: ModuleRecord,
        state: &State,
    ) -> Result<PathBuf, CheckpointError> {
        let partial = self.partial(state.step);
        let started = Instant::now();
        let outcome = fill(&partial, model, average, moments, state);
        let outcome = outcome.and_then(|()| self.publish(state));
        tracing::debug!(step = state.step, took = ?started.elapsed(), "checkpoint written");
        outcome.map_err(|(path, source)| {
            // What is left would only take up space, which may be what is missing.
            let _ = remove_if_present(&partial);
            CheckpointError::Write { path, source }
        })
    }

    fn publish(&self, state: &State) -> Result<PathBuf, Failure> {
        let path = self.path(state.step);
        fs::rename(self.partial(state.step), &path)
            .and_then(|()| files::sync_dir(&self.dir))
            .map_err(at(&path))?;
        Ok(path)
    }
}

fn fill(
    dir: &Path,
    model: ModuleRecord,
    average: Option<ModuleRecord>,
    moments: ModuleRecord,
    state: &State,
) -> Result<(), Failure> {
    remove_if_present(dir)
        .and_then(|()| fs::create_dir_all(dir))
        .map_err(at(dir))?;
    // Burn waits for its files to reach the disk.
    let path = dir.join(MODEL);
    model.save(&path).map_err(as_io).map_err(at(&path))?;
    let path = dir.join(OPTIMISER);
    moments.save(&path).map_err(as_io).map_err(at(&path))?;
    let has_average = average.is_some();
    if let Some(average) = average {
        let path = dir.join(AVERAGE);
        average.save(&path).map_err(as_io).map_err(at(&path))?;
    }
    write_json(&dir.join(STATE), state)?;

    let names = FILES.into_iter().chain(has_average.then_some(AVERAGE));
    let manifest = Manifest {
        format: FORMAT,
        files: names
            .map(|name| entry(dir, name))
            .collect::<Result<_, _>>()?,
    };
    write_json(&dir.join(MANIFEST), &manifest)?;
    files::sync_dir(dir).map_err(at(dir))
}

fn write_json(path: &Path, value: &impl serde::Serialize) -> Result<(), Failure> {
    serde_json::to_vec_pretty(value)
        .map_err(io::Error::from)
        .and_then(|text| files::write_synced(path, &text))
        .map_err(at(path))
}

/// Size and hash of a file.
fn entry(dir: &Path, name: &str) -> Result<Entry, Failure> {
    let path = dir.join(name);
    let (bytes, sha256) = digest(&path).map_err(at(&path))?;
    Ok(Entry {
        name: name.to_owned(),
        bytes,
        sha256,
    })
}

/// Length of a file and its SHA-256 in lower-case hexadecimal digits.
pub(super) fn digest(path: &Path) -> io::Result<(u64, String)> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let bytes = io::copy(&mut file, &mut HashWriter(&mut hasher))?;
    let hash = hasher.finalize();
    Ok((
        bytes,
        hash.iter().map(|byte| format!("{byte:02x}")).collect(),
    ))
}

/// Feeds a hash with what is written.
struct HashWriter<'a>(&'a mut Sha256);

impl io::Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Burn keeps the words of the operating system alone, which end in its number of the error.
fn as_io(error: RecordError) -> io::Error {
    let text = error.to_string();
    let number = text.rsplit_once("(os error ");
    let number = number.and_then(|(_, rest)| rest.split(')').next()?.parse().ok());
    number.map_or_else(|| io::Error::other(error), io::Error::from_raw_os_error)
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> Failure {
    let path = path.to_owned();
    move |source| (path, source)
}

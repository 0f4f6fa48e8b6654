//! The directory that a run lives in.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::checkpoint::Checkpoints;
use crate::{TrainError, files, timestamp};

const CONFIG: &str = "config.toml";
const PLAN: &str = "plan.toml";
const MANIFEST: &str = "manifest.json";

/// A run directory: `config.toml` (as given), `plan.toml` (resolved), `manifest.json`, `log.txt`,
/// `metrics.jsonl`, `confusion.json`, `pictures.json`, `report.html` and `checkpoints/`.
#[derive(Clone, Debug)]
pub struct RunDir {
    path: PathBuf,
}

impl RunDir {
    /// Makes the directory of a new run.
    ///
    /// `manifest` says what the caller knows of the run, such as versions, device and fingerprints
    /// of the data; `name` (that of the directory, unless given), `status` and `started` are added.
    ///
    /// # Errors
    ///
    /// [`TrainError::RunExists`] if the directory exists and is not empty, [`TrainError::Write`] if
    /// it cannot be written.
    pub fn create(
        path: &Path,
        plan: &str,
        config: &str,
        mut manifest: Map<String, Value>,
    ) -> Result<Self, TrainError> {
        fs::create_dir_all(path).map_err(TrainError::write(path))?;
        let mut entries = fs::read_dir(path).map_err(TrainError::read(path))?;
        if entries.next().is_some() {
            return Err(TrainError::RunExists {
                path: path.to_owned(),
            });
        }
        let run = Self {
            path: path.to_owned(),
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        manifest.entry("name").or_insert_with(|| name.into());
        manifest.insert("status".into(), "running".into());
        manifest.insert("started".into(), timestamp::now().into());
        run.write(CONFIG, config.as_bytes())?;
        run.write(PLAN, plan.as_bytes())?;
        run.write_manifest(&manifest)?;
        Ok(run)
    }

    /// Opens the directory of a run that was started before.
    ///
    /// # Errors
    ///
    /// [`TrainError::NotARun`] if it lacks its plan or manifest.
    pub fn open(path: &Path) -> Result<Self, TrainError> {
        for missing in [PLAN, MANIFEST] {
            if !path.join(missing).is_file() {
                return Err(TrainError::NotARun {
                    path: path.to_owned(),
                    missing,
                });
            }
        }
        Ok(Self {
            path: path.to_owned(),
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its checkpoints.
    pub fn checkpoints(&self) -> Checkpoints {
        Checkpoints::new(self.path.join("checkpoints"))
    }

    /// The resolved plan, as TOML.
    ///
    /// # Errors
    ///
    /// [`TrainError::Read`] if it cannot be read.
    pub fn plan(&self) -> Result<String, TrainError> {
        let path = self.path.join(PLAN);
        fs::read_to_string(&path).map_err(TrainError::read(path))
    }

    /// What `manifest.json` says.
    ///
    /// # Errors
    ///
    /// [`TrainError::Read`] if it cannot be read, [`TrainError::Damaged`] if it is not a JSON object.
    pub fn manifest(&self) -> Result<Map<String, Value>, TrainError> {
        let path = self.path.join(MANIFEST);
        let bytes = fs::read(&path).map_err(TrainError::read(&path))?;
        serde_json::from_slice(&bytes).map_err(|error| TrainError::Damaged {
            path,
            problem: error.to_string(),
        })
    }

    /// Replaces members of the manifest.
    pub(crate) fn record(&self, members: &[(&str, Value)]) -> Result<(), TrainError> {
        let mut manifest = self.manifest()?;
        for (name, value) in members {
            manifest.insert((*name).to_owned(), value.clone());
        }
        self.write_manifest(&manifest)
    }

    /// Replaces a file of the run.
    pub(crate) fn write(&self, name: &str, content: &[u8]) -> Result<(), TrainError> {
        let path = self.path.join(name);
        files::replace(&path, content).map_err(TrainError::write(path))
    }

    /// Opens `log.txt` to append to it, and keeps other processes from training in the directory
    /// for as long as the file is open.
    pub(crate) fn lock(&self) -> Result<File, TrainError> {
        let path = self.path.join("log.txt");
        let log = File::options().create(true).append(true).open(&path);
        let log = log.map_err(TrainError::write(&path))?;
        // Whoever only looks at the run holds the lock for an instant.
        let again = |_| {
            sleep(Duration::from_millis(100));
            log.try_lock()
        };
        match log.try_lock().or_else(again) {
            Err(TryLockError::WouldBlock) => Err(TrainError::Busy {
                path: self.path.clone(),
            }),
            // Some network file systems have no locks; the run is worth more than the guard.
            Ok(()) | Err(TryLockError::Error(_)) => Ok(log),
        }
    }

    fn write_manifest(&self, manifest: &Map<String, Value>) -> Result<(), TrainError> {
        let path = self.path.join(MANIFEST);
        let text = serde_json::to_string_pretty(manifest).map_err(io::Error::from);
        self.write(MANIFEST, text.map_err(TrainError::write(path))?.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Map<String, Value> {
        Map::from_iter([("device".to_owned(), "cpu".into())])
    }

    #[test]
    fn new_run_holds_its_texts_and_manifest() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("runs/digits");
        RunDir::create(&path, "plan = 1", "config = 1", manifest()).unwrap();
        let run = RunDir::open(&path).unwrap();
        assert_eq!(run.plan().unwrap(), "plan = 1");
        assert_eq!(fs::read_to_string(path.join(CONFIG)).unwrap(), "config = 1");
        let manifest = run.manifest().unwrap();
        assert_eq!(manifest["name"], "digits");
        assert_eq!(manifest["status"], "running");
        assert_eq!(manifest["device"], "cpu");
        assert!(manifest["started"].as_str().unwrap().ends_with('Z'));
    }

    #[test]
    fn existing_run_is_not_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("digits");
        RunDir::create(&path, "first", "", manifest()).unwrap();
        let error = RunDir::create(&path, "second", "", manifest()).unwrap_err();
        assert!(matches!(error, TrainError::RunExists { .. }));
        assert!(error.to_string().contains("elapid resume"));
        assert_eq!(RunDir::open(&path).unwrap().plan().unwrap(), "first");
    }

    #[test]
    fn unwritable_place_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        let error = RunDir::create(&file.join("run"), "", "", manifest()).unwrap_err();
        assert!(matches!(error, TrainError::Write { .. }));
        assert!(error.to_string().contains("file/run"));
    }

    #[test]
    fn other_directories_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let error = RunDir::open(dir.path()).unwrap_err();
        assert!(error.to_string().contains("`plan.toml`"));
    }

    #[test]
    fn only_one_process_trains() {
        let dir = tempfile::tempdir().unwrap();
        let run = RunDir::create(&dir.path().join("run"), "", "", manifest()).unwrap();
        let held = run.lock().unwrap();
        assert!(matches!(run.lock(), Err(TrainError::Busy { .. })));
        drop(held);
        run.lock().unwrap();
    }
}

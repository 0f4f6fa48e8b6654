//! What a run notes in its manifest about a step whose loss or gradient was not finite.

use serde::{Deserialize, Serialize};

use crate::recovery::Recovery;
use crate::{RunDir, TrainError};

/// The member of the manifest.
const MEMBER: &str = "not_finite";

/// The last such step of a run, and the course that led there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotFinite {
    /// The step, counted from 1.
    pub step: u64,
    /// `loss` or `gradient norm`.
    pub quantity: String,
    /// What had been left out and halved before.
    pub recovery: Recovery,
}

impl NotFinite {
    /// What a run has noted; `None` if all its steps were finite.
    ///
    /// # Errors
    ///
    /// Those of [`RunDir::manifest`]; [`TrainError::Damaged`] if the note is not what a trainer writes.
    pub fn of_run(run: &RunDir) -> Result<Option<Self>, TrainError> {
        let Some(note) = run.manifest()?.remove(MEMBER) else {
            return Ok(None);
        };
        let note = serde_json::from_value(note);
        note.map(Some).map_err(|error| TrainError::Damaged {
            path: run.path().join("manifest.json"),
            problem: format!("`{MEMBER}`: {error}"),
        })
    }

    /// Writes the note.
    pub(crate) fn record(&self, run: &RunDir) -> Result<(), TrainError> {
        run.record(&[(MEMBER, serde_json::json!(self))])
    }
}

//! How far each run of a sweep is.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use elapid::config::{self, Sweep, Trial};
use elapid::train::RunDir;
use elapid::train::report::{Overview, Status};

use crate::cli::failure::Failure;

/// A run that is to be made.
pub(super) struct Job<'a> {
    /// Its place among all runs, from 0.
    pub(super) number: usize,
    pub(super) trial: &'a Trial,
    pub(super) state: State,
    pub(super) path: PathBuf,
}

/// What there is of a run already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Absent,
    Finished,
    /// It has a complete checkpoint to go on from.
    Resumable,
    /// A directory that nothing can go on from.
    Unusable,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Absent => "to be run",
            Self::Finished => "finished",
            Self::Resumable => "to be resumed",
            Self::Unusable => "to be run again: there is no complete checkpoint",
        })
    }
}

/// Looks at the directory of a run. One that was made with other settings is refused: its results are not those that
/// the sweep asks for.
pub(super) fn state(trial: &Trial, path: &Path) -> Result<State, Failure> {
    let is_empty = fs::read_dir(path).map_or(true, |mut entries| entries.next().is_none());
    if is_empty && !path.is_file() {
        return Ok(State::Absent);
    }
    let overview = Overview::of(path);
    let text = fs::read_to_string(path.join("plan.toml")).ok();
    let plan = text.and_then(|text| config::parse(&text, Path::new("plan.toml")).ok());
    let (Some(plan), false) = (plan, overview.status == Status::Damaged) else {
        return Ok(State::Unusable);
    };
    let differences = config::differences(&[&plan, &trial.plan]);
    if !differences.is_empty() {
        let names: Vec<String> = differences.into_iter().map(|(name, _)| name).collect();
        return Err(Failure::wrong(format!(
            "`{}` was made with other settings ({}); give the sweep another `name`, choose another `--out`, or move the directory away",
            path.display(),
            names.join(", ")
        )));
    }
    match overview.status {
        Status::Finished => Ok(State::Finished),
        // The process that starts finds the directory locked and says so.
        Status::Running => Ok(State::Resumable),
        _ => {
            let checkpoints = RunDir::open(path)?.checkpoints();
            Ok(match checkpoints.latest() {
                Ok(_) => State::Resumable,
                Err(_) => State::Unusable,
            })
        }
    }
}

impl Job<'_> {
    /// The command that makes the run on `device`.
    pub(super) fn command(&self, sweep: &Sweep, device: &str) -> io::Result<Command> {
        let mut command = Command::new(std::env::current_exe()?);
        match self.state {
            State::Resumable => {
                command.arg("resume").arg(&self.path);
                // Where it was started is where it gives the same numbers.
                if device != "auto" {
                    command.args(["--device", device]);
                }
            }
            _ => {
                self.clear()?;
                command.arg("train").arg(&sweep.experiment);
                command.arg("--out").arg(&self.path);
                command.args(["--device", device]);
                for value in self.trial.overrides(&sweep.axes) {
                    command.args(["--set", &value]);
                }
            }
        }
        Ok(command)
    }

    /// Moves what nothing can go on from out of the way, in place of what was moved there before.
    fn clear(&self) -> io::Result<()> {
        if self.state != State::Unusable {
            return Ok(());
        }
        let mut aside = self.path.as_os_str().to_owned();
        aside.push(".aside");
        let aside = PathBuf::from(aside);
        if aside.is_dir() {
            fs::remove_dir_all(&aside)?;
        }
        fs::rename(&self.path, aside)
    }
}

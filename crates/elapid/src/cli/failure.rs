//! How a command fails.

use std::io::Write;
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;

use elapid::train::TrainError;
use elapid::train::checkpoint::CheckpointError;

/// A command that did not end well.
pub(crate) enum Failure {
    /// The user's input was wrong; nothing was started.
    Input(anyhow::Error),
    /// Something went wrong on the way.
    Run(anyhow::Error),
    /// A signal ended it, after a checkpoint was written.
    Interrupted {
        /// The signal's number.
        signal: i32,
        /// How to go on.
        message: String,
    },
    /// A defect of elapid; the message was printed when it happened.
    Defect,
}

impl Failure {
    pub(crate) fn input(error: impl Into<anyhow::Error>) -> Self {
        Self::Input(error.into())
    }

    pub(crate) fn run(error: impl Into<anyhow::Error>) -> Self {
        Self::Run(error.into())
    }

    /// A wrong input in words.
    pub(crate) fn wrong(message: impl Into<String>) -> Self {
        Self::Input(anyhow::Error::msg(message.into()))
    }

    /// Prints the message and gives the exit code.
    pub(crate) fn report(self) -> ExitCode {
        let (message, code) = match self {
            Self::Input(error) => (format!("error: {}", explain(&error)), 2),
            Self::Run(error) => (format!("error: {}", explain(&error)), 1),
            Self::Interrupted { signal, message } => {
                (message, u8::try_from(128 + signal).unwrap_or(1))
            }
            Self::Defect => return ExitCode::from(1),
        };
        // If standard error is gone there is nobody left to tell.
        let _ = writeln!(std::io::stderr(), "{message}");
        ExitCode::from(code)
    }
}

/// Shows what did not keep a command from being done.
pub(crate) fn warn(warnings: &[String]) {
    for warning in warnings {
        let _ = writeln!(std::io::stderr(), "warning: {warning}");
    }
}

/// An error followed by its causes, those left out whose words it has used already.
fn explain(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// What setting up a run can meet before anything is started.
impl From<TrainError> for Failure {
    fn from(error: TrainError) -> Self {
        match error {
            TrainError::RunExists { .. }
            | TrainError::NotARun { .. }
            | TrainError::Damaged { .. }
            | TrainError::Checkpoint(CheckpointError::NoneComplete { .. })
            | TrainError::Setting { .. }
            | TrainError::UnknownMetric { .. } => Self::input(error),
            _ => Self::run(error),
        }
    }
}

/// Replaces Rust's panic message by one that a user can act on.
pub(crate) fn report_panics() {
    panic::set_hook(Box::new(|info| {
        let place = info.location().map(|at| (at.file(), at.line()));
        let message = info.payload_as_str().unwrap_or("no message");
        let is_main = std::thread::current().name() == Some("main");
        let _ = writeln!(std::io::stderr(), "{}", panic_text(place, message, is_main));
    }));
}

/// What a panic at this file and line, of the command's own thread or another, is to a user.
fn panic_text(place: Option<(&str, u32)>, message: &str, is_main: bool) -> String {
    match place {
        // CubeCL's database of compiled kernels, opened by several processes at the same moment; the run goes on without.
        Some((file, _)) if !is_main && file.contains("turso_core") => {
            format!(
                "warning: compiled kernels could not be read or kept, and may be compiled anew: {message}"
            )
        }
        _ => {
            let place = place.map(|(file, line)| format!(" at {file}:{line}"));
            let place = place.unwrap_or_default();
            format!(
                "error: a defect in elapid{place}: {message}\n  please report this with the command and the configuration"
            )
        }
    }
}

/// Turns a panic of the command into a failure.
pub(crate) fn without_panics(command: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
    panic::catch_unwind(AssertUnwindSafe(command)).unwrap_or(Err(Failure::Defect))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_store_in_use_is_no_defect() {
        let store = Some(("/x/turso_core-0.8.3/storage/shared_wal_coordination.rs", 7));
        assert!(panic_text(store, "taken", false).starts_with("warning: compiled kernels"));
        assert!(panic_text(store, "taken", true).starts_with("error: a defect in elapid at /x"));
        let other = panic_text(Some(("src/a.rs", 3)), "index", false);
        assert!(other.starts_with("error: a defect in elapid at src/a.rs:3: index"));
        assert!(panic_text(None, "no message", true).starts_with("error: a defect in elapid: no"));
    }
}

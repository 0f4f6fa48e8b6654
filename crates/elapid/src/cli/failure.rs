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
        let place = info
            .location()
            .map(|at| format!(" at {}:{}", at.file(), at.line()));
        let message = info.payload_as_str().unwrap_or("no message");
        let _ = writeln!(
            std::io::stderr(),
            "error: a defect in elapid{}: {message}\n  please report this with the command and the configuration",
            place.unwrap_or_default()
        );
    }));
}

/// Turns a panic of the command into a failure.
pub(crate) fn without_panics(command: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
    panic::catch_unwind(AssertUnwindSafe(command)).unwrap_or(Err(Failure::Defect))
}

//! `elapid data`.

use std::path::PathBuf;

use elapid::data::DataError;
use elapid::data::audio::synth::{self, CommandsOptions};

use super::failure::Failure;
use super::print;

/// Make data sets.
#[derive(clap::Subcommand)]
pub(crate) enum DataCommand {
    /// Make a data set from nothing, to try things out without a download.
    #[command(subcommand)]
    Synth(SynthCommand),
}

#[derive(clap::Subcommand)]
pub(crate) enum SynthCommand {
    /// Twelve words, spoken by espeak-ng in many voices, in the layout of Speech Commands.
    #[command(after_help = "Example:\n  elapid data synth commands data/commands --takes 2")]
    Commands {
        /// A folder that is not there yet, or empty.
        out: PathBuf,
        /// Voices, 10 to 96; a tenth is for validation and a tenth for testing.
        #[arg(long, default_value_t = CommandsOptions::default().speakers)]
        speakers: usize,
        /// Times that each voice says each word.
        #[arg(long, default_value_t = CommandsOptions::default().takes)]
        takes: usize,
        /// Decides everything that is drawn.
        #[arg(long, default_value_t = CommandsOptions::default().seed)]
        seed: u64,
    },
}

pub(crate) fn data(command: DataCommand) -> Result<(), Failure> {
    let DataCommand::Synth(SynthCommand::Commands {
        out,
        speakers,
        takes,
        seed,
    }) = command;
    let options = CommandsOptions {
        speakers,
        takes,
        seed,
    };
    let summary = synth::commands(&out, &options).map_err(|error| match error {
        DataError::Setting { .. } | DataError::Layout { .. } => Failure::input(error),
        _ => Failure::run(error),
    })?;
    let ([train, valid, test], program) = (summary.sounds, summary.program);
    print(&format!(
        "{}: {train} sounds for training, {valid} for validation, {test} for testing, by {program}",
        out.display()
    ))
}

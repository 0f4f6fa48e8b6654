//! `elapid config`.

use std::path::PathBuf;

use super::failure::Failure;
use super::print;

/// Look at experiment configs.
#[derive(clap::Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print every value of an experiment and where it comes from.
    #[command(after_help = "Example:\n  elapid config show configs/vision/vim_digits.toml")]
    Show {
        /// The experiment.
        config: PathBuf,
        /// Change one value, for example optim.lr=3e-4; may be repeated.
        #[arg(long, value_name = "SECTION.KEY=VALUE")]
        set: Vec<String>,
    },
    /// Print all options with types, defaults and meanings, as Markdown.
    Reference,
}

pub(crate) fn config(command: ConfigCommand) -> Result<(), Failure> {
    match command {
        ConfigCommand::Show { config, set } => {
            let plan = elapid::config::load(&config, &set).map_err(Failure::input)?;
            print(&plan.explain())
        }
        ConfigCommand::Reference => print(&elapid::config::reference()),
    }
}

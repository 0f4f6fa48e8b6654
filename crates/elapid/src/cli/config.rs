//! `elapid config`.

use std::path::{Path, PathBuf};

use elapid::config::Plan;

use super::failure::Failure;
use super::{print, table};

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
    /// Print what differs between two experiments, defaults included.
    #[command(
        after_help = "Example:\n  elapid config diff configs/vision/vim_digits.toml runs/vim_digits/plan.toml"
    )]
    Diff {
        /// One experiment.
        a: PathBuf,
        /// Another one.
        b: PathBuf,
    },
    /// Print all options with types, defaults and meanings, as Markdown.
    Reference,
    /// Print a JSON Schema with which editors complete, explain and check experiments.
    #[command(after_help = "Example:\n  elapid config schema > experiment.schema.json")]
    Schema,
}

pub(crate) fn config(command: ConfigCommand) -> Result<(), Failure> {
    match command {
        ConfigCommand::Show { config, set } => {
            let plan = elapid::config::load(&config, &set).map_err(Failure::input)?;
            print(&plan.explain())
        }
        ConfigCommand::Diff { a, b } => diff(&a, &b),
        ConfigCommand::Reference => print(&elapid::config::reference()),
        ConfigCommand::Schema => {
            let schema = elapid::config::json_schema();
            print(&serde_json::to_string_pretty(&schema).map_err(Failure::run)?)
        }
    }
}

fn diff(a: &Path, b: &Path) -> Result<(), Failure> {
    let load = |path: &Path| elapid::config::load(path, &[]).map_err(Failure::input);
    let (first, second) = (load(a)?, load(b)?);
    let names = [a, b].map(|path| path.display().to_string());
    print(&differences(&names, &[&first, &second]))
}

/// A table of the values that are not the same in all plans, one column a plan.
pub(crate) fn differences(names: &[String], plans: &[&Plan]) -> String {
    let differences = elapid::config::differences(plans);
    if differences.is_empty() {
        return "no value differs".to_owned();
    }
    let head = std::iter::once("value".to_owned()).chain(names.iter().cloned());
    let mut rows = vec![head.collect::<Vec<_>>()];
    let shown = |value: Option<String>| value.unwrap_or_else(|| "not set".to_owned());
    rows.extend(differences.into_iter().map(|(name, values)| {
        let values = values.into_iter().map(shown);
        std::iter::once(name).chain(values).collect()
    }));
    table::align(rows)
}

//! Sweeps: one experiment with many settings.

mod axis;
mod combine;
mod fields;
mod name;

use std::path::{Path, PathBuf};

use crate::check::check_names;
use crate::document::{Entry, Raw, Table, parse_file};
use crate::error::{ConfigError, ErrorKind};
use crate::extends::{extend, merge, parse_chain, read_text};
use crate::load::resolve_over;
use crate::nearest::{did_you_mean, remedy_and_valid};
use crate::origin::Place;
use crate::plan::Plan;
use axis::Axis;
use fields::Fields;

/// The axis over which results are averaged.
pub const SEED: &str = "run.seed";

/// The plans that a sweep file stands for.
#[derive(Clone, Debug)]
pub struct Sweep {
    /// Its name, and that of its directory: letters, digits, `.`, `_` and `-`.
    pub name: String,
    /// The experiment that all runs share.
    pub experiment: PathBuf,
    /// How settings are chosen.
    pub kind: SweepKind,
    /// What varies, as `section.key`, `run.seed` last.
    pub axes: Vec<String>,
    /// The axes in short, in the same order: the key alone where that is unambiguous.
    pub labels: Vec<String>,
    /// The runs, those that differ by their seed alone next to one another.
    pub trials: Vec<Trial>,
}

/// How a sweep chooses settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SweepKind {
    /// Every combination of the listed values.
    Grid,
    /// So many draws, each with all seeds.
    Random,
}

/// One run of a sweep.
#[derive(Clone, Debug)]
pub struct Trial {
    /// A name that says what is set, fit for a directory: `lr=0.001,seed=0`.
    pub name: String,
    /// The value of each axis as TOML, in the order of [`Sweep::axes`].
    pub values: Vec<String>,
    /// The resolved experiment.
    pub plan: Plan,
}

impl Trial {
    /// The settings as `--set` takes them: `section.key=value`.
    pub fn overrides(&self, axes: &[String]) -> Vec<String> {
        let pairs = axes.iter().zip(&self.values);
        pairs
            .map(|(axis, value)| format!("{axis}={value}"))
            .collect()
    }
}

/// Reads the sweep at `path` and resolves the plan of every run.
///
/// # Errors
///
/// The first mistake found, in the sweep, in the experiment, or in what they are together.
pub fn load_sweep(path: &Path) -> Result<Sweep, ConfigError> {
    let text = read_text(path, Place::File(path.into()))?;
    parse_sweep(&text, path)
}

/// Reads a sweep from `text`, which stands in the file `path`.
///
/// # Errors
///
/// As for [`load_sweep`].
pub fn parse_sweep(text: &str, path: &Path) -> Result<Sweep, ConfigError> {
    let root = parse_file(text, path)?;
    let fields = Fields::new(&root, Place::File(path.into()), "a sweep");
    fields.only(&["name", "experiment", "kind", "trials", "seed", "axes"])?;
    let name = sweep_name(&fields, path)?;
    let base = experiment(&fields, path)?;
    let kind = kind(&fields)?;
    let axes = axis::read(&fields)?;
    base.check(&axes)?;
    let combinations = match kind {
        SweepKind::Grid => {
            fields.absent(&["trials", "seed"], "belongs to `kind = \"random\"`")?;
            combine::grid(&axes)?
        }
        SweepKind::Random => {
            let trials = fields.required("trials", "20")?;
            let seed = fields.optional("seed")?.unwrap_or(0);
            combine::random(&axes, trials, seed, fields.place("trials"))?
        }
    };
    let names: Vec<String> = axes.iter().map(|axis| axis.name.clone()).collect();
    let labels = name::labels(&names);
    let trials = name::of_trials(&labels, &combinations)
        .into_iter()
        .zip(&combinations)
        .map(|(name, values)| base.trial(name, &axes, values))
        .collect::<Result<_, _>>()?;
    Ok(Sweep {
        name,
        experiment: base.path,
        kind,
        axes: names,
        labels,
        trials,
    })
}

/// The experiment of a sweep, as text.
struct Base {
    path: PathBuf,
    text: String,
}

impl Base {
    /// Refuses axes that the experiment does not have.
    fn check(&self, axes: &[Axis]) -> Result<(), ConfigError> {
        let values = axes.iter().map(Axis::example).collect::<Vec<_>>();
        let root = parse_chain(&self.text, &self.path)?;
        check_names(&extend(root, table(axes, &values)))
    }

    fn trial(&self, name: String, axes: &[Axis], values: &[Raw]) -> Result<Trial, ConfigError> {
        let plan = resolve_over(&self.text, &self.path, table(axes, values));
        let plan = plan.map_err(|mut error| {
            // A wrong name is wrong in all runs, a wrong value perhaps in this one alone.
            if !matches!(
                error.kind,
                ErrorKind::UnknownKey | ErrorKind::UnknownSection
            ) {
                error.message = format!("{} (in the run `{name}`)", error.message);
            }
            error
        })?;
        Ok(Trial {
            name,
            values: values.iter().map(ToString::to_string).collect(),
            plan,
        })
    }
}

/// The settings as what stands over the experiment, each at the place of its axis.
fn table(axes: &[Axis], values: &[Raw]) -> Table {
    let mut root = Table::new();
    for (axis, value) in axes.iter().zip(values) {
        let entry = |name: &str, value: Raw| {
            let entry = Entry {
                key: axis.key.clone(),
                place: axis.place.clone(),
                value,
            };
            Table::from([(name.to_owned(), entry)])
        };
        let mut parts = axis.name.split('.').rev();
        let key = parts.next().unwrap_or_default();
        let nested = parts.fold(entry(key, value.clone()), |inner, section| {
            entry(section, Raw::Table(inner))
        });
        merge(&mut root, nested);
    }
    root
}

fn sweep_name(fields: &Fields<'_>, path: &Path) -> Result<String, ConfigError> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let name: String = fields.optional("name")?.unwrap_or(stem.into_owned());
    let legal = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if name.chars().all(legal) && name.chars().any(|c| c != '.') {
        return Ok(name);
    }
    let message = format!(
        "the name of a sweep must be made of letters, digits, `.`, `_` and `-`, got {}",
        Raw::String(name)
    );
    Err(
        ConfigError::new(ErrorKind::OutOfRange, fields.place("name"), message)
            .hint("it names the directory of the runs; write for example `name = \"rates\"`"),
    )
}

fn experiment(fields: &Fields<'_>, path: &Path) -> Result<Base, ConfigError> {
    let example = "\"../configs/vision/vim_digits.toml\"";
    let relative: String = fields.required("experiment", example)?;
    let path = path.parent().unwrap_or(Path::new("")).join(relative);
    let text = read_text(&path, fields.place("experiment")).map_err(|error| {
        error.hint("`experiment` takes a path from the folder of the sweep file")
    })?;
    Ok(Base { path, text })
}

fn kind(fields: &Fields<'_>) -> Result<SweepKind, ConfigError> {
    let kind: String = fields.required("kind", "\"grid\"")?;
    match kind.as_str() {
        "grid" => Ok(SweepKind::Grid),
        "random" => Ok(SweepKind::Random),
        other => {
            let names = ["grid", "random"];
            let message = format!("unknown value `{other}` for `kind` of a sweep");
            let hint = remedy_and_valid(did_you_mean(other, &names), "values", &names);
            let place = fields.place("kind");
            Err(ConfigError::new(ErrorKind::UnknownName, place, message).hint(hint))
        }
    }
}

//! From files and overrides to a [`Plan`].

use std::path::Path;

use crate::check::check_names;
use crate::document::{Raw, Table};
use crate::error::{ConfigError, ErrorKind};
use crate::extends::{extend, parse_chain, read_text};
use crate::options::{Options, Tagged};
use crate::origin::Place;
use crate::overrides::parse_overrides;
use crate::plan::Plan;
use crate::reader::{Reader, SectionReader};
use crate::sections::{
    DataSpec, Eval, Log, Lora, ModelSpec, OptimSpec, Run, ScheduleSpec, TaskSpec, Train,
};

/// Reads the experiment at `path`, with everything it extends, and lays the `overrides` over it.
///
/// Each override has the form `section.key=value`; the last one for a key wins.
///
/// # Errors
///
/// The first mistake found, in a file or in an override.
pub fn load(path: &Path, overrides: &[String]) -> Result<Plan, ConfigError> {
    let text = read_text(path, Place::File(path.into()))?;
    resolve_over(&text, path, parse_overrides(overrides)?)
}

/// Reads an experiment from `text`. `name` stands for the file in messages, gives the default run
/// name, and is what `extends` is relative to.
///
/// # Errors
///
/// The first mistake found.
pub fn parse(text: &str, name: &Path) -> Result<Plan, ConfigError> {
    resolve_over(text, name, Table::new())
}

/// Reads `[model]`, and `[task]` when there is one, from a file that needs nothing else.
///
/// A full experiment will do too; only the names in its other sections are checked.
///
/// # Errors
///
/// The first mistake found.
pub fn load_model(path: &Path) -> Result<(ModelSpec, Option<TaskSpec>), ConfigError> {
    let text = read_text(path, Place::File(path.into()))?;
    parse_model(&text, path)
}

/// As [`load_model`], from `text`. `name` stands for the file in messages and is what `extends` is relative to.
///
/// # Errors
///
/// The first mistake found.
pub fn parse_model(text: &str, name: &Path) -> Result<(ModelSpec, Option<TaskSpec>), ConfigError> {
    let mut reader = checked(text, name, Table::new())?;
    let model = ModelSpec::read(&mut reader.section("model"))?;
    let task = match reader.has_section("task") {
        true => Some(TaskSpec::read(&mut reader.section("task"))?),
        false => None,
    };
    Ok((model, task))
}

/// The plan of an experiment with `over` laid over it.
pub(crate) fn resolve_over(text: &str, path: &Path, over: Table) -> Result<Plan, ConfigError> {
    let mut reader = checked(text, path, over)?;
    let stem = path
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let run = Run::read(&mut reader.section("run").supply("name", Raw::String(stem)))?;
    let data = DataSpec::read(&mut reader)?;
    let model = ModelSpec::read(&mut reader.section("model"))?;
    let task = TaskSpec::read(&mut reader.section("task"))?;
    let optim = OptimSpec::read(&mut reader.section("optim"))?;
    let schedule = ScheduleSpec::read(&mut reader.section("schedule"))?;
    let train = Train::read(&mut reader.section("train"))?;
    let mut section = reader.section("lora");
    let lora = Lora::read(&mut section)?;
    no_freezing_beside(&lora, &train, &section)?;
    let batch_size = Raw::Integer(train.batch_size as i128);
    let best = Raw::String(task.best().to_string());
    let eval = reader.section("eval").supply("batch_size", batch_size);
    let eval = Eval::read(&mut eval.supply("best", best))?;
    let log = Log::read(&mut reader.section("log"))?;
    let origins = reader.into_origins();
    Ok(Plan {
        run,
        data,
        model,
        task,
        optim,
        schedule,
        train,
        lora,
        eval,
        log,
        origins,
    })
}

/// Adapters say themselves what is trained.
fn no_freezing_beside(
    lora: &Lora,
    train: &Train,
    section: &SectionReader<'_>,
) -> Result<(), ConfigError> {
    if lora.rank.is_none() || train.freeze.is_none() {
        return Ok(());
    }
    let message = "`rank` in [lora] and `freeze` in [train] both say what is trained";
    Err(section.error(ErrorKind::Conflict, &["rank"], message).hint(
        "leave `freeze` out: with adapters, all weights but those of the head stay as they are",
    ))
}

/// The merged document, all of whose names are known.
fn checked(text: &str, path: &Path, over: Table) -> Result<Reader, ConfigError> {
    let root = extend(parse_chain(text, path)?, over);
    check_names(&root)?;
    Ok(Reader::new(root, Place::File(path.into())))
}

//! What varies in a sweep, and over which values.

use crate::document::{Entry, Raw, Table, float_text};
use crate::error::{ConfigError, ErrorKind};
use crate::nearest::{did_you_mean, remedy_and_valid};
use crate::origin::Place;
use crate::schema::SECTIONS;
use crate::value::Form;

use super::SEED;
use super::fields::Fields;

/// One axis.
#[derive(Debug)]
pub(super) struct Axis {
    /// `section.key`
    pub(super) name: String,
    /// Place of the name.
    pub(super) key: Place,
    /// Place of the values.
    pub(super) place: Place,
    pub(super) values: Values,
}

/// Where the values of an axis come from.
#[derive(Debug)]
pub(super) enum Values {
    /// At least one, no two alike.
    List(Vec<Raw>),
    Range(Range),
}

/// An interval to draw from, both ends included.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    pub(super) min: f64,
    pub(super) max: f64,
    /// Evenly in the logarithm.
    pub(super) is_log: bool,
    /// Whole numbers only.
    pub(super) is_whole: bool,
}

impl Axis {
    /// A value that the axis can have.
    pub(super) fn example(&self) -> Raw {
        match &self.values {
            Values::List(values) => values.first().cloned().unwrap_or(Raw::Integer(0)),
            Values::Range(range) => Raw::Float(range.min),
        }
    }

    pub(super) fn error(&self, kind: ErrorKind, message: String) -> ConfigError {
        ConfigError::new(kind, self.place.clone(), message)
    }
}

/// The axes in the order of the file, but for `run.seed`, which comes last.
pub(super) fn read(fields: &Fields<'_>) -> Result<Vec<Axis>, ConfigError> {
    const EXAMPLE: &str = "write for example `\"optim.lr\" = [1e-3, 3e-4]` below `[axes]`";
    let place = fields.place("axes");
    let none =
        |message: &str| ConfigError::new(ErrorKind::Missing, place.clone(), message).hint(EXAMPLE);
    let entry = fields.entry("axes");
    let entry = entry.ok_or_else(|| none("a sweep needs `[axes]`: what varies"))?;
    let Raw::Table(table) = &entry.value else {
        return Err(none("`axes` is a section: what varies"));
    };
    let mut axes = Vec::new();
    collect("", table, &mut axes)?;
    if axes.is_empty() {
        return Err(none("`[axes]` is empty, so nothing varies"));
    }
    axes.sort_by_key(|axis| (axis.name == SEED, position(&axis.key)));
    let twice = axes
        .iter()
        .enumerate()
        .find(|(at, axis)| axes[..*at].iter().any(|other| other.name == axis.name));
    match twice {
        Some((_, axis)) => {
            let message = format!("the axis `{}` is written twice", axis.name);
            let error = ConfigError::new(ErrorKind::DuplicateKey, axis.key.clone(), message);
            Err(error.hint("keep one of the two"))
        }
        None => Ok(axes),
    }
}

/// TOML has two ways to write an axis: `"optim.lr" = …`, and `optim.lr = …`, which is a table in a table.
fn collect(prefix: &str, table: &Table, axes: &mut Vec<Axis>) -> Result<(), ConfigError> {
    for (name, entry) in table {
        let name = match prefix {
            "" => name.clone(),
            _ => format!("{prefix}.{name}"),
        };
        match &entry.value {
            Raw::Table(inner) if is_section(&name) => collect(&name, inner, axes)?,
            _ => axes.push(axis(name, entry)?),
        }
    }
    Ok(())
}

fn is_section(name: &str) -> bool {
    !name.contains('.') || SECTIONS.iter().any(|section| section.name == name)
}

fn axis(name: String, entry: &Entry) -> Result<Axis, ConfigError> {
    if !name.contains('.') || name.split('.').any(|part| part.trim().is_empty()) {
        let message =
            format!("an axis names a section and a key, with a point between, got `{name}`");
        let error = ConfigError::new(ErrorKind::UnknownKey, entry.key.clone(), message);
        return Err(error.hint("write for example `\"optim.lr\" = [1e-3, 3e-4]`"));
    }
    let values = match &entry.value {
        Raw::Array(values) => Values::List(list(&name, entry, values)?),
        Raw::Table(table) => Values::Range(range(&name, entry, table)?),
        other => {
            let message = format!(
                "expected values for the axis `{name}`, got {}",
                other.describe()
            );
            return Err(
                ConfigError::new(ErrorKind::WrongType, entry.place.clone(), message).hint(format!(
                    "an axis is a list or a range; write for example `\"{name}\" = [{other}]`"
                )),
            );
        }
    };
    Ok(Axis {
        name,
        key: entry.key.clone(),
        place: entry.place.clone(),
        values,
    })
}

fn list(name: &str, entry: &Entry, values: &[Raw]) -> Result<Vec<Raw>, ConfigError> {
    let error = |message| ConfigError::new(ErrorKind::OutOfRange, entry.place.clone(), message);
    if values.is_empty() {
        return Err(error(format!("the axis `{name}` has no values"))
            .hint("give at least one, or remove the axis"));
    }
    let texts: Vec<String> = values.iter().map(ToString::to_string).collect();
    let twice = (1..texts.len()).find(|&at| texts[..at].contains(&texts[at]));
    match twice {
        Some(at) => Err(
            error(format!("the axis `{name}` lists {} twice", texts[at]))
                .hint("list each value once"),
        ),
        None => Ok(values.to_vec()),
    }
}

fn range(name: &str, entry: &Entry, table: &Table) -> Result<Range, ConfigError> {
    let fields = Fields::new(table, entry.place.clone(), "a range");
    fields.only(&["min", "max", "scale"])?;
    let error = |kind, key: &str, message| ConfigError::new(kind, fields.place(key), message);
    let (min, max): (f64, f64) = (
        fields.required("min", "1e-4")?,
        fields.required("max", "1e-2")?,
    );
    if name == SEED {
        let message =
            format!("`{SEED}` cannot be a range: every draw is made with each listed seed");
        return Err(
            ConfigError::new(ErrorKind::WrongType, entry.place.clone(), message)
                .hint(format!("write for example `\"{SEED}\" = [0, 1, 2]`")),
        );
    }
    let is_log = match fields.optional::<String>("scale")?.as_deref() {
        None | Some("linear") => false,
        Some("log") => true,
        Some(other) => {
            let names = ["linear", "log"];
            let message = format!("unknown value `{other}` for `scale` of a range");
            let hint = remedy_and_valid(did_you_mean(other, &names), "values", &names);
            return Err(error(ErrorKind::UnknownName, "scale", message).hint(hint));
        }
    };
    let (low, high) = (float_text(min), float_text(max));
    if !(min.is_finite() && max.is_finite() && min < max) {
        let message = format!(
            "the range of `{name}` must go from a smaller to a larger number, got {low} to {high}"
        );
        return Err(error(ErrorKind::OutOfRange, "max", message));
    }
    if is_log && min <= 0.0 {
        let message =
            format!("a logarithmic range must lie above 0, but that of `{name}` starts at {low}");
        return Err(error(ErrorKind::OutOfRange, "min", message));
    }
    let is_whole = match form(name) {
        Some(Form::Integer | Form::IntegerOrAuto) => true,
        // Names that do not exist are refused later, with suggestions.
        Some(Form::Number) | None => false,
        Some(_) => {
            let message = format!("`{name}` is not a number, so it cannot have a range");
            return Err(
                ConfigError::new(ErrorKind::WrongType, entry.place.clone(), message)
                    .hint("list its values"),
            );
        }
    };
    if is_whole && (min.fract() != 0.0 || max.fract() != 0.0) {
        let message = format!(
            "`{name}` is a whole number, so its range must go from one to another, got {low} to {high}"
        );
        return Err(error(ErrorKind::OutOfRange, "min", message));
    }
    Ok(Range {
        min,
        max,
        is_log,
        is_whole,
    })
}

/// The form of the values of `section.key`, where there is such a key.
fn form(name: &str) -> Option<Form> {
    let (section, key) = name.rsplit_once('.')?;
    let mut sections = SECTIONS.iter().filter(|known| known.name == section);
    sections.find_map(|section| {
        let keys = section.keys(None);
        let known = keys.into_iter().find(|known| known.name == key)?;
        Some(known.kind.form)
    })
}

fn position(place: &Place) -> (usize, usize) {
    match place {
        Place::Position { line, column, .. } => (*line, *column),
        _ => (0, 0),
    }
}

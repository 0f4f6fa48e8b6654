//! `--set section.key=value`.

use crate::document::{Entry, Raw, Table, parse_value};
use crate::error::{ConfigError, ErrorKind};
use crate::extends::merge;
use crate::origin::Place;

/// The overrides as one table, later ones over earlier ones.
pub(crate) fn parse_overrides(overrides: &[String]) -> Result<Table, ConfigError> {
    let mut table = Table::new();
    for text in overrides {
        merge(&mut table, parse_override(text)?);
    }
    Ok(table)
}

fn parse_override(text: &str) -> Result<Table, ConfigError> {
    let place = Place::Override(text.into());
    let bad = |message: &str| {
        ConfigError::new(ErrorKind::BadOverride, place.clone(), message)
            .hint("write for example `--set optim.lr=3e-4`")
    };
    let (path, value) = text
        .split_once('=')
        .ok_or_else(|| bad("an override needs `=`"))?;
    let parts: Vec<_> = path.split('.').map(str::trim).collect();
    let (last, sections) = match parts.as_slice() {
        [sections @ .., last] if !sections.is_empty() && !parts.contains(&"") => (*last, sections),
        _ => {
            return Err(bad(
                "an override names a section and a key, with a point between",
            ));
        }
    };
    // A value that is not TOML is a bare word, or several: `run.name=first`, `eval.every=2 epochs`.
    let value = value.trim();
    let value = parse_value(value, &place).unwrap_or_else(|| Raw::String(value.to_owned()));
    let table_of = |key: &str, value: Raw| {
        let entry = Entry {
            key: place.clone(),
            place: place.clone(),
            value,
        };
        Table::from([(key.to_owned(), entry)])
    };
    let table = table_of(last, value);
    Ok(sections
        .iter()
        .rev()
        .fold(table, |table, name| table_of(name, Raw::Table(table))))
}

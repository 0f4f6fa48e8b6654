//! Follows `extends` from a file to its parents and lays the children over them.

use std::path::{Path, PathBuf};

use crate::check::variant;
use crate::document::{Entry, Raw, Table, parse_file};
use crate::error::{ConfigError, ErrorKind};
use crate::origin::Place;
use crate::schema::{SECTIONS, Section};

/// Parses `text`, the content of `path`, and everything it extends, into one table.
pub(crate) fn parse_chain(text: &str, path: &Path) -> Result<Table, ConfigError> {
    resolve(text, path, &mut Vec::new())
}

/// The file that the experiment at `path` extends, if it extends one.
///
/// # Errors
///
/// If the experiment cannot be read, or its `extends` is not a path.
pub fn parent(path: &Path) -> Result<Option<PathBuf>, ConfigError> {
    let text = read_text(path, Place::File(path.into()))?;
    match parse_file(&text, path)?.remove("extends") {
        None => Ok(None),
        Some(entry) => Ok(Some(parent_path(path, &entry)?)),
    }
}

/// Reads a config file; `place` is where it was asked for.
pub(crate) fn read_text(path: &Path, place: Place) -> Result<String, ConfigError> {
    std::fs::read_to_string(path).map_err(|error| {
        let message = format!("cannot read the config `{}`: {error}", path.display());
        ConfigError::new(ErrorKind::Unreadable, place, message)
    })
}

/// Lays `child` over `base`: tables merge, every other value replaces its elder.
///
/// A child that changes the tag of a section drops the base's other keys of that section, which
/// belong to the old variant, and one that sets a key that stands for another drops the other.
pub(crate) fn extend(mut base: Table, child: Table) -> Table {
    for section in SECTIONS {
        if let (Some(old), Some(new)) = (section_of(&mut base, section), child.get(section.name))
            && let Raw::Table(new) = &new.value
        {
            drop_replaced(section, old, new);
        }
    }
    merge(&mut base, child);
    base
}

/// Lays `child` over `base` key by key.
pub(crate) fn merge(base: &mut Table, child: Table) {
    for (name, entry) in child {
        match (base.get_mut(&name).map(|old| &mut old.value), entry.value) {
            (Some(Raw::Table(old)), Raw::Table(new)) => merge(old, new),
            (_, value) => {
                base.insert(name, Entry { value, ..entry });
            }
        }
    }
}

/// `visited` holds the files from the first child to the one before `path`.
fn resolve(text: &str, path: &Path, visited: &mut Vec<PathBuf>) -> Result<Table, ConfigError> {
    let mut table = parse_file(text, path)?;
    let Some(entry) = table.remove("extends") else {
        return Ok(table);
    };
    let parent = parent_path(path, &entry)?;
    visited.push(path.to_owned());
    if visited.iter().any(|seen| same_file(seen, &parent)) {
        return Err(cycle(visited, &parent, entry.place));
    }
    let text = read_text(&parent, entry.place).map_err(|error| {
        error.hint("`extends` takes a path from the folder of the file that it stands in")
    })?;
    Ok(extend(resolve(&text, &parent, visited)?, table))
}

/// The path in `extends`, which is relative to the folder of the file that it stands in.
fn parent_path(path: &Path, entry: &Entry) -> Result<PathBuf, ConfigError> {
    let Raw::String(parent) = &entry.value else {
        let message = format!(
            "expected a path for `extends`, got {}",
            entry.value.describe()
        );
        let error = ConfigError::new(ErrorKind::WrongType, entry.place.clone(), message);
        return Err(error.hint("write for example `extends = \"base.toml\"`"));
    };
    Ok(path.parent().unwrap_or(Path::new("")).join(parent))
}

fn same_file(a: &Path, b: &Path) -> bool {
    let canonical = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    canonical(a) == canonical(b)
}

fn cycle(visited: &[PathBuf], parent: &Path, place: Place) -> ConfigError {
    let chain = visited.iter().map(PathBuf::as_path).chain([parent]);
    let chain: Vec<_> = chain.map(|path| path.display().to_string()).collect();
    let message = format!("`extends` runs in a circle: {}", chain.join(" → "));
    ConfigError::new(ErrorKind::ExtendsCycle, place, message)
        .hint("the last parent of a chain extends nothing")
}

fn section_of<'a>(root: &'a mut Table, section: &Section) -> Option<&'a mut Table> {
    match &mut root.get_mut(section.name)?.value {
        Raw::Table(table) => Some(table),
        _ => None,
    }
}

fn drop_replaced(section: &Section, old: &mut Table, new: &Table) {
    if let Some(tag) = section.tag
        && new.contains_key(tag.name)
        && variant(section, old).is_some_and(|name| variant(section, new) != Some(name))
    {
        old.clear();
    }
    if section.either.iter().any(|key| new.contains_key(*key)) {
        old.retain(|key, _| !section.either.contains(&key.as_str()));
    }
}

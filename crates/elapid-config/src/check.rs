//! Refuses sections and keys that do not exist, and says what was probably meant.

use crate::document::{Entry, Raw, Table};
use crate::error::{ConfigError, ErrorKind};
use crate::nearest::{code_list, did_you_mean, remedy_and_valid};
use crate::schema::{Default, SECTIONS, Section};

/// Checks every name in the document; values are not looked at, except that sections are tables
/// and that a tag decides which keys its section has.
pub(crate) fn check_names(root: &Table) -> Result<(), ConfigError> {
    for (name, entry) in root {
        match SECTIONS.iter().find(|section| section.name == name) {
            Some(section) => check_section(section, entry)?,
            None => return Err(unknown_at_top(name, entry)),
        }
    }
    Ok(())
}

fn check_section(section: &Section, entry: &Entry) -> Result<(), ConfigError> {
    let Raw::Table(table) = &entry.value else {
        return Err(not_a_table(section, entry));
    };
    let variant = variant(section, table);
    let mut valid = names(section, variant);
    // A misspelt tag makes keys of its variant look wrong, so names that no variant has come first.
    let is_known = |name: &str| {
        names(section, None).contains(&name) || section.tables(None).any(|(table, _)| table == name)
    };
    let (known, strange): (Vec<_>, Vec<_>) = table.iter().partition(|(name, _)| is_known(name));
    for (name, entry) in strange.into_iter().chain(known) {
        let inner = section.tables(variant).filter(|(table, _)| table == name);
        // Where the tag says nothing that is known, a table may belong to any of its variants.
        let mut checked = inner.map(|(_, inner)| check_section(inner, entry));
        if let Some(first) = checked.next() {
            if first.is_err() && !checked.any(|other| other.is_ok()) {
                return first;
            }
        } else if !valid.contains(&name.as_str()) {
            valid.extend(section.tables(variant).map(|(table, _)| table));
            return Err(unknown_key(section, variant, name, entry, &valid));
        }
    }
    Ok(())
}

/// What the tag of the section says, or will say by default.
pub(crate) fn variant<'a>(section: &Section, table: &'a Table) -> Option<&'a str> {
    let tag = section.tag?;
    match (table.get(tag.name).map(|entry| &entry.value), tag.default) {
        (Some(Raw::String(name)), _) => Some(name),
        (None, Default::Toml(name)) => Some(name.trim_matches('"')),
        _ => None,
    }
}

/// The keys of a section, tag first, each once.
fn names(section: &Section, variant: Option<&str>) -> Vec<&'static str> {
    let tag = section.tag.iter().map(|tag| tag.name);
    let mut names: Vec<_> = tag.collect();
    for key in section.keys(variant) {
        if !names.contains(&key.name) {
            names.push(key.name);
        }
    }
    names
}

fn unknown_key(
    section: &Section,
    variant: Option<&str>,
    name: &str,
    entry: &Entry,
    valid: &[&str],
) -> ConfigError {
    let error = |message| ConfigError::new(ErrorKind::UnknownKey, entry.key.clone(), message);
    if let (Some(tag), Some(variant)) = (section.tag, variant) {
        let owners: Vec<_> = section.variants.iter().map(|owner| owner.name).collect();
        let has = |owner: &&str| has(section, owner, name);
        let owners: Vec<_> = owners.into_iter().filter(has).collect();
        if !owners.is_empty() {
            let message = format!(
                "`{name}` is not a key of {} {} `{variant}`",
                section.name, tag.name
            );
            return error(message).hint(format!("it is one of {}", code_list(&owners)));
        }
    }
    // A name that belongs elsewhere may also be a slip: `path` for `patch`.
    let remedy = match (belongs_to(name), did_you_mean(name, valid)) {
        (Some(place), Some(question)) if is_slip(name, valid) => {
            Some(format!("{question} {place}"))
        }
        (place, question) => place.or(question),
    };
    error(format!("unknown key `{name}` in [{}]", section.name))
        .hint(remedy_and_valid(remedy, "keys", valid))
}

/// Whether a valid name is this one with a letter more.
fn is_slip(name: &str, valid: &[&str]) -> bool {
    let without = |known: &str, at: usize| {
        let letters = known.chars().enumerate();
        letters
            .filter(|(n, _)| *n != at)
            .map(|(_, c)| c)
            .eq(name.chars())
    };
    let mut valid = valid.iter();
    valid.any(|known| (0..known.chars().count()).any(|at| without(known, at)))
}

/// Whether a variant of the section has that key or table.
fn has(section: &Section, variant: &str, name: &str) -> bool {
    let mut tables = section.tables(Some(variant)).map(|(table, _)| table);
    names(section, Some(variant)).contains(&name) || tables.any(|table| table == name)
}

fn unknown_at_top(name: &str, entry: &Entry) -> ConfigError {
    let mut sections: Vec<_> = SECTIONS.iter().map(|section| section.name).collect();
    sections.dedup();
    let (kind, message) = match entry.value {
        Raw::Table(_) => (
            ErrorKind::UnknownSection,
            format!("unknown section [{name}]"),
        ),
        _ => (
            ErrorKind::UnknownKey,
            format!("unknown key `{name}` outside all sections"),
        ),
    };
    let candidates: Vec<_> = sections.iter().copied().chain(["extends"]).collect();
    let remedy = belongs_to(name).or_else(|| did_you_mean(name, &candidates));
    ConfigError::new(kind, entry.key.clone(), message)
        .hint(remedy_and_valid(remedy, "sections", &sections))
}

/// Names the sections that do have the key.
fn belongs_to(name: &str) -> Option<String> {
    let has = |section: &&Section| names(section, None).contains(&name);
    let mut owners = SECTIONS
        .iter()
        .filter(has)
        .map(|section| format!("[{}]", section.name))
        .collect::<Vec<_>>();
    owners.dedup();
    (!owners.is_empty()).then(|| format!("`{name}` belongs to {}.", owners.join(" or ")))
}

fn not_a_table(section: &Section, entry: &Entry) -> ConfigError {
    let message = format!(
        "expected the section [{}], got {}",
        section.name,
        entry.value.describe()
    );
    ConfigError::new(ErrorKind::WrongType, entry.place.clone(), message).hint(format!(
        "open it with a line `[{}]` and put its keys below",
        section.name
    ))
}

//! The reference page of all options.

use std::fmt::Write;

use crate::nearest::code_list;
use crate::schema::{Default, Key, SECTIONS, Section};
use crate::value::Form;

const HEAD: &str = "# Options of an experiment\n\n\
    Printed by `elapid config reference > docs/reference/config.md`.\n\n";

/// All options as Markdown: one table a section, and one more for each value of its tag.
pub fn reference() -> String {
    let sections: Vec<_> = SECTIONS.iter().map(section).collect();
    format!("{HEAD}{}", sections.join("\n"))
}

fn section(section: &Section) -> String {
    let of = match section.group {
        Some(group) => format!(", {}", group.name()),
        None => String::new(),
    };
    let mut out = format!("## `[{}]`{of}\n\n{}\n", section.name, section.doc.trim());
    let keys: Vec<_> = section.tag.iter().chain(section.common).collect();
    out.push_str(&table(&keys));
    for (group, keys) in section.shared {
        // Writing to a string cannot fail.
        let _ = write!(out, "\n### Data sets of {}\n", group.name());
        out.push_str(&table(&keys.iter().collect::<Vec<_>>()));
    }
    for variant in section.variants {
        if let Some(tag) = section.tag {
            let (name, doc) = (variant.name, variant.doc.trim());
            let of = match variant.group {
                Some(group) => format!(" Of {}.", group.name()),
                None => String::new(),
            };
            let _ = write!(out, "\n### `{} = \"{name}\"`\n\n{doc}{of}\n", tag.name);
        }
        out.push_str(&table(&variant.keys.iter().collect::<Vec<_>>()));
    }
    out
}

fn table(keys: &[&Key]) -> String {
    if keys.is_empty() {
        return String::new();
    }
    let mut out = String::from("\n| key | type | default | meaning |\n|---|---|---|---|\n");
    for key in keys {
        let (kind, default, doc) = (kind(key), default(key), key.doc.trim());
        let _ = writeln!(out, "| `{}` | {kind} | {default} | {doc} |", key.name);
    }
    out
}

fn kind(key: &Key) -> String {
    if !key.kind.names.is_empty() {
        let names = code_list(key.kind.names);
        return match key.kind.form {
            Form::Names => format!("array of {names}"),
            _ => names,
        };
    }
    match key.range.is_any() {
        true => key.kind.noun.to_owned(),
        false => format!("{}, {}", key.kind.noun, key.range),
    }
}

fn default(key: &Key) -> String {
    match key.default {
        Default::Required => "required".to_owned(),
        Default::Unset => "not set".to_owned(),
        Default::Toml(text) => format!("`{text}`"),
        Default::Derived(words) => words.to_owned(),
    }
}

//! How the run was made and how to go on with it: commands, settings, environment, manifest.

use std::path::Path;

use serde_json::Value;

use super::html::Escaped;
use super::read::Run;
use super::{environment, settings};

/// The sections at the end of the page.
pub(super) fn render(run: &Run) -> String {
    commands(&run.dir)
        + &settings::render(run)
        + &environment::render(&run.manifest)
        + &manifest(run)
}

/// A value of the manifest as text: strings without quotes, lists and the rest as JSON.
pub(super) fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn commands(dir: &Path) -> String {
    let dir = shell_word(&dir.to_string_lossy());
    let rows: String = [
        ("Resume", format!("elapid resume {dir}")),
        ("Evaluate", format!("elapid eval {dir}")),
        ("Predict", format!("elapid predict {dir} INPUT…")),
    ]
    .into_iter()
    .map(|(purpose, line)| format!("<dt>{purpose}</dt><dd><code>{}</code></dd>", Escaped(line)))
    .collect();
    format!("<section>\n<h2>Commands</h2>\n<dl class=\"record\">{rows}</dl>\n</section>\n")
}

fn manifest(run: &Run) -> String {
    let mut entries = Vec::new();
    let is_shown = |key: &str| key == settings::MEMBER || environment::MEMBERS.contains(&key);
    for (key, value) in run.manifest.iter().filter(|(key, _)| !is_shown(key)) {
        flatten(key.clone(), value, &mut entries);
    }
    if entries.is_empty() {
        return String::new();
    }
    let rows: String = entries
        .iter()
        .map(|(key, text)| format!("<dt>{}</dt><dd>{}</dd>", Escaped(key), Escaped(text)))
        .collect();
    format!("<section>\n<h2>Manifest</h2>\n<dl class=\"record\">{rows}</dl>\n</section>\n")
}

/// Adds a value under its name, the members of an object under `name.member`.
fn flatten(name: String, value: &Value, entries: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (key, member) in members {
                flatten(format!("{name}.{key}"), member, entries);
            }
        }
        other => entries.push((name, text_of(other))),
    }
}

/// A word for a POSIX shell, quoted only where it must be.
fn shell_word(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:,@%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_values_keep_their_path() {
        let value =
            serde_json::json!({"train": {"count": 7, "hash": "ab"}, "list": [1, 2], "none": {}});
        let mut entries = Vec::new();
        flatten("data".to_owned(), &value, &mut entries);
        entries.sort();
        let expected = [
            ("data.list", "[1,2]"),
            ("data.none", "{}"),
            ("data.train.count", "7"),
            ("data.train.hash", "ab"),
        ];
        let found: Vec<_> = entries
            .iter()
            .map(|(a, b)| (a.as_str(), b.as_str()))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn words_are_quoted_where_the_shell_needs_it() {
        assert_eq!(shell_word("runs/vim-tiny_1.0"), "runs/vim-tiny_1.0");
        assert_eq!(shell_word("my run"), "'my run'");
        assert_eq!(shell_word("it's"), r"'it'\''s'");
        assert_eq!(shell_word(""), "''");
    }
}

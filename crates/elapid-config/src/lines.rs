//! A plan as lines of TOML.

use std::collections::BTreeMap;

use crate::origin::Origins;
use crate::value::Value;

/// Lines under construction. Sections come in order, each with its keys.
#[derive(Default)]
pub(crate) struct Lines {
    section: &'static str,
    lines: Vec<Line>,
}

enum Line {
    Section(&'static str),
    Key {
        section: &'static str,
        key: &'static str,
        toml: Option<String>,
    },
}

impl Lines {
    /// Opens a section; the values that follow are its keys.
    pub(crate) fn section(&mut self, name: &'static str) -> &mut Self {
        self.section = name;
        self.lines.push(Line::Section(name));
        self
    }

    pub(crate) fn value(&mut self, key: &'static str, value: &impl Value) {
        self.lines.push(Line::Key {
            section: self.section,
            key,
            toml: value.to_toml(),
        });
    }

    /// Every value that is set, as TOML, by `section.key`.
    pub(crate) fn values(&self) -> BTreeMap<String, String> {
        let values = self.lines.iter().filter_map(|line| match line {
            Line::Key { section, key, toml } => Some((format!("{section}.{key}"), toml.clone()?)),
            Line::Section(_) => None,
        });
        values.collect()
    }

    /// TOML alone. A key that is not set has no line, because TOML cannot say so.
    pub(crate) fn to_toml(&self) -> String {
        self.render(|_, _| None)
    }

    /// TOML with the origin of each value in a comment, all comments in one column; keys that are
    /// not set are comments.
    pub(crate) fn explain(&self, origins: &Origins) -> String {
        let width = self
            .lines
            .iter()
            .map(|line| line.text().map_or(0, |text| text.chars().count()));
        let width = width.max().unwrap_or(0).min(48);
        self.render(|line, text| match (line, text) {
            (Line::Key { section, key, .. }, Some(text)) => {
                let origin = origins.get(section, key)?;
                Some(format!("{text:width$}  # {origin}"))
            }
            (Line::Key { key, .. }, None) => Some(format!("# {key} is not set")),
            (Line::Section(_), _) => None,
        })
    }

    fn render(&self, annotate: impl Fn(&Line, Option<&str>) -> Option<String>) -> String {
        let mut out = String::new();
        for line in &self.lines {
            let text = line.text();
            let Some(text) = annotate(line, text.as_deref()).or(text) else {
                continue;
            };
            if matches!(line, Line::Section(_)) && !out.is_empty() {
                out.push('\n');
            }
            out.push_str(&text);
            out.push('\n');
        }
        out
    }
}

impl Line {
    fn text(&self) -> Option<String> {
        match self {
            Self::Section(name) => Some(format!("[{name}]")),
            Self::Key { key, toml, .. } => toml.as_ref().map(|toml| format!("{key} = {toml}")),
        }
    }
}

//! What runs of a sweep are called.

use std::collections::BTreeSet;

use crate::document::Raw;

/// A longer name would be cut off by tables, and refused by some file systems.
const LONGEST: usize = 120;

/// The last part of each axis, or all of it where two share the last part.
pub(super) fn labels(axes: &[String]) -> Vec<String> {
    let short = |axis: &str| axis.rsplit('.').next().unwrap_or(axis).to_owned();
    let is_shared = |label: &str| axes.iter().filter(|axis| short(axis) == label).count() > 1;
    let label = |axis: &String| match short(axis) {
        label if is_shared(&label) => axis.clone(),
        label => label,
    };
    axes.iter().map(label).collect()
}

/// A name for each run, no two alike.
pub(super) fn of_trials(labels: &[String], trials: &[Vec<Raw>]) -> Vec<String> {
    let mut taken = BTreeSet::new();
    let digits = trials.len().to_string().len();
    let name = |(number, values): (usize, &Vec<Raw>)| {
        let settings = labels.iter().zip(values);
        let settings = settings.map(|(label, value)| format!("{label}={}", word(value)));
        let mut name = settings.collect::<Vec<_>>().join(",");
        // Different values can have the same letters and digits.
        if name.len() > LONGEST || !taken.insert(name.clone()) {
            name = format!("run-{:0digits$}", number + 1);
        }
        name
    };
    trials.iter().enumerate().map(name).collect()
}

/// A value in letters that no shell and no file system takes for something else.
fn word(value: &Raw) -> String {
    let text = match value {
        Raw::String(text) => text.clone(),
        other => other.to_string(),
    };
    let legal = |c: char| c.is_ascii_alphanumeric() || "._-+".contains(c);
    let parts: Vec<&str> = text
        .split(|c| !legal(c))
        .filter(|part| !part.is_empty())
        .collect();
    parts.join("-")
}

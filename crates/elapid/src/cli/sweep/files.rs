//! `sweep.json` and `sweep.csv`.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::Reasons;
use super::results::{Results, RunResult};
use crate::cli::failure::Failure;

const JSON: &str = "sweep.json";
const CSV: &str = "sweep.csv";

/// Writes both files into the directory of the sweep.
pub(super) fn write(file: &Path, results: &Results<'_>, folder: &Path) -> Result<(), Failure> {
    let json = serde_json::to_string_pretty(&json(file, results)).map_err(Failure::run)?;
    replace(&folder.join(JSON), &json)?;
    replace(&folder.join(CSV), &csv(results))
}

/// Why runs failed, as an earlier process of the sweep wrote it down. What cannot be read is not known.
pub(super) fn reasons(folder: &Path) -> Reasons {
    let text = fs::read_to_string(folder.join(JSON)).unwrap_or_default();
    let json: Value = serde_json::from_str(&text).unwrap_or_default();
    let runs = json["runs"].as_array().into_iter().flatten();
    let reason = |run: &Value| {
        let text = |key: &str| Some(run[key].as_str()?.to_owned());
        Some((text("name")?, text("error")?))
    };
    runs.filter_map(reason).collect()
}

fn replace(path: &Path, text: &str) -> Result<(), Failure> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let written = fs::write(&partial, text).and_then(|()| fs::rename(&partial, path));
    written.map_err(|error| {
        Failure::run(anyhow::anyhow!(
            "cannot write `{}`: {error}",
            path.display()
        ))
    })
}

fn json(file: &Path, results: &Results<'_>) -> Value {
    let sweep = results.sweep;
    let settings = results.groups().into_iter().map(|group| {
        let runs: Vec<&str> = group
            .runs
            .iter()
            .map(|run| run.trial.name.as_str())
            .collect();
        json!({
            "runs": runs,
            "valid": group.valid,
            "test": group.test,
            "training_seconds": group.training_seconds,
            "samples_per_s": group.samples_per_s,
        })
    });
    json!({
        "name": sweep.name,
        "file": file,
        "experiment": sweep.experiment,
        "axes": sweep.axes,
        "metric": results.metric(),
        "settings": settings.collect::<Vec<_>>(),
        "runs": results.runs.iter().map(|run| of_run(&sweep.axes, run)).collect::<Vec<_>>(),
    })
}

fn of_run(axes: &[String], run: &RunResult<'_>) -> Value {
    let values = run
        .trial
        .values
        .iter()
        .map(|value| Value::from(value.as_str()));
    let settings: Map<String, Value> = axes.iter().cloned().zip(values).collect();
    json!({
        "name": run.trial.name,
        "status": run.status(),
        "error": run.reason,
        "settings": settings,
        "run": run.overview,
    })
}

/// One line a run, in the order of the sweep.
fn csv(results: &Results<'_>) -> String {
    let mut head = vec!["run".to_owned()];
    head.extend(results.sweep.axes.iter().cloned());
    let metric = results.metric();
    head.extend(["status".to_owned(), format!("valid_{metric}")]);
    head.extend(["valid_step".to_owned(), format!("test_{metric}")]);
    head.extend(
        [
            "training_seconds",
            "samples_per_s",
            "parameters",
            "device",
            "started",
            "path",
            "error",
        ]
        .map(str::to_owned),
    );
    let lines = results.runs.iter().map(|run| {
        let of = run.overview.as_ref();
        let valid = of.and_then(|of| of.valid.as_ref());
        let test = of.and_then(|of| of.test.as_ref());
        let mut cells = vec![run.trial.name.clone()];
        cells.extend(
            run.trial
                .values
                .iter()
                .map(|value| value.trim_matches('"').to_owned()),
        );
        cells.extend([
            run.status(),
            number(valid.map(|figure| figure.value)),
            number(valid.map(|figure| figure.step)),
            number(test.map(|figure| figure.value)),
            number(of.and_then(|of| of.training_seconds)),
            number(of.and_then(|of| of.samples_per_s)),
            number(of.and_then(|of| of.parameters)),
            of.and_then(|of| of.device.clone()).unwrap_or_default(),
            of.and_then(|of| of.started.clone()).unwrap_or_default(),
            run.path.display().to_string(),
            run.reason.unwrap_or_default().to_owned(),
        ]);
        cells
    });
    let lines = std::iter::once(head).chain(lines);
    lines.map(|cells| line(&cells)).collect()
}

fn number<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

/// One line of CSV as RFC 4180 has it, but for the line's end.
fn line(cells: &[String]) -> String {
    let quoted = |cell: &String| match cell.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell.clone(),
    };
    let cells: Vec<String> = cells.iter().map(quoted).collect();
    format!("{}\n", cells.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_where_they_must_be() {
        let cells = ["lr=1,seed=0", "plain", "say \"no\"", ""].map(str::to_owned);
        assert_eq!(line(&cells), "\"lr=1,seed=0\",plain,\"say \"\"no\"\"\",\n");
    }
}

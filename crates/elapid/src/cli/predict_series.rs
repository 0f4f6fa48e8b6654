//! `elapid predict` on series: what follows the last rows of a table.

use std::path::Path;

use elapid::data::series::Ending;
use elapid::registry::{self, AnyTask, Facts, SeriesForecasting};
use serde_json::{Map, Value, json};

use super::failure::Failure;
use super::predict::PredictArgs;
use super::print;
use super::run::OpenRun;

/// A forecast in the units of the data.
struct Forecasted {
    /// Names of the columns.
    columns: Vec<String>,
    /// When each row is; the number of steps ahead where the table has no dates.
    when: Vec<String>,
    /// Name of the first column.
    first: &'static str,
    /// A row a step.
    rows: Vec<Vec<f64>>,
}

/// Prints what follows the last rows of a table, as CSV or a JSON object a row.
pub(super) fn predict(args: &PredictArgs, open: &OpenRun) -> Result<(), Failure> {
    if args.sheet.is_some() {
        return Err(Failure::wrong("`--sheet` is for images; leave it out"));
    }
    let [file] = &args.inputs[..] else {
        return Err(Failure::wrong(format!(
            "{} files are given, expected one table to forecast from; run the command once for each",
            args.inputs.len()
        )));
    };
    let name = open.device_name(args.device.clone());
    let device = registry::device(&name).map_err(Failure::input)?;
    let facts = open.facts()?;
    let task = match open.trained(&device, args.checkpoint, None)? {
        AnyTask::Forecast(task) => task,
        _ => {
            return Err(Failure::wrong(format!(
                "this run does `{}`; `elapid predict` is for runs on series that do `forecast`",
                open.plan.task.name()
            )));
        }
    };
    let ending = ending(open, &facts, file)?;
    let found = forecast(&task, &ending, &facts, &device);
    for note in &ending.notes {
        tracing::warn!("{note}");
    }
    match args.json {
        true => found.print_json(),
        false => found.print_csv(),
    }
}

fn ending(open: &OpenRun, facts: &Facts, file: &Path) -> Result<Ending, Failure> {
    registry::series_ending(&open.plan, facts, file).map_err(Failure::input)
}

/// What follows the window.
fn forecast(
    task: &SeriesForecasting,
    ending: &Ending,
    facts: &Facts,
    device: &burn::tensor::Device,
) -> Forecasted {
    let forecast = task.forecast(&ending.window, device).into_data();
    let series = facts.series.clone().unwrap_or_default();
    let first = series.columns.len() - series.targets;
    let columns = series.columns[first..].to_vec();
    let values: Vec<f64> = forecast.iter::<f64>().collect();
    let rows: Vec<Vec<f64>> = values
        .chunks(series.targets.max(1))
        .map(|row| in_units(row, facts, first))
        .collect();
    let last = ending.stamps.last();
    let step = ending.step.or(series.step);
    let when = |ahead: usize| {
        let stamp = last
            .zip(step)
            .and_then(|(last, step)| step.after(*last, ahead));
        stamp.map(|stamp| stamp.to_string())
    };
    let dates: Option<Vec<String>> = (1..=rows.len()).map(when).collect();
    let (first, when) = match dates {
        Some(dates) => ("date", dates),
        None => ("step", (1..=rows.len()).map(|n| n.to_string()).collect()),
    };
    Forecasted {
        columns,
        when,
        first,
        rows,
    }
}

/// A row of targets, the first of which is column number `first`, in the units of the data.
fn in_units(row: &[f64], facts: &Facts, first: usize) -> Vec<f64> {
    let Some(scaler) = &facts.normalisation else {
        return row.to_vec();
    };
    let scales = scaler.std.iter().zip(&scaler.mean).skip(first);
    let pairs = row.iter().zip(scales);
    let pairs = pairs.map(|(value, (std, mean))| value * f64::from(*std) + f64::from(*mean));
    pairs.collect()
}

impl Forecasted {
    fn print_csv(&self) -> Result<(), Failure> {
        let fields = std::iter::once(self.first).chain(self.columns.iter().map(String::as_str));
        let mut lines = vec![fields.map(quoted).collect::<Vec<_>>().join(",")];
        for (when, row) in self.when.iter().zip(&self.rows) {
            let values = row.iter().map(|value| shown(*value));
            let fields = std::iter::once(when.clone()).chain(values);
            lines.push(fields.collect::<Vec<_>>().join(","));
        }
        print(&lines.join("\n"))
    }

    fn print_json(&self) -> Result<(), Failure> {
        for (when, row) in self.when.iter().zip(&self.rows) {
            let mut object = Map::new();
            object.insert(self.first.to_owned(), json!(when));
            let values = self.columns.iter().zip(row);
            let values: Map<String, Value> = values
                .map(|(column, value)| (column.clone(), json!(value)))
                .collect();
            object.insert("forecast".to_owned(), values.into());
            print(&Value::Object(object).to_string())?;
        }
        Ok(())
    }
}

/// As many digits as 32-bit numbers have.
fn shown(value: f64) -> String {
    (value as f32).to_string()
}

/// A field of CSV.
fn quoted(field: &str) -> String {
    match field.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", field.replace('"', "\"\"")),
        false => field.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use elapid::registry::Normalisation;

    #[test]
    fn targets_are_the_last_columns() {
        let facts = Facts {
            normalisation: Some(Normalisation {
                mean: vec![1.0, 10.0, 100.0],
                std: vec![1.0, 2.0, 4.0],
            }),
            ..Facts::default()
        };
        assert_eq!(in_units(&[0.5, -1.0], &facts, 1), [11.0, 96.0]);
        assert_eq!(in_units(&[0.5], &Facts::default(), 0), [0.5]);
    }

    #[test]
    fn fields_with_commas_are_quoted() {
        assert_eq!(quoted("load, MW"), "\"load, MW\"");
        assert_eq!(quoted("a\"b"), "\"a\"\"b\"");
        assert_eq!(quoted("plain"), "plain");
    }
}

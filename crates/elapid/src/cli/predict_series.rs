//! `elapid predict` on series: what follows the last rows of a table.

use std::path::Path;

use burn::tensor::Device;
use elapid::data::series::{Ending, Stamp, Step};
use elapid::registry::{self, AnyTask, Facts, SeriesForecasting};
use serde_json::{Map, Value, json};

use super::failure::Failure;
use super::predict::PredictArgs;
use super::print;
use super::run::OpenRun;

/// A forecast in the units of the data.
pub(super) struct Forecasted {
    /// Names of the columns.
    columns: Vec<String>,
    /// When each row is; the number of steps ahead where the table has no dates.
    when: Vec<String>,
    /// Name of the first column.
    first: &'static str,
    /// A row a step.
    rows: Vec<Vec<f64>>,
}

/// One table, a run that forecasts, and where to compute.
pub(super) struct Opened<'a> {
    pub(super) file: &'a Path,
    pub(super) facts: Facts,
    pub(super) task: SeriesForecasting,
    pub(super) device: Device,
}

/// Opens what a prediction needs.
pub(super) fn opened<'a>(args: &'a PredictArgs, open: &OpenRun) -> Result<Opened<'a>, Failure> {
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
    Ok(Opened {
        file,
        facts,
        task,
        device,
    })
}

/// Prints what follows the last rows of a table, as CSV or a JSON object a row.
pub(super) fn predict(args: &PredictArgs, open: &OpenRun) -> Result<(), Failure> {
    let Opened {
        file,
        facts,
        task,
        device,
    } = opened(args, open)?;
    let ending = ending(open, &facts, file)?;
    let forecast = task.forecast(&ending.window, &device).into_data();
    let values: Vec<f64> = forecast.iter::<f64>().collect();
    let last = ending.stamps.last().copied();
    let found = Forecasted::new(&values, last, ending.step, &facts);
    for note in &ending.notes {
        tracing::warn!("{note}");
    }
    if !args.json {
        print(&found.header(None))?;
    }
    found
        .lines(args.json, None)
        .iter()
        .try_for_each(|line| print(line))
}

fn ending(open: &OpenRun, facts: &Facts, file: &Path) -> Result<Ending, Failure> {
    registry::series_ending(&open.plan, facts, file).map_err(Failure::input)
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
    /// Standardised `values`, `[H, T]`, that follow the row of `last`, `step` apart.
    pub(super) fn new(
        values: &[f64],
        last: Option<Stamp>,
        step: Option<Step>,
        facts: &Facts,
    ) -> Self {
        let series = facts.series.clone().unwrap_or_default();
        let first = series.columns.len() - series.targets;
        let rows: Vec<Vec<f64>> = values
            .chunks(series.targets.max(1))
            .map(|row| in_units(row, facts, first))
            .collect();
        let step = step.or(series.step);
        let when = |ahead: usize| {
            let stamp = last
                .zip(step)
                .and_then(|(last, step)| step.after(last, ahead));
            stamp.map(|stamp| stamp.to_string())
        };
        let dates: Option<Vec<String>> = (1..=rows.len()).map(when).collect();
        let columns = series.columns[first..].to_vec();
        let (first, when) = match dates {
            Some(dates) => ("date", dates),
            None => ("step", (1..=rows.len()).map(|n| n.to_string()).collect()),
        };
        Self {
            columns,
            when,
            first,
            rows,
        }
    }

    /// The first line of CSV. `known` is the name of a column in front of the others.
    pub(super) fn header(&self, known: Option<&str>) -> String {
        let fields = known.into_iter().chain([self.first]);
        let fields = fields.chain(self.columns.iter().map(String::as_str));
        fields.map(quoted).collect::<Vec<_>>().join(",")
    }

    /// A line of CSV or JSON a row. `known` is the name and the value of a column in front of the others.
    pub(super) fn lines(&self, json: bool, known: Option<(&str, &str)>) -> Vec<String> {
        let rows = self.when.iter().zip(&self.rows);
        rows.map(|(when, row)| match json {
            true => self.object(when, row, known),
            false => {
                let known = known.map(|(_, value)| value.to_owned()).into_iter();
                let values = row.iter().map(|value| shown(*value));
                let fields = known.chain([when.clone()]).chain(values);
                fields.collect::<Vec<_>>().join(",")
            }
        })
        .collect()
    }

    fn object(&self, when: &str, row: &[f64], known: Option<(&str, &str)>) -> String {
        let mut object = Map::new();
        if let Some((name, value)) = known {
            object.insert(name.to_owned(), json!(value));
        }
        object.insert(self.first.to_owned(), json!(when));
        let values = self.columns.iter().zip(row);
        let values: Map<String, Value> = values
            .map(|(column, value)| (column.clone(), json!(value)))
            .collect();
        object.insert("forecast".to_owned(), values.into());
        Value::Object(object).to_string()
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

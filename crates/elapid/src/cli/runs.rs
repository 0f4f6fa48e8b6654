//! `elapid runs`.

use std::path::{Path, PathBuf};

use elapid::config::{self, Plan};
use elapid::train::report::{Figure, Overview, duration, find_runs, readable_time};
use serde_json::{Map, json};

use super::config::differences;
use super::failure::Failure;
use super::{print, table};

/// List runs, or compare several: what came of each, and the settings in which they differ.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  elapid runs\n  elapid runs runs/vim_digits runs/vim_digits-2")]
pub(crate) struct RunsArgs {
    /// A directory with runs below it, or several runs to compare.
    #[arg(value_name = "DIR", default_value = "runs")]
    paths: Vec<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) fn runs(args: RunsArgs) -> Result<(), Failure> {
    let mut runs = Vec::new();
    for path in &args.paths {
        runs.extend(find_runs(path).map_err(|error| cannot_list(path, &error))?);
    }
    let asked = match &args.paths[..] {
        [one] => Some(one.as_path()),
        _ => None,
    };
    let plans: Vec<Result<Plan, String>> = match asked {
        Some(_) => Vec::new(),
        None => runs.iter_mut().map(plan).collect(),
    };
    if args.json {
        return print(&json(&runs, &plans));
    }
    if runs.is_empty() {
        let places: Vec<_> = args
            .paths
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        return print(&format!("no runs in {}", places.join(", ")));
    }
    let names: Vec<String> = runs.iter().map(|run| shown_path(run, asked)).collect();
    let mut text = overview(&names, &runs);
    if !plans.is_empty() {
        text = format!("{text}\n\n{}", compared(&names, &plans));
    }
    print(&text)
}

fn cannot_list(path: &Path, error: &std::io::Error) -> Failure {
    Failure::wrong(format!(
        "cannot list the runs in `{}`: {error}; give a run directory, or one that holds runs, such as `runs`",
        path.display()
    ))
}

/// The plan of a run; one that does not read is noted among the run's problems.
fn plan(run: &mut Overview) -> Result<Plan, String> {
    let path = run.path.join("plan.toml");
    let text = std::fs::read_to_string(&path).map_err(|error| error.to_string());
    let plan = text
        .and_then(|text| config::parse(&text, &path).map_err(|error| error.to_string()))
        .map_err(|error| format!("the plan does not read: {error}"));
    if let Err(problem) = &plan
        && run.problems.is_empty()
    {
        run.problems.push(problem.clone());
    }
    plan
}

/// The path as one would type it; below a directory that was asked for, from there.
fn shown_path(run: &Overview, asked: Option<&Path>) -> String {
    let below = asked.and_then(|asked| run.path.strip_prefix(asked).ok());
    let path = below.filter(|path| !path.as_os_str().is_empty());
    path.unwrap_or(&run.path).display().to_string()
}

fn overview(names: &[String], runs: &[Overview]) -> String {
    let head = [
        "run",
        "status",
        "steps",
        "best validation",
        "test",
        "training",
        "samples/s",
        "device",
        "started",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(names.iter().zip(runs).map(|(name, run)| row(name, run)));
    let notes = names.iter().zip(runs).flat_map(|(name, run)| {
        let problems = run.problems.iter();
        problems.map(move |problem| format!("\n{name}: {problem}"))
    });
    let notes: String = notes.collect();
    let gap = if notes.is_empty() { "" } else { "\n" };
    format!("{}{gap}{notes}", table::align(rows))
}

fn row(name: &str, run: &Overview) -> Vec<String> {
    let dash = || "–".to_owned();
    let value = |figure: &Figure| table::metric(&figure.metric, figure.value);
    let valid = run.valid.as_ref().map(|figure| {
        let Figure { metric, step, .. } = figure;
        format!("{metric} {} at {step}", value(figure))
    });
    let test = run.test.as_ref().map(value);
    let steps = match run.steps_total {
        Some(total) => format!("{}/{total}", run.steps_done),
        None => run.steps_done.to_string(),
    };
    let training = run.training_seconds.map(|s| duration(s.round() as u64));
    vec![
        name.to_owned(),
        run.status.to_string(),
        steps,
        valid.unwrap_or_else(dash),
        test.unwrap_or_else(dash),
        training.unwrap_or_else(dash),
        run.samples_per_s
            .map_or_else(dash, |rate| format!("{rate:.0}")),
        run.device.clone().unwrap_or_else(dash),
        run.started.as_deref().map_or_else(dash, readable_time),
    ]
}

/// The settings that differ between the runs whose plans read.
fn compared(names: &[String], plans: &[Result<Plan, String>]) -> String {
    let read = names.iter().zip(plans);
    let read = read.filter_map(|(name, plan)| Some((name.clone(), plan.as_ref().ok()?)));
    let (names, plans): (Vec<String>, Vec<&Plan>) = read.unzip();
    match plans.len() {
        0 | 1 => "there are no two plans to compare".to_owned(),
        _ => differences(&names, &plans),
    }
}

fn json(runs: &[Overview], plans: &[Result<Plan, String>]) -> String {
    if plans.is_empty() {
        return json!({ "runs": runs }).to_string();
    }
    let read: Vec<(&Overview, &Plan)> = runs
        .iter()
        .zip(plans)
        .filter_map(|(run, plan)| Some((run, plan.as_ref().ok()?)))
        .collect();
    let plans: Vec<&Plan> = read.iter().map(|(_, plan)| *plan).collect();
    let differences = match plans.is_empty() {
        true => Vec::new(),
        false => config::differences(&plans),
    };
    let differences: Map<_, _> = differences
        .into_iter()
        .map(|(name, values)| {
            let paths = read.iter().map(|(run, _)| run.path.display().to_string());
            let values: Map<_, _> = paths.zip(values.into_iter().map(Into::into)).collect();
            (name, values.into())
        })
        .collect();
    json!({ "runs": runs, "differences": differences }).to_string()
}

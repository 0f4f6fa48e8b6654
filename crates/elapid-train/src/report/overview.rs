//! A run in one row, for tables of many runs.

use std::fmt;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use serde_json::Value;

use super::metric::Metric;
use super::metrics::Metrics;
use super::read::{self, Run};
use super::summary::median;
use super::time;
use crate::checkpoint::Checkpoints;

/// What a table says of a run, from the files of its directory alone. What they do not tell is absent.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Overview {
    /// The run directory.
    pub path: PathBuf,
    /// Name in the manifest, or of the directory.
    pub name: String,
    /// How it stands.
    pub status: Status,
    /// What is wrong with the directory, in sentences.
    pub problems: Vec<String>,
    /// Optimiser steps done, as far as logs and checkpoints know.
    pub steps_done: u64,
    /// Optimiser steps planned.
    pub steps_total: Option<u64>,
    /// The best validation, by the metric that chooses the best checkpoint.
    pub valid: Option<Figure>,
    /// The same metric of the test.
    pub test: Option<Figure>,
    /// Seconds spent in training steps, without evaluation, over all resumptions.
    pub training_seconds: Option<f64>,
    /// Median throughput of training.
    pub samples_per_s: Option<f64>,
    /// Trainable numbers.
    pub parameters: Option<u64>,
    /// The device it was started on.
    pub device: Option<String>,
    /// When it was started, in RFC 3339.
    pub started: Option<String>,
}

/// One measured value.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figure {
    /// Name of the metric.
    pub metric: String,
    /// Its value, as recorded.
    pub value: f64,
    /// Step it was measured at.
    pub step: u64,
}

/// How a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// A process is training.
    Running,
    /// All steps are done.
    Finished,
    /// It was stopped after a checkpoint.
    Interrupted,
    /// It ended with an error.
    Failed,
    /// Its process is gone and had no time to say why.
    Killed,
    /// Its manifest or plan is missing or unreadable.
    Damaged,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Interrupted => "interrupted",
            Self::Failed => "failed",
            Self::Killed => "killed",
            Self::Damaged => "damaged",
        })
    }
}

impl Overview {
    /// Reads `manifest.json`, `plan.toml`, `metrics.jsonl` and the names of the checkpoints of a run directory.
    ///
    /// There is no error: what is missing or does not parse is among the `problems`.
    pub fn of(dir: &Path) -> Self {
        match read::run(dir) {
            Ok(run) => Self::of_files(dir, &run),
            Err(error) => Self {
                problems: vec![error.to_string()],
                ..Self::empty(dir)
            },
        }
    }

    /// Seconds since 1970 that runs are put in order by: of the start, or of the last change to the directory.
    pub fn instant(&self) -> i64 {
        let started = self.started.as_deref().and_then(time::unix_seconds);
        started.unwrap_or_else(|| changed(&self.path).unwrap_or(0))
    }

    fn of_files(dir: &Path, run: &Run) -> Self {
        let text = |key: &str| Some(run.manifest.get(key)?.as_str()?.to_owned());
        let number = |key: &str| run.manifest.get(key).and_then(Value::as_u64);
        let metric = main_metric(run);
        let point = |split: &str| {
            let metric = metric.as_ref()?;
            let points = run.metrics.curve(metric.name, split);
            // The test is made once, so its last value is its only one.
            let point = match split {
                "test" => points.last().copied(),
                _ => metric.best(points),
            }?;
            Some(Figure {
                metric: metric.name.to_owned(),
                value: point.value?,
                step: point.step,
            })
        };
        let mut problems = run.problems();
        let status = status(dir, run, &mut problems);
        Self {
            name: run.name.clone(),
            status,
            problems,
            steps_done: steps_done(dir, &run.metrics),
            steps_total: number("steps"),
            valid: point("valid"),
            test: point("test"),
            training_seconds: training_seconds(&run.metrics),
            samples_per_s: median(run.metrics.curve("samples_per_s", "train")),
            parameters: number("parameters"),
            device: text("device"),
            started: text("started"),
            ..Self::empty(dir)
        }
    }

    fn empty(dir: &Path) -> Self {
        let name = dir.file_name().unwrap_or(dir.as_os_str());
        Self {
            path: dir.to_owned(),
            name: name.to_string_lossy().into_owned(),
            status: Status::Damaged,
            problems: Vec::new(),
            steps_done: 0,
            steps_total: None,
            valid: None,
            test: None,
            training_seconds: None,
            samples_per_s: None,
            parameters: None,
            device: None,
            started: None,
        }
    }
}

/// The directories of all runs in `dir`, or `dir` itself if it is one, in the order of their start.
///
/// A directory counts as a run's if it holds anything that only a run directory holds, so a damaged one is found too.
/// Directories inside a run are not looked at.
///
/// # Errors
///
/// If `dir` cannot be listed.
pub fn find_runs(dir: &Path) -> std::io::Result<Vec<Overview>> {
    let mut found = Vec::new();
    match is_run(dir) {
        true => found.push(Overview::of(dir)),
        false => collect(dir, DEEPEST, &mut found)?,
    }
    found.sort_by_key(|run| (run.instant(), run.path.clone()));
    Ok(found)
}

/// How far below a directory runs are looked for: a sweep's are two levels below `runs`.
const DEEPEST: usize = 4;

fn is_run(dir: &Path) -> bool {
    const SIGNS: [&str; 4] = ["manifest.json", "plan.toml", "metrics.jsonl", "checkpoints"];
    SIGNS.iter().any(|name| dir.join(name).exists())
}

fn collect(dir: &Path, depth: usize, found: &mut Vec<Overview>) -> std::io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if is_run(&path) {
            found.push(Overview::of(&path));
        } else if depth > 0 && path.is_dir() {
            // What may not be read below the directory asked for is somebody else's.
            let _ = collect(&path, depth - 1, found);
        }
    }
    Ok(())
}

/// The metric that the plan chooses the best checkpoint by; without a plan the first that has a direction.
fn main_metric(run: &Run) -> Option<Metric<'_>> {
    let all = Metric::all(&run.metrics);
    match run.chosen_by() {
        Some(name) => all.into_iter().find(|metric| metric.name == name),
        None => all.into_iter().find(|metric| metric.direction.is_some()),
    }
}

fn status(dir: &Path, run: &Run, problems: &mut Vec<String>) -> Status {
    let recorded = run.manifest.get("status").and_then(Value::as_str);
    if !run.manifest.is_empty() && recorded.is_none() {
        problems.push("`manifest.json` has no status.".to_owned());
    }
    let plan = run.plan.as_ref().map(|plan| plan.parse::<toml::Table>());
    if let Some(Err(_)) = &plan {
        problems.push("`plan.toml` is not TOML.".to_owned());
    }
    match (recorded, plan) {
        (Some("finished"), Some(Ok(_))) => Status::Finished,
        (Some("interrupted"), Some(Ok(_))) => Status::Interrupted,
        (Some("failed"), Some(Ok(_))) => Status::Failed,
        (Some("running"), Some(Ok(_))) if is_locked(dir) => Status::Running,
        (Some("running"), Some(Ok(_))) => Status::Killed,
        _ => Status::Damaged,
    }
}

/// Whether a process is training in the directory: it holds a lock on the log for as long as it lives.
fn is_locked(dir: &Path) -> bool {
    let log = File::open(dir.join("log.txt"));
    match log.map(|log| log.try_lock_shared()) {
        Ok(Err(TryLockError::WouldBlock)) => true,
        // Where there are no locks, the manifest has to be believed.
        Ok(Err(TryLockError::Error(_))) => true,
        Ok(Ok(())) | Err(_) => false,
    }
}

fn steps_done(dir: &Path, metrics: &Metrics) -> u64 {
    let logged = metrics.steps().map(|(_, last)| last);
    let checkpoints = Checkpoints::new(dir.join("checkpoints")).steps();
    let saved = checkpoints.unwrap_or_default().last().copied();
    logged.max(saved).unwrap_or(0)
}

/// Each line of the log holds the mean time of the steps since the line before.
fn training_seconds(metrics: &Metrics) -> Option<f64> {
    let points = metrics.curve("step_ms", "train");
    let before = std::iter::once(0).chain(points.iter().map(|point| point.step));
    let spans = points
        .iter()
        .zip(before)
        .filter_map(|(point, before)| Some(point.value? * (point.step - before) as f64));
    (!points.is_empty()).then(|| spans.sum::<f64>() / 1e3)
}

fn changed(path: &Path) -> Option<i64> {
    let modified: SystemTime = fs::metadata(path).ok()?.modified().ok()?;
    let since = modified.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_secs()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(dir: &Path, files: &[(&str, &str)]) {
        fs::create_dir_all(dir).unwrap();
        for (name, text) in files {
            fs::write(dir.join(name), text).unwrap();
        }
    }

    const METRICS: &str = r#"{"step":10,"split":"train","name":"step_ms","value":20.0}
{"step":10,"split":"train","name":"samples_per_s","value":100.0}
{"step":10,"split":"valid","name":"loss","value":0.5}
{"step":10,"split":"valid","name":"accuracy","value":0.9}
{"step":30,"split":"train","name":"step_ms","value":40.0}
{"step":30,"split":"valid","name":"loss","value":0.4}
{"step":30,"split":"valid","name":"accuracy","value":0.8}
{"step":30,"split":"test","name":"accuracy","value":0.7}
"#;

    #[test]
    fn a_whole_run() {
        let dir = tempfile::tempdir().unwrap();
        let manifest = r#"{"name":"a","status":"finished","steps":30,"parameters":7,"device":"cpu",
            "started":"2026-01-31T09:30:00Z"}"#;
        let files = [
            ("manifest.json", manifest),
            ("plan.toml", "[eval]\nbest = \"accuracy\"\n"),
            ("metrics.jsonl", METRICS),
        ];
        write(dir.path(), &files);
        let run = Overview::of(dir.path());
        assert_eq!((run.status, run.problems.len()), (Status::Finished, 0));
        assert_eq!((run.steps_done, run.steps_total), (30, Some(30)));
        let figure = |metric: &str, value, step| {
            let metric = metric.to_owned();
            Some(Figure {
                metric,
                value,
                step,
            })
        };
        assert_eq!(run.valid, figure("accuracy", 0.9, 10));
        assert_eq!(run.test, figure("accuracy", 0.7, 30));
        // 10 steps of 20 ms and 20 of 40 ms.
        assert_eq!(run.training_seconds, Some(1.0));
        assert_eq!(run.samples_per_s, Some(100.0));

        fs::write(dir.path().join("plan.toml"), "[eval]\nbest = \"loss\"\n").unwrap();
        assert_eq!(Overview::of(dir.path()).valid, figure("loss", 0.4, 30));
    }

    #[test]
    fn the_lock_tells_running_from_killed() {
        let dir = tempfile::tempdir().unwrap();
        let files = [
            ("manifest.json", r#"{"status":"running"}"#),
            ("plan.toml", ""),
            ("log.txt", ""),
        ];
        write(dir.path(), &files);
        let held = File::open(dir.path().join("log.txt")).unwrap();
        held.lock().unwrap();
        assert_eq!(Overview::of(dir.path()).status, Status::Running);
        drop(held);
        assert_eq!(Overview::of(dir.path()).status, Status::Killed);
    }

    #[test]
    fn damage_is_told_and_nothing_fails() {
        let dir = tempfile::tempdir().unwrap();
        let of = |name: &str, files: &[(&str, &str)]| {
            write(&dir.path().join(name), files);
            Overview::of(&dir.path().join(name))
        };
        let cut = of(
            "cut",
            &[("manifest.json", "{\"status\":"), ("plan.toml", "")],
        );
        assert_eq!(cut.status, Status::Damaged);
        assert!(cut.problems[0].starts_with("`manifest.json` is not a JSON object"));
        let bare = of("bare", &[("metrics.jsonl", METRICS)]);
        assert_eq!((bare.status, bare.steps_done), (Status::Damaged, 30));
        assert_eq!(bare.problems.len(), 2, "{:?}", bare.problems);
        fs::create_dir_all(dir.path().join("odd/metrics.jsonl")).unwrap();
        let odd = of("odd", &[]);
        assert!(odd.problems[0].contains("cannot read"));
        let gone = Overview::of(&dir.path().join("gone"));
        assert_eq!(gone.status, Status::Damaged);

        let found = find_runs(dir.path()).unwrap();
        let mut names: Vec<_> = found.iter().map(|run| run.name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["bare", "cut", "odd"]);
    }

    #[test]
    fn runs_are_found_below_and_the_newest_is_last() {
        let dir = tempfile::tempdir().unwrap();
        for (name, day) in [("new", "03"), ("sweep/first", "01"), ("sweep/second", "02")] {
            let manifest =
                format!(r#"{{"status":"finished","started":"2026-01-{day}T00:00:00Z"}}"#);
            write(&dir.path().join(name), &[("manifest.json", &manifest)]);
        }
        write(&dir.path().join("notes"), &[("read.me", "")]);
        let names: Vec<String> = find_runs(dir.path())
            .unwrap()
            .into_iter()
            .map(|run| run.name)
            .collect();
        assert_eq!(names, ["first", "second", "new"]);
        assert!(find_runs(&dir.path().join("none")).is_err());
    }
}

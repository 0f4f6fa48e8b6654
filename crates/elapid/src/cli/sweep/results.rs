//! What came of a sweep: each run, and each setting over all seeds.

use std::cmp::Ordering;
use std::path::{Path, PathBuf};

use elapid::config::{Best, SEED, Sweep, Trial};
use elapid::train::report::{Figure, Overview, Status, duration};

use super::Reasons;
use super::spread::Spread;
use crate::cli::table;

/// All runs of a sweep, in its order.
pub(super) struct Results<'a> {
    pub(super) sweep: &'a Sweep,
    pub(super) runs: Vec<RunResult<'a>>,
}

/// One run.
pub(super) struct RunResult<'a> {
    pub(super) trial: &'a Trial,
    pub(super) path: PathBuf,
    /// Absent before it was started.
    pub(super) overview: Option<Overview>,
    /// Why it failed, when it did.
    pub(super) reason: Option<&'a str>,
}

/// The runs that differ by their seed alone.
pub(super) struct Group<'r, 'a> {
    /// Values of all axes but the seed.
    pub(super) settings: Vec<&'a str>,
    pub(super) runs: Vec<&'r RunResult<'a>>,
    pub(super) valid: Option<Spread>,
    pub(super) test: Option<Spread>,
    pub(super) training_seconds: Option<Spread>,
    pub(super) samples_per_s: Option<Spread>,
}

impl<'a> RunResult<'a> {
    pub(super) fn status(&self) -> String {
        match (&self.overview, self.reason) {
            (Some(overview), _) => overview.status.to_string(),
            (None, Some(_)) => Status::Failed.to_string(),
            (None, None) => "not started".to_owned(),
        }
    }

    fn is(&self, status: Status) -> bool {
        self.overview
            .as_ref()
            .is_some_and(|overview| overview.status == status)
    }
}

impl<'a> Results<'a> {
    pub(super) fn read(sweep: &'a Sweep, folder: &Path, reasons: &'a Reasons) -> Self {
        let run = |trial: &'a Trial| {
            let path = folder.join(&trial.name);
            let overview = path.is_dir().then(|| Overview::of(&path));
            let is_finished = overview
                .as_ref()
                .is_some_and(|overview| overview.status == Status::Finished);
            let reason = reasons.get(&trial.name).map(String::as_str);
            RunResult {
                trial,
                path,
                overview,
                reason: reason.filter(|_| !is_finished),
            }
        };
        let runs = sweep.trials.iter().map(run).collect();
        Self { sweep, runs }
    }

    pub(super) fn count(&self, status: Status) -> usize {
        self.runs.iter().filter(|run| run.is(status)).count()
    }

    /// The metric that settings are compared by.
    pub(super) fn metric(&self) -> String {
        self.best().to_string()
    }

    fn best(&self) -> Best {
        let first = self.runs.first();
        first.map_or(Best::Loss, |run| run.trial.plan.eval.best)
    }

    /// Settings, the best validation first; those without one last. Only finished runs count.
    pub(super) fn groups(&self) -> Vec<Group<'_, 'a>> {
        let mut groups: Vec<Group<'_, 'a>> = Vec::new();
        for run in &self.runs {
            let settings = self.settings(run);
            match groups.iter_mut().find(|group| group.settings == settings) {
                Some(group) => group.runs.push(run),
                None => groups.push(Group {
                    settings,
                    runs: vec![run],
                    valid: None,
                    test: None,
                    training_seconds: None,
                    samples_per_s: None,
                }),
            }
        }
        for group in &mut groups {
            self.measure(group);
        }
        groups.sort_by(|a, b| match (&a.valid, &b.valid) {
            (Some(a), Some(b)) => self.better_first(a.mean, b.mean),
            (a, b) => b.is_some().cmp(&a.is_some()),
        });
        groups
    }

    fn settings(&self, run: &RunResult<'a>) -> Vec<&'a str> {
        let values = self.sweep.axes.iter().zip(&run.trial.values);
        let values = values.filter(|(axis, _)| *axis != SEED);
        values.map(|(_, value)| value.as_str()).collect()
    }

    fn measure(&self, group: &mut Group<'_, 'a>) {
        let metric = self.metric();
        let finished: Vec<&Overview> = group
            .runs
            .iter()
            .filter(|run| run.is(Status::Finished))
            .filter_map(|run| run.overview.as_ref())
            .collect();
        let value = |figure: &Option<Figure>| {
            let figure = figure.as_ref().filter(|figure| figure.metric == metric);
            figure.map(|figure| figure.value)
        };
        let over = |of: &dyn Fn(&Overview) -> Option<f64>| {
            Spread::of(finished.iter().filter_map(|overview| of(overview)))
        };
        group.valid = over(&|overview| value(&overview.valid));
        group.test = over(&|overview| value(&overview.test));
        group.training_seconds = over(&|overview| overview.training_seconds);
        group.samples_per_s = over(&|overview| overview.samples_per_s);
    }

    fn better_first(&self, a: f64, b: f64) -> Ordering {
        match self.best().higher_is_better() {
            true => b.total_cmp(&a),
            false => a.total_cmp(&b),
        }
    }

    /// The table, and below it why runs failed.
    pub(super) fn text(&self) -> String {
        let metric = self.metric();
        let labels = self.sweep.axes.iter().zip(&self.sweep.labels);
        let labels = labels.filter(|(axis, _)| *axis != SEED);
        let mut head: Vec<String> = labels.map(|(_, label)| label.clone()).collect();
        head.extend([
            format!("best validation {metric}"),
            format!("test {metric}"),
            "runs".to_owned(),
            "training".to_owned(),
            "samples/s".to_owned(),
        ]);
        let mut rows = vec![head];
        rows.extend(self.groups().iter().map(|group| group.row(&metric)));
        let mut text = format!(
            "{}: {} of {} runs finished{}\n\n{}",
            self.sweep.name,
            self.count(Status::Finished),
            self.runs.len(),
            match self.sweep.axes.iter().any(|axis| axis == SEED) {
                true => "; mean ± standard deviation over run.seed",
                false => "",
            },
            table::align(rows)
        );
        let failed = self.runs.iter().filter_map(|run| Some((run, run.reason?)));
        for (at, (run, reason)) in failed.enumerate() {
            let gap = if at == 0 { "\n" } else { "" };
            text.push_str(&format!("{gap}\n{}: {reason}", run.trial.name));
        }
        text
    }
}

impl Group<'_, '_> {
    fn row(&self, metric: &str) -> Vec<String> {
        let dash = || "–".to_owned();
        let measured = |spread: &Option<Spread>| {
            spread
                .as_ref()
                .map_or_else(dash, |spread| spread.text(metric))
        };
        let mut row: Vec<String> = self.settings.iter().map(|value| plain(value)).collect();
        let training = self.training_seconds;
        row.extend([
            measured(&self.valid),
            measured(&self.test),
            self.statuses(),
            training.map_or_else(dash, |time| duration(time.mean.round() as u64)),
            self.samples_per_s
                .map_or_else(dash, |rate| format!("{:.0}", rate.mean)),
        ]);
        row
    }

    /// How many runs there are; how they stand, if not all are finished.
    fn statuses(&self) -> String {
        let mut counts: Vec<(String, usize)> = Vec::new();
        for status in self.runs.iter().map(|run| run.status()) {
            match counts.iter_mut().find(|(known, _)| *known == status) {
                Some((_, count)) => *count += 1,
                None => counts.push((status, 1)),
            }
        }
        let counts = counts
            .iter()
            .map(|(status, count)| format!("{count} {status}"));
        counts.collect::<Vec<_>>().join(", ")
    }
}

/// A TOML value without the quotes of a string.
fn plain(value: &str) -> String {
    value.trim_matches('"').to_owned()
}

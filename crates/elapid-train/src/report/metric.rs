//! What the names of metrics tell: title, unit, order, and whether lower is better.

use super::format;
use super::metrics::{Metrics, Point};

/// How one metric is titled, scaled and ranked.
pub(super) struct Metric<'a> {
    /// The name in `metrics.jsonl`.
    pub(super) name: &'a str,
    /// The name for people, such as `Gradient norm`.
    pub(super) title: String,
    /// `%`, `ms`, `samples/s`, or nothing.
    pub(super) unit: &'static str,
    /// What a recorded value is multiplied by to be in `unit`.
    pub(super) factor: f64,
    /// Which values are better, where the name tells.
    pub(super) direction: Option<Direction>,
    /// Place among the metrics, smaller first.
    pub(super) rank: u8,
}

/// Which of two values is better.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Direction {
    Lower,
    Higher,
}

impl<'a> Metric<'a> {
    /// All metrics of a run in the order in which a page shows them.
    pub(super) fn all(metrics: &'a Metrics) -> Vec<Self> {
        let mut all: Vec<_> = metrics
            .names()
            .map(|name| Self::of(name, metrics))
            .collect();
        all.sort_by_key(|metric| metric.rank);
        all
    }

    fn of(name: &'a str, metrics: &Metrics) -> Self {
        let (title, unit, rank) = match name {
            "loss" => ("Loss".to_owned(), "", 0),
            "accuracy" => ("Accuracy".to_owned(), "", 1),
            "mean_iou" => ("Mean IoU".to_owned(), "", 1),
            "lr" => ("Learning rate".to_owned(), "", 10),
            "grad_norm" => ("Gradient norm".to_owned(), "", 11),
            "samples_per_s" => ("Throughput".to_owned(), "samples/s", 12),
            "step_ms" => ("Step time".to_owned(), "ms", 13),
            "data_wait" => ("Waiting for data".to_owned(), "", 14),
            _ => match top_k(name) {
                Some(k) => (format!("Top-{k} accuracy"), "", 2),
                None => (title_case(name), "", 3),
            },
        };
        // An accuracy, or a share of pixels or time, may be recorded as a share of one or in per cent; only a share needs scaling.
        let is_accuracy = matches!(
            name,
            "accuracy" | "balanced_accuracy" | "pixel_accuracy" | "mean_iou" | "data_wait"
        ) || top_k(name).is_some();
        let is_share = is_accuracy
            && metrics
                .splits(name)
                .iter()
                .flat_map(|(_, points)| points.iter())
                .filter_map(|point| point.value)
                .all(|value| (0.0..=1.0).contains(&value));
        Self {
            name,
            title,
            unit: if is_accuracy { "%" } else { unit },
            factor: if is_share { 100.0 } else { 1.0 },
            direction: direction(name),
            rank,
        }
    }

    /// A recorded value in the metric's unit, of which only `%` is written out; `not finite` for
    /// `None`. HTML.
    pub(super) fn show(&self, value: Option<f64>) -> String {
        let Some(value) = value else {
            return "<span class=\"missing\">not finite</span>".to_owned();
        };
        let sign = if self.unit == "%" { "&nbsp;%" } else { "" };
        format::number(value * self.factor) + sign
    }

    /// The best finite point of a curve, the first of equals; `None` where the name does not tell
    /// which value is better.
    pub(super) fn best(&self, points: &[Point]) -> Option<Point> {
        let direction = self.direction?;
        let is_better = |new: f64, old: f64| match direction {
            Direction::Lower => new < old,
            Direction::Higher => new > old,
        };
        let finite = points
            .iter()
            .filter_map(|point| Some((*point, point.value?)));
        finite
            .reduce(|best, next| {
                if is_better(next.1, best.1) {
                    next
                } else {
                    best
                }
            })
            .map(|(point, _)| point)
    }
}

/// The direction of a metric by the words of its name.
fn direction(name: &str) -> Option<Direction> {
    const LOWER: [&str; 15] = [
        "loss",
        "error",
        "err",
        "perplexity",
        "ppl",
        "nll",
        "mse",
        "mae",
        "rmse",
        "mape",
        "smape",
        "wer",
        "cer",
        "bpb",
        "crps",
    ];
    const HIGHER: [&str; 15] = [
        "accuracy",
        "acc",
        "f1",
        "auc",
        "auroc",
        "map",
        "miou",
        "iou",
        "dice",
        "precision",
        "recall",
        "r2",
        "mcc",
        "bleu",
        "psnr",
    ];
    let name = name.to_ascii_lowercase();
    let has = |words: &[&str]| {
        name.split(|character: char| !character.is_ascii_alphanumeric())
            .any(|word| words.contains(&word))
    };
    if has(&LOWER) {
        Some(Direction::Lower)
    } else if has(&HIGHER) || top_k(&name).is_some() {
        Some(Direction::Higher)
    } else {
        None
    }
}

/// The `5` of `top5`.
fn top_k(name: &str) -> Option<u32> {
    name.strip_prefix("top")?.parse().ok()
}

/// `max_memory` as `Max memory`.
fn title_case(name: &str) -> String {
    let words = name.replace('_', " ");
    let mut characters = words.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters).collect(),
        None => "(unnamed)".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics(name: &str, values: &[&str]) -> Metrics {
        let text: String = values
            .iter()
            .enumerate()
            .map(|(step, value)| {
                format!("{{\"step\":{step},\"split\":\"valid\",\"name\":\"{name}\",\"value\":{value}}}\n")
            })
            .collect();
        Metrics::parse(text.as_bytes())
    }

    #[test]
    fn names_tell_the_direction() {
        assert_eq!(direction("valid_loss"), Some(Direction::Lower));
        assert_eq!(direction("top5"), Some(Direction::Higher));
        assert_eq!(direction("macro_F1"), Some(Direction::Higher));
        assert_eq!(direction("roadmap"), None);
        assert_eq!(direction("lr"), None);
    }

    #[test]
    fn accuracy_is_shown_in_per_cent_either_way() {
        let share = metrics("accuracy", &["0.5", "0.975"]);
        let per_cent = metrics("accuracy", &["50", "97.5"]);
        assert_eq!(Metric::all(&share)[0].show(Some(0.975)), "97.5&nbsp;%");
        assert_eq!(Metric::all(&per_cent)[0].show(Some(97.5)), "97.5&nbsp;%");
    }

    #[test]
    fn best_skips_values_that_are_not_finite() {
        let metrics = metrics("loss", &["null", "3", "1", "1", "2"]);
        let metric = &Metric::all(&metrics)[0];
        let best = metric.best(metrics.curve("loss", "valid")).unwrap();
        assert_eq!((best.step, best.value), (2, Some(1.0)));
    }

    #[test]
    fn unknown_names_are_made_readable() {
        assert_eq!(title_case("éclair_count"), "Éclair count");
        assert_eq!(title_case(""), "(unnamed)");
    }
}

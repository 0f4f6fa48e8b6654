//! Which curves a page shows: one chart per metric.

use super::metric::Metric;
use super::metrics::{Metrics, Point};
use super::plot::{Axis, Chart, Look, Series, smooth};
use super::spikes;

/// Training curves with fewer points are drawn as they are.
const SMOOTH_FROM: usize = 100;

/// The section of all charts; empty if there is nothing to draw a line of.
pub(super) fn render(metrics: &Metrics) -> String {
    let Some((first, last)) = metrics.steps() else {
        return String::new();
    };
    let charts: String = Metric::all(metrics)
        .iter()
        .enumerate()
        .filter(|(_, metric)| is_curve(metrics, metric.name))
        .map(|(id, metric)| chart(id, metric, metrics, Axis::steps(first, last)).render())
        .collect();
    if charts.is_empty() {
        return String::new();
    }
    format!("<section>\n<h2>Curves</h2>\n<div class=\"charts\">\n{charts}</div>\n</section>\n")
}

/// Whether a metric was recorded over the steps of a run, not only at its end.
fn is_curve(metrics: &Metrics, name: &str) -> bool {
    metrics
        .splits(name)
        .iter()
        .any(|(split, points)| *split != "test" || points.len() > 1)
}

fn chart(id: usize, metric: &Metric, metrics: &Metrics, steps: Axis) -> Chart {
    let splits = metrics.splits(metric.name);
    Chart {
        id,
        title: metric.title.clone(),
        unit: metric.unit,
        steps,
        steps_name: "step".to_owned(),
        may_be_log: matches!(metric.name, "lr" | "grad_norm"),
        series: splits
            .iter()
            .flat_map(|(split, points)| lines(split, metric, points))
            .collect(),
        marks: match metric.name {
            "loss" => spikes::marks(&metrics.spikes),
            _ => Vec::new(),
        },
    }
}

/// The lines of one split: a schedule plain, noisy training values faint behind their mean,
/// everything else with markers.
fn lines(split: &str, metric: &Metric, points: &[Point]) -> Vec<Series> {
    let points: Vec<Point> = points
        .iter()
        .map(|point| Point {
            value: point.value.map(|value| value * metric.factor),
            ..*point
        })
        .collect();
    let series = |label, look, points| Series {
        label,
        class: class(split),
        look,
        points,
    };
    if split != "train" {
        return vec![series(split.to_owned(), Look::Marked, points)];
    }
    if metric.name == "lr" || points.len() < SMOOTH_FROM {
        return vec![series(split.to_owned(), Look::Line, points)];
    }
    // Two per cent of the run, within bounds that keep the work linear in the number of points.
    let window = (points.len() / 50).clamp(5, 401) | 1;
    vec![
        series(split.to_owned(), Look::Faint, points.clone()),
        series(
            format!("{split}, mean of {window}"),
            Look::Line,
            smooth(&points, window),
        ),
    ]
}

fn class(split: &str) -> &'static str {
    match split {
        "train" => "train",
        "valid" => "valid",
        "test" => "test",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(split: &str, name: &str, count: u64) -> String {
        (0..count)
            .map(|step| {
                format!(
                    "{{\"step\":{step},\"split\":\"{split}\",\"name\":\"{name}\",\"value\":0.5}}\n"
                )
            })
            .collect()
    }

    #[test]
    fn every_recorded_metric_gets_a_chart_in_order() {
        let text = recorded("train", "lr", 3)
            + &recorded("valid", "chrF", 3)
            + &recorded("train", "loss", 3)
            + &recorded("test", "bleu", 1);
        let html = render(&Metrics::parse(text.as_bytes()));
        let at = |title: &str| html.find(&format!("<h3>{title}")).unwrap();
        assert!(at("Loss") < at("ChrF") && at("ChrF") < at("Learning rate"));
        assert!(!html.contains("<h3>Bleu"), "one final value is no curve");
    }

    #[test]
    fn only_long_training_curves_are_smoothed() {
        let html = |count| render(&Metrics::parse(recorded("train", "loss", count).as_bytes()));
        assert!(!html(99).contains("mean of"));
        assert!(html(1500).contains("train, mean of 31"));
    }

    #[test]
    fn nothing_recorded_means_no_section() {
        assert!(render(&Metrics::default()).is_empty());
    }
}

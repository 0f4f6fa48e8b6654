//! The recorded values of a run, as curves.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::spikes::Spike;

/// Values at least this large count as not finite, so that no arithmetic of a plot can overflow.
const LARGEST: f64 = 1e300;

/// One recorded value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    pub(super) step: u64,
    /// `None` if the value was not finite.
    pub(super) value: Option<f64>,
}

/// Every value of `metrics.jsonl`, by metric name and split, in the order of the steps.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    curves: BTreeMap<String, BTreeMap<String, Vec<Point>>>,
    /// Steps whose loss stood out, in the order in which they were noted.
    pub(super) spikes: Vec<Spike>,
    /// Largest epoch seen, with its fraction.
    pub(super) epoch: f64,
    /// Lines that are not what a trainer writes.
    pub(super) malformed: u64,
}

#[derive(Deserialize)]
struct Line {
    step: u64,
    #[serde(default)]
    epoch: f64,
    split: String,
    name: String,
    value: Option<f64>,
}

impl Metrics {
    /// Parses the text of `metrics.jsonl`.
    ///
    /// A last line without its end that does not parse is what a killed process leaves behind and
    /// is ignored; any other such line is counted in `malformed`.
    pub(super) fn parse(text: &[u8]) -> Self {
        let mut metrics = Self::default();
        for line in text.split_inclusive(|&byte| byte == b'\n') {
            if line.trim_ascii().is_empty() {
                continue;
            }
            match serde_json::from_slice(line) {
                Ok(Line { name, .. }) if name == "loss_spike" => {
                    match serde_json::from_slice(line) {
                        Ok(spike) => metrics.spikes.push(spike),
                        Err(_) => metrics.malformed += 1,
                    }
                }
                Ok(line) => metrics.insert(line),
                Err(_) if line.ends_with(b"\n") => metrics.malformed += 1,
                Err(_) => {}
            }
        }
        metrics
    }

    /// Whether nothing was recorded.
    pub(super) fn is_empty(&self) -> bool {
        self.curves.is_empty()
    }

    /// Names of all metrics, alphabetically.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.curves.keys().map(String::as_str)
    }

    /// The splits of one metric with their values, training first.
    pub(super) fn splits(&self, name: &str) -> Vec<(&str, &[Point])> {
        let mut splits: Vec<_> = self
            .curves
            .get(name)
            .into_iter()
            .flatten()
            .map(|(split, points)| (split.as_str(), points.as_slice()))
            .collect();
        splits.sort_by_key(|(split, _)| split_rank(split));
        splits
    }

    /// All splits, training first.
    pub(super) fn all_splits(&self) -> Vec<&str> {
        let mut splits: Vec<_> = self
            .curves
            .values()
            .flat_map(|splits| splits.keys().map(String::as_str))
            .collect();
        splits.sort_by_key(|split| (split_rank(split), *split));
        splits.dedup();
        splits
    }

    /// The values of one metric on one split; empty if there are none.
    pub(super) fn curve(&self, name: &str, split: &str) -> &[Point] {
        self.curves
            .get(name)
            .and_then(|splits| splits.get(split))
            .map_or(&[], Vec::as_slice)
    }

    /// First and last step with a value of any metric.
    pub(super) fn steps(&self) -> Option<(u64, u64)> {
        let curves = || self.curves.values().flat_map(BTreeMap::values);
        let first = curves()
            .filter_map(|points| points.first())
            .map(|point| point.step)
            .min()?;
        let last = curves()
            .filter_map(|points| points.last())
            .map(|point| point.step)
            .max()?;
        Some((first, last))
    }

    fn insert(&mut self, line: Line) {
        self.epoch = self.epoch.max(line.epoch);
        let point = Point {
            step: line.step,
            value: line.value.filter(|value| value.abs() < LARGEST),
        };
        let points = self
            .curves
            .entry(line.name)
            .or_default()
            .entry(line.split)
            .or_default();
        // Steps come in order, except where a run was resumed from an earlier checkpoint or an
        // older one was evaluated; the line written last then holds.
        match points.last() {
            Some(last) if last.step >= point.step => {
                match points.binary_search_by_key(&point.step, |point| point.step) {
                    Ok(at) => points[at] = point,
                    Err(at) => points.insert(at, point),
                }
            }
            _ => points.push(point),
        }
    }
}

fn split_rank(split: &str) -> u8 {
    match split {
        "train" => 0,
        "valid" => 1,
        "test" => 2,
        _ => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(step: u64, split: &str, value: &str) -> String {
        format!(
            "{{\"step\":{step},\"epoch\":1.5,\"split\":\"{split}\",\"name\":\"loss\",\"value\":{value}}}\n"
        )
    }

    #[test]
    fn truncated_last_line_is_ignored() {
        let text = line(1, "train", "2.5") + "{\"step\":2,\"epo";
        let metrics = Metrics::parse(text.as_bytes());
        assert_eq!(metrics.curve("loss", "train").len(), 1);
        assert_eq!(metrics.malformed, 0);
    }

    #[test]
    fn malformed_lines_are_counted_and_skipped() {
        let text = format!(
            "{}garbage\n\n\u{1F40D}\n{}",
            line(1, "train", "1"),
            line(2, "train", "2")
        );
        let metrics = Metrics::parse(text.as_bytes());
        assert_eq!(metrics.curve("loss", "train").len(), 2);
        assert_eq!(metrics.malformed, 2);
    }

    #[test]
    fn null_and_overflowing_values_are_not_finite() {
        let text = line(1, "train", "null") + &line(2, "train", "1.7e308") + &line(3, "train", "1");
        let values: Vec<_> = Metrics::parse(text.as_bytes())
            .curve("loss", "train")
            .iter()
            .map(|point| point.value)
            .collect();
        assert_eq!(values, [None, None, Some(1.0)]);
    }

    #[test]
    fn later_line_holds_for_a_repeated_step() {
        let text: String = [(10, "1"), (20, "2"), (10, "3"), (15, "4")]
            .iter()
            .map(|(step, value)| line(*step, "train", value))
            .collect();
        let metrics = Metrics::parse(text.as_bytes());
        let points: Vec<_> = metrics
            .curve("loss", "train")
            .iter()
            .map(|point| (point.step, point.value))
            .collect();
        assert_eq!(points, [(10, Some(3.0)), (15, Some(4.0)), (20, Some(2.0))]);
        assert_eq!(metrics.steps(), Some((10, 20)));
    }

    #[test]
    fn spikes_are_no_curve() {
        let text = line(1, "train", "1")
            + r#"{"step":10,"epoch":0.1,"split":"train","name":"loss_spike","value":4.5,"at":7,"typical":1.5,"threshold":2.5,"grad_norm":null,"lr":0.001,"batch":6}
{"step":10,"epoch":0.1,"split":"train","name":"loss_spike","value":4.5}
"#;
        let metrics = Metrics::parse(text.as_bytes());
        assert_eq!(metrics.names().collect::<Vec<_>>(), ["loss"]);
        assert_eq!((metrics.spikes.len(), metrics.malformed), (1, 1));
    }

    #[test]
    fn training_comes_first() {
        let text = line(1, "test", "1")
            + &line(1, "extra", "1")
            + &line(1, "valid", "1")
            + &line(1, "train", "1");
        let metrics = Metrics::parse(text.as_bytes());
        assert_eq!(metrics.all_splits(), ["train", "valid", "test", "extra"]);
        let splits: Vec<_> = metrics
            .splits("loss")
            .iter()
            .map(|(split, _)| *split)
            .collect();
        assert_eq!(splits, ["train", "valid", "test", "extra"]);
    }
}

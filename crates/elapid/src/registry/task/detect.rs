//! `[task] kind = "detect"`: steps of a series that a model cannot reconstruct.

use burn::module::Module;
use burn::tensor::{DType, Device, Tensor};
use elapid_config::{Detect, Plan};
use elapid_data::series::WindowBatch;
use elapid_models::Forecaster;
use elapid_nn::Init;
use elapid_train::{Inputs, Line, Lines, Measured, Packing, Picture, Shows, Tally, Task};

use super::windows::{on_device, past_packing, series};
use super::{Described, batches, storage};
use crate::diagnose::Watched;
use crate::registry::{Facts, PlanError, SeriesInput, reconstructor};

/// The task that a plan describes.
pub(super) fn build(
    spec: &Detect,
    plan: &Plan,
    facts: &Facts,
    init: &mut Init,
) -> Result<AnomalyDetection, PlanError> {
    let input = SeriesInput::of(series("detect", plan, facts)?);
    Ok(AnomalyDetection {
        model: reconstructor(init, &plan.model, input)?,
        ratio: spec.ratio,
        storage: storage(plan),
    })
}

/// A network that reconstructs windows, trained on series without anomalies.
#[derive(Module, Debug)]
pub struct AnomalyDetection {
    /// The network; its forecast stands for its lookback.
    pub model: Forecaster,
    ratio: f64,
    #[module(skip)]
    storage: DType,
}

impl AnomalyDetection {
    /// The score of each step, `[B, L]`: its squared error, mean over the variates; on a plain device.
    pub fn scores(&self, batch: &WindowBatch, device: &Device) -> Tensor<2> {
        let (past, marks) = on_device(batch, self.storage, device);
        let error = self.model.forward(past.clone(), marks, None) - past.cast(DType::F32);
        (error.clone() * error).mean_dim(2).squeeze_dim::<2>(2)
    }
}

impl Task for AnomalyDetection {
    type Tally = DetectionTally;
    batches!(WindowBatch, |batch| batch.batch);

    fn packing(&self) -> Packing<WindowBatch> {
        past_packing(self.storage)
    }

    fn tally(&self) -> DetectionTally {
        DetectionTally::new(self.ratio)
    }

    fn observe(&self, batch: &WindowBatch, device: &Device, tally: &mut DetectionTally) {
        let scores: Vec<f64> = self.scores(batch, device).into_data().iter().collect();
        for (window, start) in batch.starts.iter().enumerate() {
            let steps = window * batch.lookback..(window + 1) * batch.lookback;
            let labels = batch.anomalies.get(steps.clone()).unwrap_or_default();
            tally.add(*start, &scores[steps], labels);
        }
    }
}

impl Described for AnomalyDetection {}

impl Watched for AnomalyDetection {
    fn loss_with(&self, inputs: &Inputs, mut noise: elapid_nn::Noise) -> Tensor<1> {
        let past = inputs.float::<3>(0);
        let marks = (inputs.count() > 1).then(|| inputs.float(1));
        let found = self
            .model
            .forward(past.clone().cast(self.storage), marks, Some(&mut noise));
        let error = found - past.cast(DType::F32);
        (error.clone() * error).mean()
    }
}

/// Points of a drawing over time; more would be thinner than its lines.
const DRAWN: usize = 800;

/// What is known of a row of the series.
#[derive(Clone, Copy, Debug, Default)]
struct Row {
    /// Sum of the scores in all windows that the row is in.
    score: f64,
    windows: u32,
    is_anomaly: bool,
}

impl Row {
    /// Its score; 0 of a row that is in no window.
    fn mean(&self) -> f64 {
        self.score / f64::from(self.windows.max(1))
    }
}

/// The scores of an evaluation by row, which are needed together to find a threshold.
#[derive(Clone, Debug)]
pub struct DetectionTally {
    /// Per cent of the rows taken for anomalies.
    ratio: f64,
    rows: Vec<Row>,
    is_finite: bool,
}

impl DetectionTally {
    fn new(ratio: f64) -> Self {
        Self {
            ratio,
            rows: Vec::new(),
            is_finite: true,
        }
    }

    /// Adds a window that begins at a row; no labels stand for no anomalies.
    fn add(&mut self, start: usize, scores: &[f64], labels: &[u8]) {
        self.is_finite &= scores.iter().all(|score| score.is_finite());
        let end = start + scores.len();
        if self.rows.len() < end {
            self.rows.resize(end, Row::default());
        }
        for (at, (row, score)) in self.rows[start..end].iter_mut().zip(scores).enumerate() {
            row.score += score;
            row.windows += 1;
            row.is_anomaly |= labels.get(at).is_some_and(|label| *label > 0);
        }
    }

    /// Score and label of every row that is in a window; a row in several has the mean of its scores.
    fn seen(&self) -> (Vec<f64>, Vec<bool>) {
        let seen = self.rows.iter().filter(|row| row.windows > 0);
        let pairs = seen.map(|row| (row.mean(), row.is_anomaly));
        pairs.unzip()
    }
}

impl Tally for DetectionTally {
    /// A row is taken for an anomaly if its score is above the percentile `100 − ratio` of the scores of this evaluation.
    /// (Time-Series-Library takes the percentile of train and test together.) `_adjusted` counts a whole segment of
    /// anomalies as found where one of its rows is: the usual protocol, by which even random scores look good.
    fn metrics(&self) -> Vec<Measured> {
        let (scores, truth) = self.seen();
        let threshold = percentile(&scores, 100.0 - self.ratio);
        let flagged: Vec<bool> = scores.iter().map(|score| *score > threshold).collect();
        let plain = Found::new(&truth, &flagged);
        let adjusted = Found::new(&truth, &point_adjusted(&truth, &flagged));
        let mean = scores.iter().sum::<f64>() / scores.len().max(1) as f64;
        let good = Measured::score;
        vec![
            Measured::error("loss", mean),
            good("f1", plain.f1()),
            good("precision", plain.precision()),
            good("recall", plain.recall()),
            good("f1_adjusted", adjusted.f1()),
            good("precision_adjusted", adjusted.precision()),
            good("recall_adjusted", adjusted.recall()),
            good("auroc", auroc(&scores, &truth)),
        ]
    }

    fn is_finite(&self) -> bool {
        self.is_finite
    }

    /// The scores over time with the threshold, and where anomalies are known to be.
    fn pictures(&self) -> Vec<Picture> {
        self.scores_over_time().into_iter().collect()
    }
}

impl DetectionTally {
    /// Nothing where fewer than two rows were seen. Rows are drawn together, the highest score for all, where there are many.
    fn scores_over_time(&self) -> Option<Picture> {
        let is_seen = |row: &Row| row.windows > 0;
        let first = self.rows.iter().position(is_seen)?;
        let rows = &self.rows[first..];
        let together = rows.len().div_ceil(DRAWN);
        let groups = || rows.chunks(together);
        let scores: Vec<f64> = groups()
            .map(|rows| rows.iter().map(Row::mean).fold(0.0, f64::max))
            .collect();
        if scores.len() < 2 {
            return None;
        }
        let threshold = percentile(&self.seen().0, 100.0 - self.ratio);
        let top = scores.iter().copied().fold(threshold, f64::max);
        let labelled: Vec<f64> = groups()
            .map(|rows| rows.iter().any(|row| row.is_anomaly))
            .map(|is_anomaly| if is_anomaly { top } else { 0.0 })
            .collect();
        let line = |label: &str, shows, values| Line {
            label: label.to_owned(),
            shows,
            first: (first / together) as u64,
            values,
        };
        let count = scores.len();
        let mut lines = Vec::new();
        if labelled.iter().any(|height| *height > 0.0) {
            lines.push(line("labelled anomalies", Shows::Truth, labelled));
        }
        lines.push(line("score", Shows::Predicted, scores));
        lines.push(line("threshold", Shows::Reference, vec![threshold; count]));
        Some(Picture::Lines(Lines {
            title: "Scores of the rows".to_owned(),
            over: match together {
                1 => "row".to_owned(),
                many => format!("{many} rows"),
            },
            lines,
            mark: None,
        }))
    }
}

/// Rows by truth and finding. Shares of nothing are 0, since metrics must be finite.
struct Found {
    right: f64,
    flagged: f64,
    anomalies: f64,
}

impl Found {
    fn new(truth: &[bool], flagged: &[bool]) -> Self {
        let count = |of: &dyn Fn(bool, bool) -> bool| {
            let pairs = truth.iter().zip(flagged);
            pairs
                .filter(|(truth, flagged)| of(**truth, **flagged))
                .count() as f64
        };
        Self {
            right: count(&|truth, flagged| truth && flagged),
            flagged: count(&|_, flagged| flagged),
            anomalies: count(&|truth, _| truth),
        }
    }

    fn precision(&self) -> f64 {
        share(self.right, self.flagged)
    }

    fn recall(&self) -> f64 {
        share(self.right, self.anomalies)
    }

    fn f1(&self) -> f64 {
        share(2.0 * self.right, self.flagged + self.anomalies)
    }
}

fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

/// Findings with every row of a segment of anomalies in which one row was found.
fn point_adjusted(truth: &[bool], flagged: &[bool]) -> Vec<bool> {
    let mut adjusted = flagged.to_vec();
    let mut from = 0;
    for segment in truth.chunk_by(|a, b| a == b) {
        let to = from + segment.len();
        if segment[0] && flagged[from..to].contains(&true) {
            adjusted[from..to].fill(true);
        }
        from = to;
    }
    adjusted
}

/// The percentile of values, interpolated linearly as NumPy's; 0 of none.
fn percentile(values: &[f64], percent: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else {
        return 0.0;
    };
    let at = percent / 100.0 * last as f64;
    let (low, high) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    low + (high - low) * at.fract()
}

/// The chance that an anomaly scores above another row, ties counting half; 0.5 where one kind is missing.
fn auroc(scores: &[f64], truth: &[bool]) -> f64 {
    let mut pairs: Vec<(f64, bool)> = scores.iter().copied().zip(truth.iter().copied()).collect();
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut below, mut wins) = (0.0, 0.0);
    for same in pairs.chunk_by(|a, b| a.0 == b.0) {
        let anomalies = same.iter().filter(|pair| pair.1).count() as f64;
        let others = same.len() as f64 - anomalies;
        wins += anomalies * (below + 0.5 * others);
        below += others;
    }
    let anomalies = pairs.len() as f64 - below;
    match anomalies * below {
        0.0 => 0.5,
        all => wins / all,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_numpy() {
        // numpy.percentile([4, 1, 3, 2], [0, 50, 90, 100])
        let values = [4.0, 1.0, 3.0, 2.0];
        for (percent, expected) in [(0.0, 1.0), (50.0, 2.5), (90.0, 3.7), (100.0, 4.0)] {
            assert!((percentile(&values, percent) - expected).abs() < 1e-12);
        }
        assert_eq!(percentile(&[], 99.0), 0.0);
    }

    #[test]
    fn a_segment_counts_as_found_where_one_row_is() {
        let bits = |text: &str| text.chars().map(|c| c == '1').collect::<Vec<_>>();
        let truth = bits("0111001101");
        let flagged = bits("1010000000");
        assert_eq!(point_adjusted(&truth, &flagged), bits("1111000000"));
    }

    #[test]
    fn chances_of_ranks_by_hand() {
        assert_eq!(auroc(&[1.0, 2.0, 3.0], &[false, true, true]), 1.0);
        assert_eq!(auroc(&[2.0, 2.0], &[false, true]), 0.5);
        assert_eq!(auroc(&[3.0, 1.0, 2.0], &[true, true, false]), 0.5);
        assert_eq!(auroc(&[1.0], &[false]), 0.5);
    }

    #[test]
    fn metrics_by_hand() {
        let mut tally = DetectionTally::new(25.0);
        // Rows 2 and 3 are in both windows, and have the mean of their scores: 0, 0, 1, 4, 2, 0, with anomalies in 2 to 4.
        tally.add(0, &[0.0, 0.0, 2.0, 4.0], &[0, 0, 1, 1]);
        tally.add(2, &[0.0, 4.0, 2.0, 0.0], &[1, 1, 1, 0]);
        let value = |name| {
            let metrics = tally.metrics();
            metrics.iter().find(|m| m.name == name).unwrap().value
        };
        assert!((value("loss") - 7.0 / 6.0).abs() < 1e-12);
        // The threshold is 1.75: rows 3 and 4 are flagged.
        assert_eq!(value("precision"), 1.0);
        assert!((value("recall") - 2.0 / 3.0).abs() < 1e-12);
        assert!((value("f1") - 0.8).abs() < 1e-12);
        assert_eq!(value("f1_adjusted"), 1.0);
        assert_eq!(value("auroc"), 1.0);
    }

    #[test]
    fn scores_are_drawn_over_the_rows() {
        let mut tally = DetectionTally::new(50.0);
        assert!(tally.pictures().is_empty());
        tally.add(5, &[1.0, 3.0, 2.0], &[0, 1, 0]);
        let lines = |tally: &DetectionTally| match &tally.pictures()[..] {
            [Picture::Lines(lines)] => lines.clone(),
            others => panic!("{others:?}"),
        };
        let drawn = lines(&tally);
        let values: Vec<_> = drawn.lines.iter().map(|line| &line.values[..]).collect();
        assert_eq!(values, [[0.0, 3.0, 0.0], [1.0, 3.0, 2.0], [2.0; 3]]);
        assert_eq!((drawn.lines[0].first, &drawn.over[..]), (5, "row"));
        tally.add(8, &[0.5; 2_000], &[]);
        let drawn = lines(&tally);
        assert_eq!(
            (drawn.lines[1].values.len(), &drawn.over[..]),
            (668, "3 rows")
        );
        assert_eq!((drawn.lines[1].first, drawn.lines[1].values[0]), (1, 3.0));
    }

    #[test]
    fn a_split_without_labels_has_finite_metrics() {
        let mut tally = DetectionTally::new(1.0);
        tally.add(5, &[1.0, 2.0], &[]);
        assert!(tally.metrics().iter().all(|m| m.value.is_finite()));
    }
}

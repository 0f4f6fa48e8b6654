//! `[task] kind = "classify_nodes"`: one class a node.

use burn::tensor::{Int, Tensor, TensorData, activation};
use elapid_config::ClassifyNodes;
use elapid_data::graph::{GraphBatch, GraphTargets};
use elapid_train::{Confusion, Inputs, Measured, Picture};

use super::super::counts::Counts;
use super::super::ranking::{average_precision, roc_area};
use super::drawing::Drawing;
use super::{TARGETS, binary_cross_entropy, log_sum_exp, sigmoid, softmax, softplus};
use crate::registry::{Facts, PlanError};

/// How scores of nodes are judged.
#[derive(Clone, Debug)]
pub(super) struct Nodes {
    balance: bool,
    /// One score, for the second of two classes.
    single_score: bool,
    classes: usize,
}

impl Nodes {
    pub(super) fn new(spec: &ClassifyNodes, facts: &Facts) -> Result<Self, PlanError> {
        let classes = facts.classes.len();
        if classes < 2 {
            return Err(PlanError(format!(
                "`kind = \"classify_nodes\"` in [task] needs at least two classes of nodes, and the data set has {classes}; use another task or data set"
            )));
        }
        Ok(Self {
            balance: spec.balance,
            single_score: spec.single_score && classes == 2,
            classes,
        })
    }

    pub(super) fn outputs(&self) -> usize {
        if self.single_score { 1 } else { self.classes }
    }

    /// Classes of nodes, `[N]`, and what each node's loss is multiplied by, `[N]`: 0 where it does not count.
    pub(super) fn targets(&self, batch: &GraphBatch) -> [TensorData; TARGETS] {
        let labels = labels(batch);
        let weights = self.weights(labels);
        let shape = [labels.len()];
        [
            TensorData::new(labels.to_vec(), shape),
            TensorData::new(weights, shape),
        ]
    }

    fn weights(&self, labels: &[i32]) -> Vec<f32> {
        class_weights(labels, self.classes, self.balance, self.single_score)
    }

    pub(super) fn loss(&self, scores: Tensor<2>, inputs: &Inputs) -> Tensor<1> {
        let (labels, weights) = (inputs.int::<1>(0), inputs.float::<1>(1));
        let losses = match self.single_score {
            true => {
                let targets = labels.float().cast(scores.dtype()).unsqueeze_dim::<2>(1);
                binary_cross_entropy(scores, targets).squeeze_dim::<1>(1)
            }
            false => cross_entropy(scores, labels),
        };
        (losses * weights).sum()
    }

    pub(super) fn observe(&self, scores: &[f64], batch: &GraphBatch, tally: &mut NodeTally) {
        let rows = scores.chunks(self.outputs());
        if tally.drawing.is_none() {
            let predicted: Vec<usize> = rows.clone().map(|row| self.class(row)).collect();
            tally.drawing = Drawing::of(batch, &predicted);
        }
        for (row, label) in rows.zip(labels(batch)) {
            let Ok(label) = usize::try_from(*label) else {
                continue;
            };
            match self.single_score {
                true => {
                    let loss = softplus(row[0]) - row[0] * label as f64;
                    tally.add(self.class(row), label, loss, row[0]);
                }
                false => {
                    let loss = log_sum_exp(row) - row[label];
                    let second = row.get(1).map_or(0.0, |score| score - row[0]);
                    tally.add(self.class(row), label, loss, second);
                }
            }
        }
    }
}

impl Nodes {
    /// The class that the scores of a node speak for.
    fn class(&self, scores: &[f64]) -> usize {
        match self.single_score {
            true => usize::from(scores[0] > 0.0),
            false => largest(scores),
        }
    }

    /// Probability of each class.
    pub(super) fn probabilities(&self, scores: &[f64]) -> Vec<f64> {
        match self.single_score {
            true => [-scores[0], scores[0]].map(sigmoid).to_vec(),
            false => softmax(scores),
        }
    }
}

/// What the loss of each row is multiplied by; 0 where its label is negative. With `balance` GraphGPS's `weighted_cross_entropy`:
/// `(V − n) / V` for a class with n of V rows. The sum is a mean over the rows if `over_rows`, and over the weights otherwise.
pub(super) fn class_weights(
    labels: &[i32],
    classes: usize,
    balance: bool,
    over_rows: bool,
) -> Vec<f32> {
    let mut counts = vec![0_u32; classes];
    let counted = labels
        .iter()
        .filter_map(|label| usize::try_from(*label).ok());
    counted.for_each(|label| counts[label] += 1);
    let all = f64::from(counts.iter().sum::<u32>());
    let of_class = |label: usize| match balance {
        true => (all - f64::from(counts[label])) / all,
        false => 1.0,
    };
    let weight = |label: &i32| usize::try_from(*label).map_or(0.0, of_class);
    let sum = match over_rows {
        true => all,
        false => labels.iter().map(weight).sum(),
    };
    // Where all rows are of one class, none counts.
    let scale = if sum > 0.0 { 1.0 / sum } else { 0.0 };
    labels
        .iter()
        .map(|label| (weight(label) * scale) as f32)
        .collect()
}

/// Of equal scores the lower class wins.
pub(super) fn largest(row: &[f64]) -> usize {
    let ranked = row.iter().enumerate();
    let largest = ranked.max_by(|a, b| a.1.total_cmp(b.1).then(b.0.cmp(&a.0)));
    largest.map_or(0, |(class, _)| class)
}

fn labels(batch: &GraphBatch) -> &[i32] {
    match &batch.targets {
        GraphTargets::NodeClasses(labels) => labels,
        _ => panic!("a batch without classes of nodes"),
    }
}

/// `−log softmax(x)` of every row's class, `[rows]`; of the first class where it is negative.
pub(super) fn cross_entropy(scores: Tensor<2>, labels: Tensor<1, Int>) -> Tensor<1> {
    let log_p = activation::log_softmax(scores, 1);
    let picked = log_p.gather(1, labels.clamp_min(0).unsqueeze_dim::<2>(1));
    picked.squeeze_dim::<1>(1).neg()
}

/// Exact sums over an evaluation.
#[derive(Clone, Debug)]
pub struct NodeTally {
    loss: f64,
    counts: Counts,
    /// Of two classes: by how much the second is preferred, and whether it is right.
    ranked: Vec<(f32, bool)>,
    /// The first graph.
    drawing: Option<Drawing>,
}

impl NodeTally {
    pub(super) fn new(classes: Vec<String>) -> Self {
        Self {
            loss: 0.0,
            counts: Counts::new(classes),
            ranked: Vec::new(),
            drawing: None,
        }
    }

    pub(super) fn add(&mut self, predicted: usize, label: usize, loss: f64, second: f64) {
        self.loss += loss;
        self.counts.add(label, predicted);
        if self.counts.classes().len() == 2 {
            self.ranked.push((second as f32, label == 1));
        }
    }

    /// `accuracy` is the share of right answers; `balanced_accuracy` the mean over the classes that come up of the same
    /// (`accuracy-SBM` of GraphGPS, over the whole split); `macro_f1` the mean over the classes that come up or were taken for
    /// (scikit-learn's `f1_score`); `auc`, of two classes, as in scikit-learn.
    pub(super) fn metrics(&self) -> Vec<Measured> {
        let counts = &self.counts;
        let mut metrics = vec![
            Measured::error("loss", self.loss / counts.total()),
            Measured::score("accuracy", counts.accuracy()),
            Measured::score("balanced_accuracy", counts.balanced_accuracy()),
            Measured::score("macro_f1", counts.macro_f1()),
        ];
        if counts.classes().len() == 2 {
            metrics.push(Measured::score("auc", roc_area(&self.ranked)));
        }
        metrics
    }

    pub(super) fn is_finite(&self) -> bool {
        self.loss.is_finite()
    }

    /// Average precision of the second of two classes.
    pub(super) fn precision(&self) -> Option<f64> {
        (self.counts.classes().len() == 2).then(|| average_precision(&self.ranked))
    }

    pub(super) fn pictures(&self) -> Vec<Picture> {
        let drawn = self.drawing.iter();
        let drawn = drawn.map(|drawing| Picture::Graph(drawing.picture(self.counts.classes())));
        drawn.collect()
    }

    pub(super) fn confusion(&self) -> Option<Confusion> {
        Some(self.counts.confusion(false))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(balance: bool, classes: usize) -> Nodes {
        Nodes {
            balance,
            single_score: classes == 2,
            classes,
        }
    }

    #[test]
    fn weights_are_those_of_the_benchmark() {
        // Counts 2, 1, 1 of 4: weights 1/2, 3/4, 3/4, whose sum is 5/2.
        let found = nodes(true, 3).weights(&[0, 0, 1, 2, -1]);
        for (found, expected) in found.iter().zip([0.2, 0.2, 0.3, 0.3, 0.0]) {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
        // Of two classes the mean is over nodes.
        let found = nodes(true, 2).weights(&[0, 0, 0, 1]);
        for (found, expected) in found
            .iter()
            .zip([1.0 / 16.0, 1.0 / 16.0, 1.0 / 16.0, 3.0 / 16.0])
        {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
        assert_eq!(
            nodes(false, 3).weights(&[0, 1, -1, 1]),
            [1.0 / 3.0, 1.0 / 3.0, 0.0, 1.0 / 3.0]
        );
        assert_eq!(nodes(true, 3).weights(&[1, 1]), [0.0, 0.0]);
    }

    #[test]
    fn metrics_by_hand() {
        let mut tally = NodeTally::new(["a", "b", "c"].map(str::to_owned).to_vec());
        for (predicted, label) in [(0, 0), (0, 0), (1, 0), (1, 1), (0, 1)] {
            tally.add(predicted, label, 0.5, 0.0);
        }
        let metrics = tally.metrics();
        let value = |name| metrics.iter().find(|m| m.name == name).unwrap().value;
        assert!((value("loss") - 0.5).abs() < 1e-12);
        assert!((value("accuracy") - 0.6).abs() < 1e-12);
        // scikit-learn: balanced_accuracy_score, f1_score(average="macro"); the third class never comes up.
        assert!((value("balanced_accuracy") - (2.0 / 3.0 + 0.5) / 2.0).abs() < 1e-12);
        assert!((value("macro_f1") - (4.0 / 6.0 + 0.5) / 2.0).abs() < 1e-12);
        assert_eq!(metrics.len(), 4);
    }

    #[test]
    fn only_a_loss_has_to_be_a_number() {
        let tally = |loss| {
            let mut tally = NodeTally::new(["a", "b"].map(str::to_owned).to_vec());
            tally.add(0, 0, loss, 0.0);
            tally
        };
        // No node is of the second class.
        let fine = tally(0.5);
        assert!(fine.metrics().iter().any(|metric| metric.value.is_nan()));
        assert!(fine.is_finite());
        assert!(!tally(f64::NAN).is_finite());
        assert!(!tally(f64::INFINITY).is_finite());
    }

    #[test]
    fn two_classes_have_an_area() {
        let mut tally = NodeTally::new(["a", "b"].map(str::to_owned).to_vec());
        for (score, label) in [(0.9, 1), (0.8, 0), (0.7, 1), (0.1, 0)] {
            tally.add(usize::from(score > 0.0), label, 0.0, score);
        }
        let metrics = tally.metrics();
        let area = metrics.iter().find(|m| m.name == "auc").unwrap().value;
        assert!((area - 0.75).abs() < 1e-12);
    }
}

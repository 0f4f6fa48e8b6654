//! `[task] kind = "label_graphs"`, any number of labels a graph, and `"regress_graphs"`, numbers of a graph.

use burn::tensor::{Tensor, TensorData};
use elapid_data::graph::{GraphBatch, GraphFacts, GraphTargets};
use elapid_train::{Inputs, Measured};

use super::super::ranking::{average_precision, mean_over_labels, roc_area};
use super::{TARGETS, binary_cross_entropy, softplus};
use crate::registry::{Facts, PlanError};

/// How scores of graphs are judged.
#[derive(Clone, Debug)]
pub(super) struct Values {
    kind: Kind,
    width: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// 0 or 1, by binary cross-entropy.
    Labels,
    /// By absolute error.
    Numbers,
}

impl Values {
    pub(super) fn labels(facts: &Facts, shape: &GraphFacts) -> Result<Self, PlanError> {
        let width = shape.values.max(facts.classes.len());
        Self::new(Kind::Labels, "label_graphs", width)
    }

    pub(super) fn numbers(shape: &GraphFacts) -> Result<Self, PlanError> {
        Self::new(Kind::Numbers, "regress_graphs", shape.values)
    }

    fn new(kind: Kind, name: &str, width: usize) -> Result<Self, PlanError> {
        match width {
            0 => Err(PlanError(format!(
                "`kind = \"{name}\"` in [task] needs values of graphs, and the data set has none; use another task or data set"
            ))),
            _ => Ok(Self { kind, width }),
        }
    }

    /// Labels, not numbers.
    pub(super) fn are_labels(&self) -> bool {
        self.kind == Kind::Labels
    }

    pub(super) fn outputs(&self) -> usize {
        self.width
    }

    /// Values of graphs, `[B, width]`, 0 where unknown, and what each loss is multiplied by: 0 there, else one by how many are
    /// known.
    pub(super) fn targets(&self, batch: &GraphBatch) -> [TensorData; TARGETS] {
        let values = values(batch);
        let known = values.iter().filter(|value| !value.is_nan()).count().max(1);
        let weight = |value: &f32| match value.is_nan() {
            true => 0.0,
            false => 1.0 / known as f32,
        };
        let weights: Vec<f32> = values.iter().map(weight).collect();
        let plain: Vec<f32> = values
            .iter()
            .map(|value| if value.is_nan() { 0.0 } else { *value })
            .collect();
        let shape = [values.len() / self.width, self.width];
        [
            TensorData::new(plain, shape),
            TensorData::new(weights, shape),
        ]
    }

    pub(super) fn loss(&self, scores: Tensor<2>, inputs: &Inputs) -> Tensor<1> {
        let (values, weights) = (inputs.float::<2>(0), inputs.float::<2>(1));
        let losses = match self.kind {
            Kind::Labels => binary_cross_entropy(scores, values),
            Kind::Numbers => (scores - values).abs(),
        };
        (losses * weights).sum()
    }

    pub(super) fn tally(&self) -> ValueTally {
        ValueTally {
            is_of_labels: self.kind == Kind::Labels,
            loss: 0.0,
            known: 0,
            of_value: vec![Vec::new(); self.width],
        }
    }

    pub(super) fn observe(&self, scores: &[f64], batch: &GraphBatch, tally: &mut ValueTally) {
        let pairs = scores.iter().zip(values(batch)).enumerate();
        for (at, (score, value)) in pairs.filter(|(_, (_, value))| !value.is_nan()) {
            let value = f64::from(*value);
            tally.known += 1;
            tally.loss += match self.kind {
                Kind::Labels => softplus(*score) - score * value,
                Kind::Numbers => (score - value).abs(),
            };
            if self.kind == Kind::Labels {
                tally.of_value[at % self.width].push((*score as f32, value > 0.5));
            }
        }
    }
}

fn values(batch: &GraphBatch) -> &[f32] {
    match &batch.targets {
        GraphTargets::GraphValues { values, .. } => values,
        _ => panic!("a batch without values of graphs"),
    }
}

/// Sums over an evaluation, and every score of labels.
#[derive(Clone, Debug)]
pub struct ValueTally {
    is_of_labels: bool,
    loss: f64,
    known: u64,
    /// Score and truth of every graph, for each label.
    of_value: Vec<Vec<(f32, bool)>>,
}

impl ValueTally {
    /// Of labels: `map` and `auc` are means over those that some graphs have and others do not. Of numbers: the mean absolute
    /// error over all of them.
    pub(super) fn metrics(&self) -> Vec<Measured> {
        let loss = self.loss / self.known as f64;
        let mut metrics = vec![Measured::error("loss", loss)];
        if !self.is_of_labels {
            metrics.push(Measured::error("mae", loss));
            return metrics;
        }
        let mean = |measure| mean_over_labels(&self.of_value, measure);
        metrics.push(Measured::score("map", mean(average_precision)));
        metrics.push(Measured::score("auc", mean(roc_area)));
        metrics
    }

    pub(super) fn is_finite(&self) -> bool {
        self.loss.is_finite()
    }
}

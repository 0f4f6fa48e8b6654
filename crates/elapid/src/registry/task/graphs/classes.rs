//! `[task] kind = "classify_graphs"`: one class a graph.

use burn::tensor::{Tensor, TensorData, activation};
use elapid_config::ClassifyGraphs;
use elapid_data::graph::{GraphBatch, GraphTargets};
use elapid_train::Inputs;

use super::super::classify::ClassificationTally;
use super::nodes::cross_entropy;
use super::{TARGETS, log_sum_exp};
use crate::registry::{Facts, PlanError};

/// How scores of graphs are judged.
#[derive(Clone, Debug)]
pub(super) struct Classes {
    label_smoothing: f64,
    classes: usize,
}

impl Classes {
    pub(super) fn new(spec: &ClassifyGraphs, facts: &Facts) -> Result<Self, PlanError> {
        let classes = facts.classes.len();
        if classes < 2 {
            return Err(PlanError(format!(
                "`kind = \"classify_graphs\"` in [task] needs at least two classes of graphs, and the data set has {classes}; use another task or data set"
            )));
        }
        Ok(Self {
            label_smoothing: spec.label_smoothing,
            classes,
        })
    }

    pub(super) fn outputs(&self) -> usize {
        self.classes
    }

    /// Classes of graphs, `[B]`, and what each graph's loss is multiplied by, `[B]`: 0 where it does not count.
    pub(super) fn targets(&self, batch: &GraphBatch) -> [TensorData; TARGETS] {
        let labels = labels(batch);
        let counted = labels.iter().filter(|label| **label >= 0).count().max(1);
        let weight = |label: &i32| match *label >= 0 {
            true => 1.0 / counted as f32,
            false => 0.0,
        };
        let weights: Vec<f32> = labels.iter().map(weight).collect();
        let shape = [labels.len()];
        [
            TensorData::new(labels.to_vec(), shape),
            TensorData::new(weights, shape),
        ]
    }

    pub(super) fn loss(&self, scores: Tensor<2>, inputs: &Inputs) -> Tensor<1> {
        let (labels, weights) = (inputs.int::<1>(0), inputs.float::<1>(1));
        let own = cross_entropy(scores.clone(), labels);
        let losses = match self.label_smoothing {
            0.0 => own,
            s => {
                let all = activation::log_softmax(scores, 1).mean_dim(1);
                own * (1.0 - s) - all.squeeze_dim::<1>(1) * s
            }
        };
        (losses * weights).sum()
    }

    pub(super) fn observe(
        &self,
        scores: &[f64],
        batch: &GraphBatch,
        tally: &mut ClassificationTally,
    ) {
        for (row, label) in scores.chunks(self.classes).zip(labels(batch)) {
            if let Ok(label) = usize::try_from(*label) {
                tally.add(row, label, log_sum_exp(row) - row[label]);
            }
        }
    }
}

fn labels(batch: &GraphBatch) -> &[i32] {
    match &batch.targets {
        GraphTargets::GraphClasses(labels) => labels,
        _ => panic!("a batch without classes of graphs"),
    }
}

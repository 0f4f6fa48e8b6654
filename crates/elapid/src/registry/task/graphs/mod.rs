//! Tasks on graphs: one network, and what is asked of its scores.
//!
//! | file | holds |
//! |---|---|
//! | `reading.rs` | a batch of graphs as the inputs of a step, and back |
//! | `nodes.rs` | `classify_nodes` |
//! | `drawing.rs` | the graph that a test leaves to look at |
//! | `classes.rs` | `classify_graphs` |
//! | `values.rs` | `label_graphs`, `regress_graphs` |
//! | `edges.rs` | `classify_edges`, `predict_links` |

mod classes;
mod drawing;
mod edges;
mod nodes;
mod reading;
mod values;

#[cfg(test)]
mod padding_tests;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor, TensorData};
use elapid_config::{Plan, Samples, TaskSpec};
use elapid_data::graph::{GraphBatch, GraphFacts, Pairs, Targets};
use elapid_models::GraphModel;
use elapid_models::graph::PairDecoder;
use elapid_nn::Init;
use elapid_train::{Confusion, Inputs, Measured, Packing, Picture, Tally, Task};

use self::classes::Classes;
use self::edges::{EdgeTally, Edges};
use self::nodes::{NodeTally, Nodes};
use self::reading::{PAIR_INPUTS, Reading, pair_data, pair_input};
use self::values::{ValueTally, Values};
use super::classify::ClassificationTally;
use super::{Described, batches, storage};
use crate::diagnose::Watched;
use crate::registry::graphs::{RowsOf, graph_model, graph_width};
use crate::registry::{Facts, PlanError};

/// The task that a plan describes.
pub(super) fn build(plan: &Plan, facts: &Facts, init: &mut Init) -> Result<GraphTask, PlanError> {
    if !matches!(plan.data.samples, Samples::Graphs(_)) {
        return Err(PlanError(format!(
            "the task `{}` is for graphs, and the data set `{}` is not of such; use another task, or a data set of graphs",
            plan.task.name(),
            plan.data.source.name()
        )));
    }
    let default = GraphFacts::default();
    let shape = facts.graphs.as_ref().unwrap_or(&default);
    let asked = match &plan.task {
        TaskSpec::ClassifyNodes(spec) => Asked::Nodes(Nodes::new(spec, facts)?),
        TaskSpec::ClassifyGraphs(spec) => Asked::Classes(Classes::new(spec, facts)?),
        TaskSpec::LabelGraphs(_) => Asked::Values(Values::labels(facts, shape)?),
        TaskSpec::RegressGraphs(_) => Asked::Values(Values::numbers(shape)?),
        TaskSpec::ClassifyEdges(spec) => Asked::Edges(Edges::classes(spec, facts)?),
        TaskSpec::PredictLinks(spec) => Asked::Edges(Edges::links(spec)),
        other => {
            return Err(PlanError(format!(
                "the task `{}` is not for graphs, of which the data set `{}` is; use \"classify_nodes\", \"classify_edges\", \"predict_links\", \"classify_graphs\", \"label_graphs\" or \"regress_graphs\" as `kind` in [task]",
                other.name(),
                plan.data.source.name()
            )));
        }
    };
    let rows = match &asked {
        Asked::Nodes(nodes) => RowsOf::Nodes(nodes.outputs()),
        Asked::Edges(_) => RowsOf::States,
        Asked::Classes(_) | Asked::Values(_) => RowsOf::Graphs(asked.outputs()),
    };
    let (config, reading) = graph_model(&plan.model, shape, rows)?;
    let width = graph_width(&plan.model).unwrap_or(0);
    let model = GraphModel::new(init, &config);
    let decoder = match &asked {
        Asked::Edges(edges) => {
            let sizes = [width, edges.layers, edges.outputs()];
            Some(PairDecoder::new(init, edges.decoder, sizes))
        }
        _ => None,
    };
    Ok(GraphTask {
        model,
        decoder,
        asked,
        reading: Reading::new(reading, storage(plan)),
        classes: facts.classes.clone(),
    })
}

/// A network on graphs, and what is asked of it.
#[derive(Module, Debug)]
pub struct GraphTask {
    /// Features to scores, or to states of nodes where pairs of them are asked for.
    pub model: GraphModel,
    /// States of nodes to scores of pairs.
    pub decoder: Option<PairDecoder>,
    #[module(skip)]
    asked: Asked,
    #[module(skip)]
    reading: Reading,
    #[module(skip)]
    classes: Vec<String>,
}

/// What is asked of scores.
#[derive(Clone, Debug)]
enum Asked {
    /// Classes of nodes.
    Nodes(Nodes),
    /// Classes of graphs.
    Classes(Classes),
    /// Labels or numbers of graphs.
    Values(Values),
    /// Classes of pairs of nodes, or links.
    Edges(Edges),
}

impl Asked {
    /// Scores of a node, a pair or a graph.
    fn outputs(&self) -> usize {
        match self {
            Self::Nodes(nodes) => nodes.outputs(),
            Self::Classes(classes) => classes.outputs(),
            Self::Values(values) => values.outputs(),
            Self::Edges(edges) => edges.outputs(),
        }
    }

    /// What the loss is computed from besides the scores; as many as [`TARGETS`].
    fn targets(&self, batch: &GraphBatch) -> [TensorData; TARGETS] {
        match self {
            Self::Nodes(nodes) => nodes.targets(batch),
            Self::Classes(classes) => classes.targets(batch),
            Self::Values(values) => values.targets(batch),
            Self::Edges(edges) => edges.targets(batch),
        }
    }

    fn loss(&self, scores: Tensor<2>, inputs: &Inputs) -> Tensor<1> {
        match self {
            Self::Nodes(nodes) => nodes.loss(scores, inputs),
            Self::Classes(classes) => classes.loss(scores, inputs),
            Self::Values(values) => values.loss(scores, inputs),
            Self::Edges(edges) => edges.loss(scores, inputs),
        }
    }
}

/// Inputs in front of those of the graphs: what is to be told, and how much of the loss it makes up.
const TARGETS: usize = 2;

impl GraphTask {
    /// Scores of the nodes, pairs or graphs of a batch, one row each with those of padding, on a plain device.
    pub fn scores(&self, batch: &GraphBatch, device: &Device) -> Tensor<2> {
        let inputs = Inputs::upload(self.reading.data(batch.clone()), device);
        let rows = self.model.forward(&self.reading.input(&inputs, 0), None);
        match &self.decoder {
            None => rows,
            Some(decoder) => {
                let pairs = edges::pairs(batch);
                let upload = |nodes: &[i32]| {
                    let nodes = TensorData::new(nodes.to_vec(), [nodes.len()]);
                    Tensor::<1, Int>::from_data(nodes, device)
                };
                decoder.scores(&rows, upload(&pairs.from), upload(&pairs.to))
            }
        }
    }

    /// What rows of [`answers`](Self::answers) are.
    #[must_use]
    pub fn answer(&self) -> GraphAnswer {
        match &self.asked {
            Asked::Nodes(_) => GraphAnswer::Nodes,
            Asked::Classes(_) => GraphAnswer::Classes,
            Asked::Values(values) if values.are_labels() => GraphAnswer::Labels,
            Asked::Values(_) => GraphAnswer::Numbers,
            Asked::Edges(edges) if edges.are_links() => GraphAnswer::Links,
            Asked::Edges(_) => GraphAnswer::Edges,
        }
    }

    /// Targets of a graph with `nodes` nodes of which nothing is known, all of which count, so that batches can be made of it;
    /// where pairs are asked for, those of `pairs`.
    #[must_use]
    pub fn unknown(&self, nodes: usize, pairs: &[[i32; 2]]) -> Targets {
        match &self.asked {
            Asked::Nodes(_) => Targets::Nodes(vec![0; nodes].into()),
            Asked::Classes(_) => Targets::Class(0),
            Asked::Values(values) => Targets::Values(vec![f32::NAN; values.outputs()].into()),
            Asked::Edges(_) => {
                let (ends, labels) = (pairs.to_vec(), vec![0; pairs.len()]);
                Pairs { ends, labels }.targets()
            }
        }
    }

    /// What the model says of the nodes, of the pairs, or else of the graphs, of a batch, one row each, without those of padding.
    pub fn answers(&self, batch: &GraphBatch, device: &Device) -> Vec<Vec<f64>> {
        let scores = self.scores(batch, device).into_data();
        let scores: Vec<f64> = scores.iter::<f64>().collect();
        let rows = scores.chunks(self.asked.outputs());
        let of = |row: &[f64]| match &self.asked {
            Asked::Nodes(nodes) => nodes.probabilities(row),
            Asked::Classes(_) => softmax(row),
            Asked::Values(values) if values.are_labels() => {
                row.iter().copied().map(sigmoid).collect()
            }
            Asked::Values(_) => row.to_vec(),
            Asked::Edges(edges) if edges.are_links() => row.iter().copied().map(sigmoid).collect(),
            Asked::Edges(_) => softmax(row),
        };
        let real = match &self.asked {
            Asked::Nodes(_) => batch.real_nodes,
            Asked::Edges(_) => edges::pairs(batch).labels.len(),
            Asked::Classes(_) | Asked::Values(_) => batch.real_graphs,
        };
        rows.take(real).map(of).collect()
    }
}

impl Task for GraphTask {
    type Tally = GraphTally;
    batches!(GraphBatch, |batch| batch.real_graphs);

    fn packing(&self) -> Packing<GraphBatch> {
        let (asked, reading) = (self.asked.clone(), self.reading.clone());
        Arc::new(move |batch| {
            let mut inputs = asked.targets(&batch).to_vec();
            if matches!(asked, Asked::Edges(_)) {
                inputs.extend(pair_data(edges::pairs(&batch), batch.nodes));
            }
            inputs.extend(reading.data(batch));
            inputs
        })
    }

    fn tally(&self) -> GraphTally {
        match &self.asked {
            Asked::Nodes(_) => GraphTally::Nodes(NodeTally::new(self.classes.clone())),
            Asked::Classes(_) => {
                GraphTally::Classes(ClassificationTally::new(self.classes.clone()))
            }
            Asked::Values(values) => GraphTally::Values(values.tally()),
            Asked::Edges(edges) => GraphTally::Edges(edges.tally(self.classes.clone())),
        }
    }

    fn observe(&self, batch: &GraphBatch, device: &Device, tally: &mut GraphTally) {
        let scores = self.scores(batch, device).into_data();
        let scores: Vec<f64> = scores.iter::<f64>().collect();
        match (&self.asked, tally) {
            (Asked::Nodes(nodes), GraphTally::Nodes(tally)) => nodes.observe(&scores, batch, tally),
            (Asked::Classes(classes), GraphTally::Classes(tally)) => {
                classes.observe(&scores, batch, tally);
            }
            (Asked::Values(values), GraphTally::Values(tally)) => {
                values.observe(&scores, batch, tally);
            }
            (Asked::Edges(edges), GraphTally::Edges(tally)) => edges.observe(&scores, batch, tally),
            _ => panic!("{}", super::ODD),
        }
    }
}

impl Described for GraphTask {
    fn classes(&self) -> &[String] {
        &self.classes
    }
}

impl Watched for GraphTask {
    fn loss_with(&self, inputs: &Inputs, mut noise: elapid_nn::Noise) -> Tensor<1> {
        let scores = match &self.decoder {
            None => {
                let input = self.reading.input(inputs, TARGETS);
                self.model.forward(&input, Some(&mut noise))
            }
            Some(decoder) => {
                let input = self.reading.input(inputs, TARGETS + PAIR_INPUTS);
                let states = self.model.forward(&input, Some(&mut noise));
                decoder.forward(states, &pair_input(inputs, TARGETS), Some(&mut noise))
            }
        };
        let loss = self.asked.loss(scores, inputs);
        match noise.statistics() {
            Some(statistics) => loss + statistics,
            None => loss,
        }
    }
}

/// Sums over an evaluation of graphs.
#[derive(Clone, Debug)]
pub enum GraphTally {
    /// Classes of nodes.
    Nodes(NodeTally),
    /// Classes of graphs.
    Classes(ClassificationTally),
    /// Labels or numbers of graphs.
    Values(ValueTally),
    /// Classes of pairs, or links.
    Edges(EdgeTally),
}

impl Tally for GraphTally {
    fn metrics(&self) -> Vec<Measured> {
        match self {
            Self::Nodes(tally) => tally.metrics(),
            Self::Classes(tally) => tally.metrics(),
            Self::Values(tally) => tally.metrics(),
            Self::Edges(tally) => tally.metrics(),
        }
    }

    fn is_finite(&self) -> bool {
        match self {
            Self::Nodes(tally) => tally.is_finite(),
            Self::Classes(tally) => tally.is_finite(),
            Self::Values(tally) => tally.is_finite(),
            Self::Edges(tally) => tally.is_finite(),
        }
    }

    fn confusion(&self) -> Option<Confusion> {
        match self {
            Self::Nodes(tally) => tally.confusion(),
            Self::Classes(tally) => tally.confusion(),
            Self::Edges(tally) => tally.confusion(),
            Self::Values(_) => None,
        }
    }

    fn pictures(&self) -> Vec<Picture> {
        match self {
            Self::Nodes(tally) => tally.pictures(),
            Self::Classes(_) | Self::Values(_) | Self::Edges(_) => Vec::new(),
        }
    }
}

/// What a task says of a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GraphAnswer {
    /// A probability of each class for each node.
    Nodes,
    /// A probability of each class.
    Classes,
    /// A probability of each label, independently.
    Labels,
    /// Numbers.
    Numbers,
    /// A probability of each class for each pair.
    Edges,
    /// The probability of a link for each pair.
    Links,
}

/// Probability of each class.
fn softmax(scores: &[f64]) -> Vec<f64> {
    let sum = log_sum_exp(scores);
    scores.iter().map(|score| (score - sum).exp()).collect()
}

/// `1 / (1 + exp(−x))`
fn sigmoid(x: f64) -> f64 {
    (-softplus(-x)).exp()
}

/// `ln Σ exp(x)`
fn log_sum_exp(row: &[f64]) -> f64 {
    let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    largest + row.iter().map(|x| (x - largest).exp()).sum::<f64>().ln()
}

/// `ln (1 + exp(x))`
fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// `−t log σ(x) − (1 − t) log(1 − σ(x))` of every score.
fn binary_cross_entropy(scores: Tensor<2>, targets: Tensor<2>) -> Tensor<2> {
    let softplus = scores.clone().clamp_min(0.0) + scores.clone().abs().neg().exp().log1p();
    softplus - scores * targets
}

//! `[task] kind = "classify_edges"`, one class a pair of nodes, and `"predict_links"`, whether a pair has a link.

use burn::tensor::{Tensor, TensorData};
use elapid_config::{ClassifyEdges, EdgeDecoder, PredictLinks};
use elapid_data::graph::{GraphBatch, GraphTargets, PairBatch};
use elapid_models::graph::PairKind;
use elapid_train::{Confusion, Inputs, Measured};

use super::super::ranking::{average_precision, roc_area};
use super::nodes::{NodeTally, class_weights, cross_entropy, largest};
use super::{TARGETS, binary_cross_entropy, log_sum_exp, softplus};
use crate::registry::{Facts, PlanError};

/// How scores of pairs are judged.
#[derive(Clone, Debug)]
pub(super) struct Edges {
    kind: Kind,
    /// How states become scores.
    pub(super) decoder: PairKind,
    /// Linear maps of the decoder.
    pub(super) layers: usize,
}

#[derive(Clone, Debug)]
enum Kind {
    /// So many classes, rare ones weighing more if `balance`.
    Classes { classes: usize, balance: bool },
    /// One score.
    Links,
}

impl Edges {
    pub(super) fn classes(spec: &ClassifyEdges, facts: &Facts) -> Result<Self, PlanError> {
        let classes = facts.classes.len();
        if classes < 2 {
            return Err(PlanError(format!(
                "`kind = \"classify_edges\"` in [task] needs at least two classes of edges, and the data set has {classes}; use another task or data set"
            )));
        }
        if spec.decoder == EdgeDecoder::Dot {
            return Err(PlanError(
                "`decoder = \"dot\"` in [task] has one score, and classes need one each; use \"concat\" or \"symmetric\""
                    .to_owned(),
            ));
        }
        Ok(Self {
            kind: Kind::Classes {
                classes,
                balance: spec.balance,
            },
            decoder: decoder(spec.decoder),
            layers: spec.decoder_layers,
        })
    }

    pub(super) fn links(spec: &PredictLinks) -> Self {
        Self {
            kind: Kind::Links,
            decoder: decoder(spec.decoder),
            layers: spec.decoder_layers,
        }
    }

    /// Whether links are asked for, not classes.
    pub(super) fn are_links(&self) -> bool {
        matches!(self.kind, Kind::Links)
    }

    pub(super) fn outputs(&self) -> usize {
        match self.kind {
            Kind::Classes { classes, .. } => classes,
            Kind::Links => 1,
        }
    }

    /// Classes of pairs, `[P]`, and what each pair's loss is multiplied by, `[P]`: 0 where it does not count.
    pub(super) fn targets(&self, batch: &GraphBatch) -> [TensorData; TARGETS] {
        let labels = &pairs(batch).labels;
        let weights = match self.kind {
            Kind::Classes { classes, balance } => class_weights(labels, classes, balance, false),
            Kind::Links => class_weights(labels, 2, false, false),
        };
        let shape = [labels.len()];
        [
            TensorData::new(labels.clone(), shape),
            TensorData::new(weights, shape),
        ]
    }

    pub(super) fn loss(&self, scores: Tensor<2>, inputs: &Inputs) -> Tensor<1> {
        let (labels, weights) = (inputs.int::<1>(0), inputs.float::<1>(1));
        let losses = match self.kind {
            Kind::Classes { .. } => cross_entropy(scores, labels),
            Kind::Links => {
                let targets = labels.float().cast(scores.dtype()).unsqueeze_dim::<2>(1);
                binary_cross_entropy(scores, targets).squeeze_dim::<1>(1)
            }
        };
        (losses * weights).sum()
    }

    pub(super) fn tally(&self, classes: Vec<String>) -> EdgeTally {
        match self.kind {
            Kind::Classes { .. } => EdgeTally::Classes(NodeTally::new(classes)),
            Kind::Links => EdgeTally::Links(LinkTally::default()),
        }
    }

    pub(super) fn observe(&self, scores: &[f64], batch: &GraphBatch, tally: &mut EdgeTally) {
        let labels = &pairs(batch).labels;
        match tally {
            EdgeTally::Classes(tally) => {
                for (row, label) in scores.chunks(self.outputs()).zip(labels) {
                    if let Ok(label) = usize::try_from(*label) {
                        let loss = log_sum_exp(row) - row[label];
                        let second = row.get(1).map_or(0.0, |score| score - row[0]);
                        tally.add(largest(row), label, loss, second);
                    }
                }
            }
            EdgeTally::Links(tally) => {
                let pairs = pairs(batch);
                let graph = |at: usize| batch.graph_of_node[pairs.from[at] as usize];
                let counted: Vec<usize> = (0..labels.len()).filter(|&at| labels[at] >= 0).collect();
                for own in counted.chunk_by(|one, other| graph(*one) == graph(*other)) {
                    let known = own.iter().map(|&at| (scores[at], labels[at] == 1));
                    tally.add(&known.collect::<Vec<_>>());
                }
            }
        }
    }
}

fn decoder(kind: EdgeDecoder) -> PairKind {
    match kind {
        EdgeDecoder::Concat => PairKind::Concat,
        EdgeDecoder::Symmetric => PairKind::Symmetric,
        EdgeDecoder::Dot => PairKind::Dot,
    }
}

/// The pairs of a batch.
pub(super) fn pairs(batch: &GraphBatch) -> &PairBatch {
    match &batch.targets {
        GraphTargets::Pairs(pairs) => pairs,
        _ => panic!("a batch without pairs of nodes"),
    }
}

/// Sums over an evaluation of pairs.
#[derive(Clone, Debug)]
pub enum EdgeTally {
    /// Classes.
    Classes(NodeTally),
    /// Links.
    Links(LinkTally),
}

impl EdgeTally {
    /// Of classes those of nodes and, of two classes, `ap`, the average precision of the second; of links see [`LinkTally`].
    pub(super) fn metrics(&self) -> Vec<Measured> {
        match self {
            Self::Classes(tally) => {
                let mut metrics = tally.metrics();
                metrics.extend(tally.precision().map(|value| Measured::score("ap", value)));
                metrics
            }
            Self::Links(tally) => tally.metrics(),
        }
    }

    pub(super) fn is_finite(&self) -> bool {
        match self {
            Self::Classes(tally) => tally.is_finite(),
            Self::Links(tally) => tally.is_finite(),
        }
    }

    pub(super) fn confusion(&self) -> Option<Confusion> {
        match self {
            Self::Classes(tally) => tally.confusion(),
            Self::Links(_) => None,
        }
    }
}

/// Sums over an evaluation of links, and all scores.
#[derive(Clone, Debug, Default)]
pub struct LinkTally {
    /// Losses of pairs without a link and of pairs with one.
    losses: [f64; 2],
    counts: [u64; 2],
    /// Graphs with a link.
    graphs: u64,
    /// Of each graph the mean of `1 / rank`, added up.
    reciprocal_ranks: f64,
    /// Of each graph the share of links that are among the first of their rivals, added up.
    hits: [f64; HITS.len()],
    scores: Vec<(f32, bool)>,
}

const HITS: [(usize, &str); 3] = [(1, "hits_1"), (3, "hits_3"), (10, "hits_10")];

impl LinkTally {
    /// Scores of the links of a graph, each followed by those of the pairs that it is ranked among.
    fn add(&mut self, scores: &[(f64, bool)]) {
        for (score, is_link) in scores {
            let which = usize::from(*is_link);
            self.counts[which] += 1;
            self.losses[which] += softplus(*score) - if *is_link { *score } else { 0.0 };
            self.scores.push((*score as f32, *is_link));
        }
        let mut ranks = Vec::new();
        for group in scores.chunk_by(|_, next| !next.1) {
            if let [(own, true), rivals @ ..] = group {
                ranks.push(rank(*own, rivals));
            }
        }
        if ranks.is_empty() {
            return;
        }
        self.graphs += 1;
        let count = ranks.len() as f64;
        self.reciprocal_ranks += ranks.iter().map(|rank| 1.0 / rank).sum::<f64>() / count;
        for (hits, (first, _)) in self.hits.iter_mut().zip(HITS) {
            let among = ranks.iter().filter(|rank| **rank <= first as f64);
            *hits += among.count() as f64 / count;
        }
    }

    /// `mrr` is the mean over graphs of the mean of `1 / rank` over their links, `hits_k` the same of the share whose rank is at most
    /// k, as in `graphgps/head/inductive_edge.py` of rampasek/GraphGPS; of rivals with the same score half count, where that
    /// code takes any order, and a graph without a link counts for nothing, there for 0. `auc` and `ap` are over all pairs.
    /// `loss` is the mean of those of links and of pairs without, so that it does not depend on how many rivals there are.
    fn metrics(&self) -> Vec<Measured> {
        let [without, with] = [0, 1].map(|which| self.losses[which] / self.counts[which] as f64);
        let graphs = self.graphs as f64;
        let mut metrics = vec![
            Measured::error("loss", f64::midpoint(without, with)),
            Measured::score("mrr", self.reciprocal_ranks / graphs),
        ];
        let hits = self.hits.iter().zip(HITS);
        metrics.extend(hits.map(|(hits, (_, name))| Measured::score(name, hits / graphs)));
        metrics.push(Measured::score("auc", roc_area(&self.scores)));
        metrics.push(Measured::score("ap", average_precision(&self.scores)));
        metrics
    }

    fn is_finite(&self) -> bool {
        self.losses.iter().all(|loss| loss.is_finite())
    }
}

/// One more than the rivals with a higher score and half of those with the same. A score that is no number is the last.
fn rank(own: f64, rivals: &[(f64, bool)]) -> f64 {
    let is_no_higher = |score: f64| score <= own;
    let above = rivals.iter().filter(|rival| !is_no_higher(rival.0)).count();
    let equal = rivals.iter().filter(|(score, _)| *score == own).count();
    1.0 + above as f64 + equal as f64 / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_by_hand() {
        let mut tally = LinkTally::default();
        // Rank 1 of 3; rank 2.5 of 4: one above, one equal.
        tally.add(&[(2.0, true), (1.0, false), (0.0, false)]);
        tally.add(&[(1.0, true), (1.0, false), (3.0, false), (0.5, false)]);
        let metrics = tally.metrics();
        let value = |name| metrics.iter().find(|m| m.name == name).unwrap().value;
        assert!((value("mrr") - (1.0 + 1.0 / 2.5) / 2.0).abs() < 1e-12);
        assert_eq!(value("hits_1"), 0.5);
        assert_eq!((value("hits_3"), value("hits_10")), (1.0, 1.0));
        // Two links in one call are told apart.
        let mut both = LinkTally::default();
        both.add(&[(0.0, true), (1.0, false), (5.0, true), (1.0, false)]);
        // They are of one graph: the mean of 1/2 and 1.
        assert!((both.reciprocal_ranks - 0.75).abs() < 1e-12);
        // A score that is no number is no good rank.
        assert_eq!(rank(f64::NAN, &[(1.0, false), (2.0, false)]), 3.0);
    }
}

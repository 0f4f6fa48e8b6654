//! Graphs made from nothing, by the published procedures.

pub mod communities;
pub mod karate;
pub mod minesweeper;
pub mod rings;
pub mod sbm;
pub mod trees;

use std::sync::Arc;

use burn_dataset::{Dataset, DatasetError};
use rand_chacha::ChaCha8Rng;

use super::dataset::{GraphSample, GraphSplits};
use super::features::Features;
use super::graph::{EdgePolicy, Graph, GraphFault, Parts};
use crate::SampleSet;
use crate::card::Card;
use crate::error::DataError;
use crate::fingerprint::Fingerprint;
use crate::random::{purpose, stream};
use crate::transform::require;

/// Changes when the same settings draw other graphs.
const VERSION: u64 = 1;

/// How many graphs a set has, and which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Training graphs.
    pub train: usize,
    /// Graphs for validation; 0 for none.
    pub valid: usize,
    /// Test graphs.
    pub test: usize,
    /// Which graphs.
    pub seed: u64,
}

/// Makes the graph of a part of a set from its number and its generator alone.
trait Maker: Send + Sync + 'static {
    fn make(
        &self,
        part: Part,
        index: usize,
        rng: &mut ChaCha8Rng,
    ) -> Result<GraphSample, GraphFault>;

    /// What decides what is made, besides seed, part and number.
    fn numbers(&self) -> Vec<u64>;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Train,
    Valid,
    Test,
}

/// One part of a set, nothing of which is kept: graphs are made when they are asked for.
struct Made<M> {
    maker: Arc<M>,
    part: Part,
    len: usize,
    seed: u64,
    name: &'static str,
    classes: Vec<String>,
}

/// The parts of a set that `maker` makes.
fn made<M: Maker>(
    maker: M,
    name: &'static str,
    classes: Vec<String>,
    counts: Counts,
    card: Card,
) -> Result<GraphSplits, DataError> {
    require(counts.train > 0, "train", counts.train, "at least 1")?;
    require(counts.test > 0, "test", counts.test, "at least 1")?;
    let maker = Arc::new(maker);
    let part = |part: Part, len: usize| -> crate::Shared<GraphSample> {
        Arc::new(Made {
            maker: Arc::clone(&maker),
            part,
            len,
            seed: counts.seed,
            name,
            classes: classes.clone(),
        })
    };
    Ok(GraphSplits {
        train: part(Part::Train, counts.train),
        valid: (counts.valid > 0).then(|| part(Part::Valid, counts.valid)),
        test: part(Part::Test, counts.test),
        card,
    })
}

impl<M: Maker> Dataset<GraphSample> for Made<M> {
    fn get(&self, index: usize) -> Result<GraphSample, DatasetError> {
        assert!(index < self.len, "graph {index} of {}", self.len);
        let key = [purpose::GRAPHS, self.part as u64, index as u64];
        let made = self
            .maker
            .make(self.part, index, &mut stream(self.seed, &key));
        made.map_err(|fault| {
            DatasetError::new(DataError::Sample {
                sample: self.describe(index),
                reason: fault.to_string(),
            })
        })
    }

    fn len(&self) -> usize {
        self.len
    }
}

impl<M: Maker> SampleSet<GraphSample> for Made<M> {
    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn describe(&self, index: usize) -> String {
        let part = match self.part {
            Part::Train => "training",
            Part::Valid => "validation",
            Part::Test => "test",
        };
        format!("{part} graph {index} of `{}`", self.name)
    }

    fn fingerprint(&self) -> String {
        let numbers = [VERSION, self.seed, self.part as u64, self.len as u64];
        let print = Fingerprint::new().bytes(self.name.as_bytes());
        let own = self.maker.numbers();
        numbers
            .into_iter()
            .chain(own)
            .fold(print, Fingerprint::number)
            .finish()
    }
}

/// A graph with these features.
fn graph(
    nodes: usize,
    edges: Vec<[u32; 2]>,
    node_features: Features,
    policy: EdgePolicy,
) -> Result<Arc<Graph>, GraphFault> {
    let parts = Parts {
        nodes,
        edges,
        node_features: Some(node_features),
        edge_features: None,
    };
    Graph::new(parts, policy).map(Arc::new)
}

/// One of `width` numbers is 1 in each row, the others are 0.
fn one_hot(hot: &[usize], width: usize) -> Features {
    let mut values = vec![0.0; hot.len() * width];
    for (row, &hot) in hot.iter().enumerate() {
        values[row * width + hot] = 1.0;
    }
    Features::Floats { values, width }
}

/// Names `0` to `count - 1`.
fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|number| number.to_string()).collect()
}

/// A permutation of `0..len` (Fisher and Yates).
fn permutation(len: usize, rng: &mut ChaCha8Rng) -> Vec<usize> {
    let mut order: Vec<usize> = (0..len).collect();
    for last in (1..len).rev() {
        order.swap(last, crate::random::below(rng, last + 1));
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::targets::Targets;

    /// Nodes, directed edges and counts of node classes over a part.
    pub(super) fn statistics(set: &crate::graph::GraphDataset) -> (f64, f64, Vec<usize>) {
        let mut classes = vec![0; set.classes().len()];
        let (mut nodes, mut edges) = (0, 0);
        for index in 0..set.len() {
            let sample = set.get(index).unwrap();
            nodes += sample.graph.nodes();
            edges += sample.graph.edges();
            if let Targets::Nodes(labels) = &sample.targets {
                labels
                    .iter()
                    .for_each(|&label| classes[label as usize] += 1);
            }
        }
        let graphs = set.len() as f64;
        (nodes as f64 / graphs, edges as f64 / graphs, classes)
    }

    #[test]
    fn permutations_are_fair() {
        let mut seen = [0_usize; 4];
        for key in 0..4000 {
            let order = permutation(4, &mut stream(key, &[]));
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, [0, 1, 2, 3]);
            seen[order[0]] += 1;
        }
        // Five standard deviations of 1,000 ± 27.
        assert!(
            seen.iter().all(|count| count.abs_diff(1000) < 137),
            "{seen:?}"
        );
    }
}

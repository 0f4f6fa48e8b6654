//! Batches of the nodes of one large graph, each with a part of what is around it.

use std::collections::HashSet;
use std::sync::Arc;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

use super::batcher::{GraphSettings, Ready, Samples, Use};
use super::dataset::{GraphDataset, GraphSample};
use super::graph::Graph;
use super::padding::Padding;
use super::prepare::PreparedGraphs;
use super::quick_random::QuickRandom;
use super::targets::Targets;
use crate::error::DataError;
use crate::random::purpose;
use crate::transform::require;

/// The nodes of a graph that count, each as a graph of its own: the node, at most so many neighbours of it, at most so many of
/// each of those, and all edges among them (Zeng et al., arXiv:2201.07858). The node is the first of its graph, and the only
/// one that counts. Time and memory of a batch do not depend on the size of the graph.
pub struct NodeBatcher {
    graph: Arc<Graph>,
    labels: Arc<[i32]>,
    /// The nodes that count.
    nodes: Vec<i32>,
    /// Neighbours that are taken of each node, at each distance.
    neighbours: Vec<usize>,
    prepared: Arc<PreparedGraphs>,
    settings: GraphSettings,
}

impl NodeBatcher {
    /// Batches of the nodes of `set`, which is one graph with classes of nodes. Encodings are computed for what is around a
    /// node, so that none are kept in `prepared`.
    ///
    /// # Errors
    ///
    /// A set of several graphs or without classes of nodes, or settings that are not legal.
    pub fn new(
        set: &GraphDataset,
        neighbours: Vec<usize>,
        prepared: Arc<PreparedGraphs>,
        settings: GraphSettings,
    ) -> Result<Self, DataError> {
        settings.check()?;
        let is_legal = !neighbours.is_empty() && neighbours.iter().all(|&count| count > 0);
        let given = format!("{neighbours:?}");
        require(
            is_legal,
            "neighbours",
            given,
            "a number above 0 for each distance",
        )?;
        let odd = |value: String| DataError::Setting {
            setting: "data.batching",
            value: "nodes".to_owned(),
            expected: format!("\"graphs\" for {value}"),
        };
        if set.len() != 1 {
            return Err(odd(format!("a set of {} graphs", set.len())));
        }
        let sample = set.get(0);
        let GraphSample { graph, targets } =
            sample.map_err(|error| DataError::from_dataset(&error, || set.describe(0)))?;
        let Targets::Nodes(labels) = targets else {
            return Err(odd("a graph without classes of nodes".to_owned()));
        };
        let counted = labels.iter().enumerate().filter(|(_, label)| **label >= 0);
        Ok(Self {
            nodes: counted.map(|(node, _)| node as i32).collect(),
            graph,
            labels,
            neighbours,
            prepared,
            settings,
        })
    }

    /// Nodes and edges around at most `count` of the nodes, at even distances.
    #[must_use]
    pub fn sizes(&self, count: usize) -> Vec<[usize; 2]> {
        let step = self.nodes.len().div_ceil(count.max(1)).max(1);
        let chosen = self.nodes.iter().enumerate().step_by(step);
        let of = |(index, &node): (usize, &i32)| {
            let mut random = QuickRandom::of(index as u64, 0);
            let around = around(&self.graph, node, &self.neighbours, &mut random);
            let graph = self.graph.induced(&around);
            [graph.nodes(), graph.edges()]
        };
        chosen.map(of).collect()
    }

    /// Pads batches, or does not.
    #[must_use]
    pub fn padded(mut self, padding: Option<Padding>) -> Self {
        self.settings.padding = padding;
        self
    }

    fn around(&self, index: usize, mut rng: ChaCha8Rng) -> Result<Ready, DataError> {
        let node = self.nodes[index];
        rng.set_stream(purpose::NODES);
        let mut random = QuickRandom::of(rng.next_u64(), 0);
        let around = around(&self.graph, node, &self.neighbours, &mut random);
        let graph = self.graph.induced(&around);
        let mut labels = vec![-1; around.len()];
        labels[0] = self.labels[node as usize];
        let prepared = self.prepared.fresh(&graph)?;
        let sample = GraphSample {
            graph: Arc::new(graph),
            targets: Targets::Nodes(labels.into()),
        };
        Ok((sample, Arc::new(prepared), rng))
    }
}

/// A node and some of the nodes whose edges lead to it, of those whose edges lead to these, and so on.
fn around(graph: &Graph, node: i32, neighbours: &[usize], random: &mut QuickRandom) -> Vec<i32> {
    let mut all = vec![node];
    let mut seen = HashSet::from([node]);
    let (mut first, mut drawn) = (0, Vec::new());
    for &count in neighbours {
        let end = all.len();
        graph.touch(all[first..end].iter().map(|&node| node as usize));
        for place in first..end {
            let sources = graph.into_node(all[place] as usize);
            random.some_below(sources.len(), count, &mut drawn);
            let fresh = drawn.iter().map(|&at| sources[at]);
            all.extend(fresh.filter(|source| seen.insert(*source)));
        }
        first = end;
    }
    all
}

impl Samples for NodeBatcher {
    fn count(&self) -> usize {
        self.nodes.len()
    }

    fn settings(&self) -> &GraphSettings {
        &self.settings
    }

    fn ready(&self, index: usize, rng: ChaCha8Rng, _: Use) -> Result<Ready, DataError> {
        self.around(index, rng)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::encoding::EncodingSettings;
    use crate::graph::order::{OrderSettings, Ranking};
    use crate::graph::synth::communities;
    use crate::graph::targets::GraphTargets;
    use crate::{Batcher, Order, TrainLoader};

    fn batcher(nodes: usize) -> NodeBatcher {
        let settings = communities::Settings {
            nodes,
            edges: 10 * nodes,
            communities: 5,
            within: 0.8,
            features: 6,
            seed: 1,
        };
        let splits = communities::splits(&settings).unwrap();
        let encodings = EncodingSettings {
            walk_steps: 3,
            ..EncodingSettings::default()
        };
        let settings = GraphSettings {
            order: OrderSettings {
                by: Ranking::DegreeNoise,
                layers: 2,
                draws: 5,
                buckets: 1,
            },
            padding: None,
            tokens: None,
            walks: None,
            links: None,
        };
        let prepared = PreparedGraphs::new(encodings, Ranking::DegreeNoise, 0);
        NodeBatcher::new(&*splits.train, vec![5, 3], prepared, settings).unwrap()
    }

    #[test]
    fn a_batch_has_a_graph_a_node_with_what_is_around_it() {
        let batcher = batcher(2000);
        let batch = batcher.eval(0..7).unwrap().unwrap();
        assert_eq!((batch.graphs, batch.orders.len()), (7, 10));
        let GraphTargets::NodeClasses(classes) = &batch.targets else {
            panic!("classes of nodes expected");
        };
        for graph in 0..7 {
            let [first, end] = [graph, graph + 1].map(|g| batch.node_ptr[g] as usize);
            assert!(end - first <= 1 + 5 + 15);
            assert_eq!(classes[first], batcher.nodes[graph] % 5);
            assert!(classes[first + 1..end].iter().all(|&class| class == -1));
            // The first has the neighbours that were taken.
            let into = batch.dst_ptr[first + 1] - batch.dst_ptr[first];
            assert!(into >= 5, "{into}");
        }
        assert_eq!(batch, batcher.eval(0..7).unwrap().unwrap());
    }

    #[test]
    fn epochs_take_other_neighbours() {
        let loader = TrainLoader::new(batcher(500), Order::plain(20, 3), 2).unwrap();
        let per_epoch = loader.batches_per_epoch();
        let [first, again, later] =
            [0, 0, per_epoch].map(|at| loader.iter_from(at).next().unwrap().unwrap());
        assert_eq!(first, again);
        assert_ne!(first.src, later.src);
    }
}

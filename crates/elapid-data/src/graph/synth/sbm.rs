//! PATTERN and CLUSTER: stochastic block models (Dwivedi et al., arXiv:2003.00982; `graphdeeplearning/benchmarking-gnns`,
//! data/SBMs).

use rand_chacha::ChaCha8Rng;

use super::{Counts, Maker, Part, graph, made, numbered, one_hot, permutation};
use crate::card::card;
use crate::error::DataError;
use crate::graph::dataset::{GraphSample, GraphSplits};
use crate::graph::graph::{EdgePolicy, GraphFault};
use crate::graph::targets::Targets;
use crate::random::{below, purpose, stream, unit64};

/// Nodes of a community or of a pattern are from the first to below the second, each as likely.
const SIZES: (usize, usize) = (5, 35);

/// The counts that are published: 10,000, 2,000 and 2,000.
#[must_use]
pub fn pattern_counts() -> Counts {
    Counts {
        train: 10_000,
        valid: 2_000,
        test: 2_000,
        seed: 0,
    }
}

/// The counts that are published: 10,000, 1,000 and 1,000.
#[must_use]
pub fn cluster_counts() -> Counts {
    Counts {
        train: 10_000,
        valid: 1_000,
        test: 1_000,
        seed: 0,
    }
}

/// PATTERN: which nodes belong to a pattern that is hidden among five communities.
///
/// Edges within a community have probability 0.5, between communities 0.35, within the pattern and from it to every other node
/// 0.5. Nodes of communities have one of three signals at random. There are 100 patterns with signals of their own; every
/// part has as many graphs with each, so that patterns of the test were seen in training, as in the published set.
///
/// # Errors
///
/// No graphs to train or test on.
pub fn pattern(counts: Counts) -> Result<GraphSplits, DataError> {
    let maker = Pattern {
        seed: counts.seed,
        lens: [counts.train, counts.valid, counts.test],
    };
    let card = card("pattern")?;
    made(maker, "pattern", card.classes.clone(), counts, card)
}

/// CLUSTER: to which of six communities a node belongs, of each of which one node is named.
///
/// Edges within a community have probability 0.55, between communities 0.25.
///
/// # Errors
///
/// No graphs to train or test on.
pub fn cluster(counts: Counts) -> Result<GraphSplits, DataError> {
    made(Cluster, "cluster", numbered(6), counts, card("cluster")?)
}

const PATTERNS: usize = 100;
const SIGNALS: usize = 3;

struct Pattern {
    seed: u64,
    /// Graphs of each part.
    lens: [usize; 3],
}

/// A pattern that is hidden.
struct Hidden {
    edges: Vec<[u32; 2]>,
    signals: Vec<usize>,
}

impl Pattern {
    fn hidden(&self, number: usize) -> Hidden {
        let rng = &mut stream(self.seed, &[purpose::PATTERNS, number as u64]);
        let size = SIZES.0 + below(rng, SIZES.1 - SIZES.0);
        let edges = pairs(size).filter(|_| unit64(rng) < 0.5).collect();
        let signals = (0..size).map(|_| below(rng, SIGNALS)).collect();
        Hidden { edges, signals }
    }
}

impl Maker for Pattern {
    fn make(
        &self,
        part: Part,
        index: usize,
        rng: &mut ChaCha8Rng,
    ) -> Result<GraphSample, GraphFault> {
        let hidden = self.hidden(index * PATTERNS / self.lens[part as usize]);
        let communities = communities(5, rng);
        let base = communities.len();
        let mut edges = blocks(&communities, 0.5, 0.35, rng);
        let mut signals: Vec<usize> = (0..base).map(|_| below(rng, SIGNALS)).collect();
        for own in 0..hidden.signals.len() {
            let (own, others) = ((base + own) as u32, 0..base as u32);
            let attached = others.filter(|_| unit64(rng) < 0.5);
            edges.extend(attached.map(|other| [other, own]));
        }
        let moved = hidden.edges.iter();
        edges.extend(moved.map(|edge| edge.map(|node| node + base as u32)));
        signals.extend(&hidden.signals);
        let nodes = signals.len();
        let labels: Vec<usize> = (0..nodes).map(|node| usize::from(node >= base)).collect();
        shuffled(&edges, &signals, SIGNALS, &labels, rng)
    }

    fn numbers(&self) -> Vec<u64> {
        self.lens.iter().map(|&len| len as u64).collect()
    }
}

struct Cluster;

impl Maker for Cluster {
    fn make(&self, _: Part, _: usize, rng: &mut ChaCha8Rng) -> Result<GraphSample, GraphFault> {
        let communities = communities(6, rng);
        let edges = blocks(&communities, 0.55, 0.25, rng);
        let mut signals = vec![0; communities.len()];
        for community in 0..6 {
            let first = communities.partition_point(|&other| other < community);
            let end = communities.partition_point(|&other| other <= community);
            signals[first + below(rng, end - first)] = community + 1;
        }
        shuffled(&edges, &signals, 7, &communities, rng)
    }

    fn numbers(&self) -> Vec<u64> {
        Vec::new()
    }
}

/// Community of each node; those of one are together.
fn communities(count: usize, rng: &mut ChaCha8Rng) -> Vec<usize> {
    let mut communities = Vec::new();
    for community in 0..count {
        let size = SIZES.0 + below(rng, SIZES.1 - SIZES.0);
        communities.resize(communities.len() + size, community);
    }
    communities
}

/// Edges with probability `within` a community and `between` two.
fn blocks(communities: &[usize], within: f64, between: f64, rng: &mut ChaCha8Rng) -> Vec<[u32; 2]> {
    let is_edge = |&[a, b]: &[u32; 2]| {
        let is_same = communities[a as usize] == communities[b as usize];
        unit64(rng) < if is_same { within } else { between }
    };
    pairs(communities.len()).filter(is_edge).collect()
}

fn pairs(nodes: usize) -> impl Iterator<Item = [u32; 2]> {
    let nodes = nodes as u32;
    (0..nodes).flat_map(move |a| (a + 1..nodes).map(move |b| [a, b]))
}

/// The graph with its nodes in an order at random.
fn shuffled(
    edges: &[[u32; 2]],
    signals: &[usize],
    width: usize,
    labels: &[usize],
    rng: &mut ChaCha8Rng,
) -> Result<GraphSample, GraphFault> {
    let nodes = signals.len();
    let old = permutation(nodes, rng);
    let mut new = vec![0; nodes];
    for (place, &node) in old.iter().enumerate() {
        new[node] = place as u32;
    }
    let edges = edges.iter().map(|edge| edge.map(|node| new[node as usize]));
    let signals: Vec<usize> = old.iter().map(|&node| signals[node]).collect();
    let labels: Vec<i32> = old.iter().map(|&node| labels[node] as i32).collect();
    Ok(GraphSample {
        graph: graph(
            nodes,
            edges.collect(),
            one_hot(&signals, width),
            EdgePolicy::MIRRORED,
        )?,
        targets: Targets::Nodes(labels.into()),
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::statistics;
    use super::*;
    use crate::graph::features::Features;

    /// Mean and variance of a uniform size in 5..35.
    const SIZE: (f64, f64) = (19.5, (30.0 * 30.0 - 1.0) / 12.0);

    #[test]
    fn pattern_has_the_published_statistics() {
        let counts = Counts {
            train: 2000,
            valid: 100,
            test: 100,
            seed: 3,
        };
        let splits = pattern(counts).unwrap();
        let (nodes, edges, classes) = statistics(&*splits.train);
        // Five communities a graph and 100 patterns in all: the published 118.9 nodes are one draw of this law.
        let deviation = (5.0 * SIZE.1 / 2000.0 + SIZE.1 / 100.0).sqrt();
        assert!((nodes - 6.0 * SIZE.0).abs() < 4.0 * deviation, "{nodes}");
        assert!((118.9 - 6.0 * SIZE.0).abs() < 4.0 * deviation);
        // Pairs within: (E n² − E n)/2 a block; between: 10 pairs of communities, 5 of community and pattern.
        let (within, between) = ((SIZE.1 + SIZE.0 * SIZE.0 - SIZE.0) / 2.0, SIZE.0 * SIZE.0);
        let expected = 2.0 * (6.0 * 0.5 * within + 10.0 * 0.35 * between + 5.0 * 0.5 * between);
        // Sizes make edges vary: a share of 0.06 is four deviations of 100 patterns. Published: 6,098.9.
        assert!((edges / expected - 1.0).abs() < 0.06, "{edges} {expected}");
        assert!((6098.9 / expected - 1.0_f64).abs() < 0.06, "{expected}");
        let share = classes[1] as f64 / (classes[0] + classes[1]) as f64;
        assert!((share - 1.0 / 6.0).abs() < 0.03, "{share}");
    }

    #[test]
    fn cluster_has_the_published_statistics() {
        let counts = Counts {
            train: 1000,
            valid: 0,
            test: 100,
            seed: 3,
        };
        let splits = cluster(counts).unwrap();
        assert!(splits.valid.is_none());
        let (nodes, edges, classes) = statistics(&*splits.train);
        let deviation = (6.0 * SIZE.1 / 1000.0).sqrt();
        assert!((nodes - 117.0).abs() < 4.0 * deviation, "{nodes}");
        assert!((117.2 - 117.0_f64).abs() < 4.0 * deviation);
        let (within, between) = ((SIZE.1 + SIZE.0 * SIZE.0 - SIZE.0) / 2.0, SIZE.0 * SIZE.0);
        let expected = 2.0 * (6.0 * 0.55 * within + 15.0 * 0.25 * between);
        assert!((edges / expected - 1.0).abs() < 0.05, "{edges} {expected}");
        assert!((4303.9 / expected - 1.0_f64).abs() < 0.02, "{expected}");
        let all: usize = classes.iter().sum();
        for count in classes {
            assert!(
                (count as f64 / all as f64 - 1.0 / 6.0).abs() < 0.01,
                "{count} of {all}"
            );
        }
        let sample = splits.test.get(3).unwrap();
        let Features::Floats { values, width: 7 } = sample.graph.node_features() else {
            panic!("seven numbers expected");
        };
        let sums: Vec<f32> = (0..7)
            .map(|at| values.iter().skip(at).step_by(7).sum())
            .collect();
        assert_eq!(sums[1..], [1.0; 6]);
        assert_eq!(sums.iter().sum::<f32>() as usize, sample.graph.nodes());
    }

    #[test]
    fn graphs_have_edges_both_ways_and_no_loops() {
        let splits = pattern(Counts {
            train: 200,
            ..pattern_counts()
        });
        let splits = splits.unwrap();
        let one = splits.train.get(17).unwrap().graph;
        for (&src, dst) in one.src().iter().zip(one.dst()) {
            assert!(src != dst && one.edge(dst, src as usize).is_some());
        }
        assert_eq!(one.src(), splits.train.get(17).unwrap().graph.src());
        assert_ne!(one.src(), splits.test.get(17).unwrap().graph.src());
        assert_ne!(splits.train.fingerprint(), splits.test.fingerprint());
    }

    #[test]
    fn parts_share_their_patterns() {
        let splits = pattern(Counts {
            train: 200,
            valid: 100,
            test: 100,
            seed: 5,
        });
        let splits = splits.unwrap();
        let of = |set: &crate::graph::GraphDataset, index: usize| -> i32 {
            let Targets::Nodes(labels) = set.get(index).unwrap().targets else {
                panic!("classes of nodes expected");
            };
            labels.iter().sum()
        };
        for number in [0, 40, 99] {
            let size = of(&*splits.test, number);
            assert_eq!(of(&*splits.train, 2 * number), size);
            assert_eq!(of(&*splits.train, 2 * number + 1), size);
        }
    }
}

//! Tree-NeighborsMatch (Alon and Yahav, arXiv:2006.05205; `tech-srl/bottleneck`): what a leaf far away says.

use std::sync::Arc;

use burn_dataset::{Dataset, DatasetError};

use super::{VERSION, graph, permutation};
use crate::SampleSet;
use crate::card::card;
use crate::error::DataError;
use crate::fingerprint::Fingerprint;
use crate::graph::dataset::{GraphSample, GraphSplits};
use crate::graph::features::Features;
use crate::graph::graph::{EdgePolicy, Graph};
use crate::graph::targets::Targets;
use crate::order::permuted;
use crate::random::{derived_seed, purpose, stream};
use crate::transform::require;

/// Deepest trees: 2¹⁰ leaves.
const DEEPEST: usize = 10;

/// Trees of depth `depth` with 2^depth leaves, each with a key and a value; the root has the key of one, and its value is to be
/// told.
///
/// There are up to 1,000 permutations of values over the leaves, and fewer where trees would be more than 32,000; each makes a
/// tree for every key. A fifth of the trees of each class is for the test. Nodes have two categories, key and value, 0 where
/// there is none. Edges lead from children to parents, and from every node to itself. Published numbers are accuracies on the
/// training trees: with `validate_on_training` these are the validation split, too.
///
/// # Errors
///
/// A depth that is not from 2 to 10.
pub fn splits(
    depth: usize,
    validate_on_training: bool,
    seed: u64,
) -> Result<GraphSplits, DataError> {
    let is_legal = (2..=DEEPEST).contains(&depth);
    require(is_legal, "depth", depth, "2 to 10")?;
    let all = Arc::new(Trees::new(depth, seed));
    let (mut train, mut test) = (Vec::new(), Vec::new());
    let leaves = 1 << depth;
    let permutations = all.values.len();
    // Every permutation has each value once, so that classes are equally large.
    let held = permutations.div_ceil(5).min(permutations - 1);
    for class in 0..leaves {
        let seed = derived_seed(seed, &[purpose::GRAPHS, 1, class as u64]);
        for place in 0..permutations {
            let number = permuted(seed, 0, permutations, place);
            let key = all.values[number]
                .iter()
                .position(|&value| usize::from(value) == class);
            let index = number * leaves + key.unwrap_or(0);
            if place < held { &mut test } else { &mut train }.push(index);
        }
    }
    train.sort_unstable();
    test.sort_unstable();
    let part = |indices: Vec<usize>| -> crate::Shared<GraphSample> {
        Arc::new(Chosen {
            trees: Arc::clone(&all),
            indices,
        })
    };
    let train = part(train);
    Ok(GraphSplits {
        valid: validate_on_training.then(|| Arc::clone(&train)),
        train,
        test: part(test),
        card: card("tree_neighbors_match")?,
    })
}

/// All trees of a depth: they differ in their categories alone.
struct Trees {
    depth: usize,
    seed: u64,
    /// Edges, child to parent and loops.
    edges: Vec<[u32; 2]>,
    /// Nodes of the leaves, from left to right.
    leaves: Vec<usize>,
    /// Value of each leaf in each permutation, from 0.
    values: Vec<Vec<u16>>,
    classes: Vec<String>,
}

impl Trees {
    fn new(depth: usize, seed: u64) -> Self {
        let (edges, leaves) = tree(depth);
        Self {
            depth,
            seed,
            edges,
            leaves,
            values: permutations(depth, seed),
            // Class 0 never occurs: values count from 1.
            classes: super::numbered((1 << depth) + 1),
        }
    }

    fn tree(&self, index: usize) -> Result<GraphSample, DataError> {
        let leaves = self.leaves.len();
        let (values, key) = (&self.values[index / leaves], index % leaves);
        let nodes = 2 * leaves - 1;
        let mut categories = vec![0; 2 * nodes];
        categories[0] = key as i32 + 1;
        for (number, (&node, &value)) in self.leaves.iter().zip(values).enumerate() {
            categories[2 * node] = number as i32 + 1;
            categories[2 * node + 1] = i32::from(value) + 1;
        }
        let features = Features::Categories {
            values: categories,
            columns: 2,
        };
        let mut labels = vec![-1; nodes];
        labels[0] = i32::from(values[key]) + 1;
        let graph: Result<Arc<Graph>, _> =
            graph(nodes, self.edges.clone(), features, EdgePolicy::PLAIN);
        Ok(GraphSample {
            graph: graph.map_err(|fault| DataError::Sample {
                sample: format!("tree {index}"),
                reason: fault.to_string(),
            })?,
            targets: Targets::Nodes(labels.into()),
        })
    }
}

/// Edges of a complete binary tree whose nodes are numbered in pre-order, and its leaves from left to right.
fn tree(depth: usize) -> (Vec<[u32; 2]>, Vec<usize>) {
    let nodes = (1 << (depth + 1)) - 1;
    let (mut edges, mut leaves) = (Vec::new(), Vec::new());
    let mut stack = vec![(0, nodes - 1)];
    while let Some((node, last)) = stack.pop() {
        edges.push([node as u32, node as u32]);
        if node == last {
            leaves.push(node);
            continue;
        }
        let (left, right) = (node + 1, node + 1 + (last - node) / 2);
        edges.extend([left, right].map(|child| [child as u32, node as u32]));
        stack.push((right, last));
        stack.push((left, right - 1));
    }
    (edges, leaves)
}

/// Values of the leaves: different permutations where there are few of them, any where there are many.
fn permutations(depth: usize, seed: u64) -> Vec<Vec<u16>> {
    let leaves = 1_usize << depth;
    if depth <= 3 {
        let all: usize = (1..=leaves).product();
        let seed = derived_seed(seed, &[purpose::PATTERNS]);
        let drawn = (0..all.min(1000)).map(|place| permuted(seed, 0, all, place));
        return drawn.map(|number| unranked(number, leaves)).collect();
    }
    let count = 1000.min(32_000 / leaves);
    let drawn = (0..count as u64).map(|number| {
        let rng = &mut stream(seed, &[purpose::PATTERNS, number]);
        permutation(leaves, rng)
            .into_iter()
            .map(|value| value as u16)
    });
    drawn.map(Iterator::collect).collect()
}

/// The permutation of `0..len` that has `number` in the order of the alphabet.
fn unranked(mut number: usize, len: usize) -> Vec<u16> {
    let mut left: Vec<u16> = (0..len as u16).collect();
    let mut order = Vec::with_capacity(len);
    for remaining in (0..len).rev() {
        let each: usize = (1..=remaining).product();
        order.push(left.remove(number / each));
        number %= each;
    }
    order
}

/// Some of the trees.
struct Chosen {
    trees: Arc<Trees>,
    indices: Vec<usize>,
}

impl Dataset<GraphSample> for Chosen {
    fn get(&self, index: usize) -> Result<GraphSample, DatasetError> {
        self.trees
            .tree(self.indices[index])
            .map_err(DatasetError::new)
    }

    fn len(&self) -> usize {
        self.indices.len()
    }
}

impl SampleSet<GraphSample> for Chosen {
    fn classes(&self) -> &[String] {
        &self.trees.classes
    }

    fn describe(&self, index: usize) -> String {
        format!("tree {}", self.indices[index])
    }

    fn fingerprint(&self) -> String {
        let Trees { depth, seed, .. } = *self.trees;
        let numbers = [VERSION, depth as u64, seed];
        let indices = self.indices.iter().map(|&index| index as u64);
        numbers
            .into_iter()
            .chain(indices)
            .fold(Fingerprint::new().bytes(b"trees"), Fingerprint::number)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn trees_are_as_many_as_published() {
        let counts = [(2, 96), (3, 8_000), (4, 16_000), (5, 32_000), (6, 32_000)];
        for (depth, expected) in counts {
            let splits = splits(depth, true, 11).unwrap();
            let (train, test) = (splits.train.len(), splits.test.len());
            assert_eq!(train + test, expected, "depth {depth}");
            let share = test as f64 / expected as f64;
            assert!((share - 0.2).abs() < 0.01, "depth {depth}: {share}");
            assert_eq!(splits.train.classes().len(), (1 << depth) + 1);
        }
    }

    #[test]
    fn a_tree_is_numbered_in_pre_order() {
        let (edges, leaves) = tree(2);
        assert_eq!(leaves, [2, 3, 5, 6]);
        let mut up: Vec<_> = edges.into_iter().filter(|[a, b]| a != b).collect();
        up.sort_unstable();
        assert_eq!(up, [[1, 0], [2, 1], [3, 1], [4, 0], [5, 4], [6, 4]]);
    }

    #[test]
    fn the_label_is_the_value_at_the_key() {
        let splits = splits(3, false, 11).unwrap();
        assert!(splits.valid.is_none());
        let mut seen = BTreeSet::new();
        for index in (0..splits.test.len()).step_by(7) {
            let sample = splits.test.get(index).unwrap();
            let Features::Categories { values, columns: 2 } = sample.graph.node_features() else {
                panic!("two categories expected");
            };
            let leaf = (1..15).find(|node| values[2 * node] == values[0]).unwrap();
            let Targets::Nodes(labels) = &sample.targets else {
                panic!("classes of nodes expected");
            };
            assert_eq!(labels[0], values[2 * leaf + 1]);
            assert!(labels[1..].iter().all(|&label| label == -1));
            // 14 edges upwards and 15 loops.
            assert_eq!((sample.graph.nodes(), sample.graph.edges()), (15, 29));
            seen.insert(labels[0]);
        }
        assert!(seen.into_iter().eq(1..=8));
    }

    #[test]
    fn few_permutations_are_all_different() {
        let all: BTreeSet<Vec<u16>> = permutations(2, 11).into_iter().collect();
        assert_eq!(all.len(), 24);
        let some: BTreeSet<Vec<u16>> = permutations(3, 11).into_iter().collect();
        assert_eq!(some.len(), 1000);
        assert_eq!(unranked(0, 4), [0, 1, 2, 3]);
        assert_eq!(unranked(23, 4), [3, 2, 1, 0]);
    }
}

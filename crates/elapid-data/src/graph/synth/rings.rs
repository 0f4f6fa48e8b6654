//! Ring transfer (Bodnar et al., arXiv:2106.12575; `twitter-research/cwn`): what the opposite node of a ring says.

use rand_chacha::ChaCha8Rng;

use super::{Counts, Maker, Part, graph, made, numbered};
use crate::card::card;
use crate::error::DataError;
use crate::graph::dataset::{GraphSample, GraphSplits};
use crate::graph::features::Features;
use crate::graph::graph::{EdgePolicy, GraphFault};
use crate::graph::targets::Targets;
use crate::transform::require;

const CLASSES: usize = 5;

/// The counts that are published: 5,000 and 500.
#[must_use]
pub fn counts() -> Counts {
    Counts {
        train: 5_000,
        valid: 0,
        test: 500,
        seed: 0,
    }
}

/// Rings of `nodes` nodes. Node 0 has zeros, node `nodes / 2` one of five classes as a one-hot row, and all others ones; the
/// class is to be told at node 0. As published, classes follow one another in equal numbers, and graphs of one class are all
/// the same; chance is 0.2.
///
/// # Errors
///
/// Fewer than three nodes, or no graphs to train or test on.
pub fn splits(nodes: usize, counts: Counts) -> Result<GraphSplits, DataError> {
    require(nodes >= 3, "nodes", nodes, "at least 3")?;
    let maker = Rings {
        nodes,
        lens: [counts.train, counts.valid, counts.test],
    };
    made(
        maker,
        "ring_transfer",
        numbered(CLASSES),
        counts,
        card("ring_transfer")?,
    )
}

struct Rings {
    nodes: usize,
    lens: [usize; 3],
}

impl Maker for Rings {
    fn make(
        &self,
        part: Part,
        index: usize,
        _: &mut ChaCha8Rng,
    ) -> Result<GraphSample, GraphFault> {
        let class = index * CLASSES / self.lens[part as usize];
        let mut values = vec![1.0; self.nodes * CLASSES];
        values[..CLASSES].fill(0.0);
        let opposite = self.nodes / 2;
        for (at, value) in values[opposite * CLASSES..(opposite + 1) * CLASSES]
            .iter_mut()
            .enumerate()
        {
            *value = f32::from(u8::from(at == class));
        }
        let features = Features::Floats {
            values,
            width: CLASSES,
        };
        let nodes = self.nodes as u32;
        let edges = (0..nodes).map(|node| [node, (node + 1) % nodes]).collect();
        let mut labels = vec![-1; self.nodes];
        labels[0] = class as i32;
        Ok(GraphSample {
            graph: graph(self.nodes, edges, features, EdgePolicy::MIRRORED)?,
            targets: Targets::Nodes(labels.into()),
        })
    }

    fn numbers(&self) -> Vec<u64> {
        let numbers = [self.nodes].into_iter().chain(self.lens);
        numbers.map(|number| number as u64).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_balanced_and_opposite() {
        let splits = splits(10, counts()).unwrap();
        assert_eq!((splits.train.len(), splits.test.len()), (5000, 500));
        let mut seen = [0; 5];
        for index in 0..500 {
            let sample = splits.test.get(index).unwrap();
            let Targets::Nodes(labels) = &sample.targets else {
                panic!("classes of nodes expected");
            };
            let Features::Floats { values, width: 5 } = sample.graph.node_features() else {
                panic!("five numbers expected");
            };
            let class = labels[0] as usize;
            assert_eq!(values[25 + class], 1.0);
            assert_eq!(values.iter().sum::<f32>(), 8.0 * 5.0 + 1.0);
            assert_eq!(sample.graph.edges(), 20);
            seen[class] += 1;
        }
        assert_eq!(seen, [100; 5]);
    }
}

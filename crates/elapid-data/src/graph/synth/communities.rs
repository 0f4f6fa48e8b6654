//! One large graph of communities, to measure what sampling costs.

use std::ops::Range;
use std::sync::Arc;

use crate::card::card;
use crate::error::DataError;
use crate::graph::dataset::{GraphSample, GraphSplits, InMemory, by_masks};
use crate::graph::features::Features;
use crate::graph::graph::{EdgePolicy, Graph, Parts};
use crate::graph::links::links_of;
use crate::graph::pairs::Pairs;
use crate::graph::quick_random::QuickRandom;
use crate::random::{derived_seed, purpose};
use crate::transform::require;

/// A graph of any size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Number of nodes.
    pub nodes: usize,
    /// Edges that are drawn; each is there both ways, and a few fall on one another.
    pub edges: usize,
    /// Communities, which are the classes.
    pub communities: usize,
    /// Probability that an edge stays in its community.
    pub within: f64,
    /// Numbers of a node: noise, to which 1 is added at the place of its community modulo this.
    pub features: usize,
    /// Which graph.
    pub seed: u64,
}

/// A graph whose nodes belong to communities of equal size, in turns; 60 % of the nodes are trained on, 20 % are for validation
/// and 20 % for the test.
///
/// # Errors
///
/// Numbers that are 0, or more communities than nodes.
pub fn splits(settings: &Settings) -> Result<GraphSplits, DataError> {
    let (graph, seed) = made(settings)?;
    let (nodes, communities) = (settings.nodes, settings.communities);
    let labels: Vec<i32> = (0..nodes).map(|node| (node % communities) as i32).collect();
    let shares = shares(nodes, seed);
    let mask =
        |of: Range<usize>| -> Vec<bool> { shares.iter().map(|share| of.contains(share)).collect() };
    let masks = PARTS.map(mask);
    by_masks(
        graph,
        &labels,
        masks.each_ref().map(Vec::as_slice),
        super::numbered(communities),
        card("communities")?,
        "the communities",
    )
}

/// The same graph, whose edges have the classes `across` and `within` communities; 60 % of them are trained on, 20 % are for validation
/// and 20 % for the test.
///
/// # Errors
///
/// As for [`splits`], or too few edges.
pub fn edge_splits(settings: &Settings) -> Result<GraphSplits, DataError> {
    let (graph, seed) = made(settings)?;
    let links = links_of(&graph, true);
    require(links.len() >= 20, "edges", links.len(), "at least 20")?;
    let shares = shares(links.len(), seed);
    let graph = Arc::new(graph);
    let community = |node: i32| node as usize % settings.communities;
    let part = |of: Range<usize>| -> Result<Arc<InMemory>, DataError> {
        let mut pairs = Pairs::default();
        let own = links
            .iter()
            .zip(&shares)
            .filter(|(_, share)| of.contains(share));
        for (&[from, to], _) in own {
            pairs.push([from, to], i32::from(community(from) == community(to)));
        }
        let sample = GraphSample {
            graph: Arc::clone(&graph),
            targets: pairs.targets(),
        };
        let classes = ["across", "within"].map(str::to_owned).to_vec();
        InMemory::new(vec![sample], classes, "the communities")
    };
    let [train, valid, test] = PARTS;
    Ok(GraphSplits {
        train: part(train)?,
        valid: Some(part(valid)?),
        test: part(test)?,
        card: card("communities")?,
    })
}

/// Fifths that training, validation and test have.
const PARTS: [Range<usize>; 3] = [0..3, 3..4, 4..5];

/// The fifth that each of `len` nodes or edges is in.
fn shares(len: usize, seed: u64) -> Vec<usize> {
    let random = &mut QuickRandom::of(seed, 2);
    (0..len).map(|_| random.below(5)).collect()
}

/// The graph, and what else is drawn from.
fn made(settings: &Settings) -> Result<(Graph, u64), DataError> {
    let &Settings {
        nodes,
        edges,
        communities,
        within,
        features,
        seed,
    } = settings;
    require(nodes >= 10, "nodes", nodes, "at least 10")?;
    let is_legal = (1..=nodes).contains(&communities);
    require(
        is_legal,
        "communities",
        communities,
        "1 to the number of nodes",
    )?;
    require((0.0..=1.0).contains(&within), "within", within, "0 to 1")?;
    require(features > 0, "features", features, "at least 1")?;
    let seed = derived_seed(seed, &[purpose::GRAPHS]);
    let random = &mut QuickRandom::of(seed, 0);
    let drawn = (0..edges).map(|_| edge(nodes, communities, within, random));
    let drawn: Vec<[u32; 2]> = drawn.collect();
    let random = &mut QuickRandom::of(seed, 1);
    let values = (0..nodes * features).map(|at| {
        let is_own = (at / features) % communities % features == at % features;
        // Twelve uniform numbers are near enough to a Gaussian one, and quick.
        let noise: f64 = (0..12).map(|_| random.unit()).sum::<f64>() - 6.0;
        noise as f32 + f32::from(u8::from(is_own))
    });
    let parts = Parts {
        nodes,
        edges: drawn,
        node_features: Some(Features::Floats {
            values: values.collect(),
            width: features,
        }),
        edge_features: None,
    };
    let graph = Graph::new(parts, EdgePolicy::MIRRORED).map_err(|fault| DataError::Sample {
        sample: "the communities".to_owned(),
        reason: fault.to_string(),
    })?;
    Ok((graph, seed))
}

fn edge(nodes: usize, communities: usize, within: f64, random: &mut QuickRandom) -> [u32; 2] {
    let from = random.below(nodes);
    let to = if random.unit() < within {
        let own = from % communities;
        let size = (nodes - own).div_ceil(communities);
        own + communities * random.below(size)
    } else {
        random.below(nodes)
    };
    [from as u32, to as u32]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::targets::Targets;

    #[test]
    fn edges_stay_in_their_community_as_often_as_asked() {
        let settings = Settings {
            nodes: 5_003,
            edges: 50_000,
            communities: 10,
            within: 0.7,
            features: 8,
            seed: 2,
        };
        let splits = splits(&settings).unwrap();
        let sample = splits.train.get(0).unwrap();
        let graph = &sample.graph;
        let inside = graph
            .src()
            .iter()
            .zip(graph.dst())
            .filter(|(a, b)| **a % 10 == b % 10);
        let share = inside.count() as f64 / graph.edges() as f64;
        // A tenth of the other edges stay by chance.
        assert!((share - 0.73).abs() < 0.01, "{share}");
        assert!(graph.edges() > 98_000 && graph.edges() <= 100_000);
        let Targets::Nodes(labels) = &sample.targets else {
            panic!("classes of nodes expected");
        };
        let counted = labels.iter().filter(|&&label| label >= 0).count();
        assert!(counted.abs_diff(3002) < 180, "{counted}");
    }

    #[test]
    fn edges_have_the_class_of_their_ends() {
        let settings = Settings {
            nodes: 200,
            edges: 1_000,
            communities: 4,
            within: 0.6,
            features: 4,
            seed: 2,
        };
        let set = edge_splits(&settings).unwrap();
        let mut all = Vec::new();
        for split in [Some(&set.train), set.valid.as_ref(), Some(&set.test)] {
            let Targets::Pairs(pairs) = split.unwrap().get(0).unwrap().targets else {
                panic!("pairs expected");
            };
            for (ends, label) in pairs.ends.iter().zip(&pairs.labels) {
                assert_eq!(*label == 1, ends[0] % 4 == ends[1] % 4);
            }
            all.extend(pairs.ends.clone());
        }
        all.sort_unstable();
        assert_eq!(all, links_of(&set.test.get(0).unwrap().graph, true));
    }
}

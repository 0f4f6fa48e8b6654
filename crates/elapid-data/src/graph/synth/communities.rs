//! One large graph of communities, to measure what sampling costs.

use crate::card::card;
use crate::error::DataError;
use crate::graph::dataset::{GraphSplits, by_masks};
use crate::graph::features::Features;
use crate::graph::graph::{EdgePolicy, Graph, Parts};
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
    let labels: Vec<i32> = (0..nodes).map(|node| (node % communities) as i32).collect();
    let random = &mut QuickRandom::of(seed, 2);
    let shares: Vec<usize> = (0..nodes).map(|_| random.below(5)).collect();
    let mask = |of: std::ops::Range<usize>| -> Vec<bool> {
        shares.iter().map(|share| of.contains(share)).collect()
    };
    let masks = [mask(0..3), mask(3..4), mask(4..5)];
    by_masks(
        graph,
        &labels,
        masks.each_ref().map(Vec::as_slice),
        super::numbered(communities),
        card("communities")?,
        "the communities",
    )
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
}

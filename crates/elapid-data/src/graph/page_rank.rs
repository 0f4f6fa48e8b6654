//! How often a surfer at random is at a node.

use super::graph::Graph;

/// Probability that the surfer follows an edge.
const DAMPING: f64 = 0.85;
const ROUNDS: usize = 50;

/// PageRank of each node, `[N]` (Page et al. 1999): fifty rounds of power iteration from equal shares, damping 0.85; what is at
/// nodes without outgoing edges is spread over all nodes.
pub(super) fn page_rank(graph: &Graph) -> Vec<f32> {
    let nodes = graph.nodes();
    let degrees = graph.degrees();
    let share = 1.0 / nodes as f64;
    let mut ranks = vec![share; nodes];
    for _ in 0..ROUNDS {
        let lost: f64 = ranks
            .iter()
            .zip(&degrees)
            .filter_map(|(rank, &degree)| (degree == 0).then_some(rank))
            .sum();
        let base = (1.0 - DAMPING) * share + DAMPING * lost * share;
        let into = |node: usize| -> f64 {
            let sources = graph.into_node(node).iter();
            let given = |&src: &i32| ranks[src as usize] / f64::from(degrees[src as usize]);
            sources.map(given).sum()
        };
        ranks = (0..nodes).map(|node| base + DAMPING * into(node)).collect();
    }
    ranks.into_iter().map(|rank| rank as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::graph::EdgePolicy;

    #[test]
    fn ranks_of_a_star_are_those_of_its_equation() {
        let ranks = page_rank(&Graph::bare(
            5,
            vec![[0, 1], [0, 2], [0, 3]],
            EdgePolicy::MIRRORED,
        ));
        // With base b: hub = b + 0.85·3·leaf, leaf = b + 0.85·hub/3, alone = b; the sum is 1.
        let hub = (1.0 + 0.85 * 3.0) / (1.0 - 0.85 * 0.85);
        let leaf = 1.0 + 0.85 * hub / 3.0;
        let sum = hub + 3.0 * leaf + 1.0;
        for (rank, expected) in ranks.iter().zip([hub, leaf, leaf, leaf, 1.0]) {
            assert!(
                (f64::from(*rank) - expected / sum).abs() < 1e-4,
                "{ranks:?}"
            );
        }
    }
}

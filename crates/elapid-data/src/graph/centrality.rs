//! How central a node is.

use super::graph::Graph;

const ROUNDS: usize = 200;

/// Eigenvector centrality of each node, `[N]` (Bonacich 1972): the entries, at least 0 and of length 1 together, of the eigenvector of the
/// adjacency matrix with the largest eigenvalue, over edges into the nodes; 200 rounds of power iteration. Itself is added to the matrix,
/// which changes no eigenvector and keeps graphs with two sides from swinging between them.
pub(super) fn centrality(graph: &Graph) -> Vec<f32> {
    let nodes = graph.nodes();
    let mut now = vec![1.0 / (nodes as f64).sqrt(); nodes];
    for _ in 0..ROUNDS {
        let from = |node: usize| graph.into_node(node).iter().map(|&src| now[src as usize]);
        let next: Vec<f64> = (0..nodes)
            .map(|node| now[node] + from(node).sum::<f64>())
            .collect();
        let length = next.iter().map(|x| x * x).sum::<f64>().sqrt();
        now = next.into_iter().map(|x| x / length).collect();
    }
    now.into_iter().map(|x| x as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::graph::EdgePolicy;

    #[test]
    fn a_star_has_the_eigenvector_of_its_matrix() {
        let found = centrality(&Graph::bare(
            5,
            vec![[0, 1], [0, 2], [0, 3], [0, 4]],
            EdgePolicy::MIRRORED,
        ));
        // The eigenvalue is 2: hub = 2 leaf, and 4 leaf² + hub² = 1.
        let leaf = 1.0 / 8.0_f32.sqrt();
        for (own, expected) in found.iter().zip([2.0 * leaf, leaf, leaf, leaf, leaf]) {
            assert!((own - expected).abs() < 1e-6, "{found:?}");
        }
    }
}

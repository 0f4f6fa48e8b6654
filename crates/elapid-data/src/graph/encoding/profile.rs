//! Degrees of a node and of its neighbours.

use super::Rows;
use crate::graph::graph::Graph;

/// Local degree profile (Cai and Wang, arXiv:1811.03508): the degree, and least, largest, mean and standard deviation of the
/// degrees of the nodes that edges lead to, `[N, 5]`. Degrees count outgoing edges; all are 0 for a node without. The
/// deviation is biased, and 0 below the square root of 1e-5, as PyTorch Geometric's.
pub(super) fn profile(graph: &Graph) -> Rows {
    const LEAST: f64 = 1e-5;
    let degrees = graph.degrees();
    let out = graph.out();
    let mut values = Vec::with_capacity(graph.nodes() * 5);
    for (node, &degree) in degrees.iter().enumerate() {
        let neighbours = out.neighbours(node).iter();
        let of = neighbours.map(|&to| f64::from(degrees[to as usize]));
        let of: Vec<f64> = of.collect();
        let count = of.len().max(1) as f64;
        let mean = of.iter().sum::<f64>() / count;
        let variance = of.iter().map(|x| x * x).sum::<f64>() / count - mean * mean;
        let deviation = if variance <= LEAST {
            0.0
        } else {
            variance.sqrt()
        };
        let least = of.iter().copied().reduce(f64::min).unwrap_or(0.0);
        let largest = of.iter().copied().reduce(f64::max).unwrap_or(0.0);
        values.push(degree as f32);
        values.extend([least, largest, mean, deviation].map(|value| value as f32));
    }
    Rows { values, width: 5 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::graph::EdgePolicy;

    #[test]
    fn the_profile_of_a_star_with_a_tail() {
        let graph = Graph::bare(
            6,
            vec![[0, 1], [0, 2], [0, 3], [3, 4]],
            EdgePolicy::MIRRORED,
        );
        let rows = profile(&graph);
        // Neighbours of 0 have 1, 1 and 2 edges.
        let deviation = (2.0_f32 - 16.0 / 9.0).sqrt();
        let hub = &rows.values[..5];
        assert_eq!(&hub[..3], [3.0, 1.0, 2.0]);
        assert!((hub[3] - 4.0 / 3.0).abs() < 1e-6 && (hub[4] - deviation).abs() < 1e-6);
        assert_eq!(rows.values[5..10], [1.0, 3.0, 3.0, 3.0, 0.0]);
        assert_eq!(rows.values[25..], [0.0; 5]);
    }
}

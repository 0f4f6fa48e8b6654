//! Eigenvectors of the Laplacian.

use nalgebra::{DMatrix, SymmetricTridiagonal};

use super::GraphEigen;
use super::tridiagonal::Tridiagonal;
use crate::error::DataError;
use crate::graph::graph::Graph;
use crate::graph::quick_random::QuickRandom;
use crate::random::mix;

/// Most nodes of a graph of which eigenvectors are computed: time grows with the cube of it, and is about a second here.
pub const LARGEST: usize = 1000;

/// The `count` eigenvectors of D − A with the smallest eigenvalues, of the graph with every edge both ways and once.
///
/// As `graphgps/transform/posenc_stats.py` (Rampášek et al., arXiv:2205.12454) without normalisation of the Laplacian: the
/// trivial eigenvalues count, negative rounding is clamped to 0, and of a graph with fewer nodes the missing ones are masked.
/// Loops change nothing, because they are in D and in A. Where an eigenvalue is multiple its vectors are any of its space. The sign of
/// a vector is drawn, by the edges of the graph.
pub(super) fn eigen(graph: &Graph, count: usize) -> Result<GraphEigen, DataError> {
    let nodes = graph.nodes();
    if nodes > LARGEST {
        return Err(DataError::Setting {
            setting: "data.encodings.eigenvectors",
            value: count.to_string(),
            expected: format!(
                "0 for graphs of more than {LARGEST} nodes, of which there is one with {nodes}; `walk_steps` has no such limit"
            ),
        });
    }
    let real = count.min(nodes);
    // Nothing but what is asked for: all vectors would take three times as long.
    let (rotation, diagonal, beside) = SymmetricTridiagonal::new(laplacian(graph)).unpack();
    let matrix = Tridiagonal {
        diagonal: diagonal.as_slice(),
        beside: beside.as_slice(),
    };
    let (values, vectors) = matrix.smallest(real);
    let vectors = DMatrix::from_fn(nodes, real, |row, column| vectors[column][row]);
    let vectors = rotation * vectors;
    let mut eigen = GraphEigen {
        vectors: vec![0.0; nodes * count],
        values: vec![0.0; count],
        real,
    };
    let mark = mark(graph);
    for (at, value) in values.into_iter().enumerate() {
        eigen.values[at] = value.max(0.0) as f32;
        // LAPACK leaves signs to rounding, and half of the graphs have either. Here all graphs would have the same one in the trivial
        // vector, and training, which turns a vector round for a whole batch, would have all of its graphs on one side.
        let sign = match QuickRandom::of(mark, at as u64).below(2) {
            0 => -1.0,
            _ => 1.0,
        };
        for node in 0..nodes {
            eigen.vectors[node * count + at] = (sign * vectors[(node, at)]) as f32;
        }
    }
    Ok(eigen)
}

/// A number that every edge has a part in.
fn mark(graph: &Graph) -> u64 {
    let into = |node| {
        graph
            .into_node(node)
            .iter()
            .map(move |&src| [src as u64, node as u64])
    };
    let ends = (0..graph.nodes()).flat_map(into);
    ends.fold(0, |mark, [src, dst]| mix(mark ^ ((src << 32) | dst)))
}

fn laplacian(graph: &Graph) -> DMatrix<f64> {
    let nodes = graph.nodes();
    let mut matrix = DMatrix::zeros(nodes, nodes);
    for dst in 0..nodes {
        for &src in graph.into_node(dst) {
            let src = src as usize;
            if src != dst {
                matrix[(src, dst)] = -1.0;
                matrix[(dst, src)] = -1.0;
            }
        }
    }
    for node in 0..nodes {
        matrix[(node, node)] = -matrix.column(node).sum();
    }
    matrix
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::graph::EdgePolicy;

    fn graph(nodes: usize, edges: Vec<[u32; 2]>) -> Graph {
        Graph::bare(nodes, edges, EdgePolicy::PLAIN)
    }

    /// Largest entry of L V − V Λ, and of VᵀV − 1.
    fn errors(graph: &Graph, eigen: &GraphEigen) -> (f64, f64) {
        let (nodes, count, width) = (graph.nodes(), eigen.real, eigen.values.len());
        let vectors = DMatrix::from_fn(nodes, count, |row, column| {
            f64::from(eigen.vectors[row * width + column])
        });
        let values = DMatrix::from_fn(count, count, |row, column| {
            f64::from(u8::from(row == column)) * f64::from(eigen.values[column])
        });
        let residual = laplacian(graph) * &vectors - &vectors * values;
        let product = vectors.transpose() * vectors - DMatrix::identity(count, count);
        (residual.amax(), product.amax())
    }

    #[test]
    fn a_path_has_the_eigenvalues_of_its_formula() {
        let nodes = 30;
        let path = graph(nodes, (0..29).map(|at| [at, at + 1]).collect());
        let eigen = eigen(&path, 8).unwrap();
        for (at, value) in eigen.values[..8].iter().enumerate() {
            let angle = std::f64::consts::PI * at as f64 / nodes as f64;
            assert!((f64::from(*value) - (2.0 - 2.0 * angle.cos())).abs() < 1e-6);
        }
        let (residual, product) = errors(&path, &eigen);
        assert!(residual < 1e-6 && product < 1e-6, "{residual} {product}");
    }

    #[test]
    fn parts_of_a_graph_have_an_eigenvalue_of_zero_each() {
        // Two triangles, one with a loop, and a node alone.
        let edges = vec![[0, 1], [1, 2], [2, 0], [2, 2], [3, 4], [4, 5], [5, 3]];
        let parts = graph(7, edges);
        let eigen = eigen(&parts, 10).unwrap();
        let expected = [0.0, 0.0, 0.0, 3.0, 3.0, 3.0, 3.0, 0.0, 0.0, 0.0];
        for (value, expected) in eigen.values[..10].iter().zip(expected) {
            assert!((value - expected).abs() < 1e-6, "{:?}", &eigen.values[..10]);
        }
        assert_eq!(eigen.real, 7);
        let (residual, product) = errors(&parts, &eigen);
        assert!(residual < 1e-6 && product < 1e-6, "{residual} {product}");
    }

    /// 100 ± 7.1 of 200, within five standard deviations.
    #[test]
    fn half_of_the_graphs_have_either_sign() {
        let mut positive = [0; 4];
        for seed in 0..200 {
            let mut random = QuickRandom::of(seed, 0);
            let pairs = (0..20_u32).flat_map(|a| (a + 1..20).map(move |b| [a, b]));
            let edges = pairs.filter(|_| random.below(2) == 0).collect();
            let graph = graph(20, edges);
            let first = eigen(&graph, 4).unwrap();
            let again = eigen(&graph, 4).unwrap();
            assert_eq!(first.vectors, again.vectors);
            for (at, positive) in positive.iter_mut().enumerate() {
                let cubes = first.vectors.chunks(4).map(|row| row[at].powi(3));
                *positive += usize::from(cubes.sum::<f32>() > 0.0);
            }
        }
        assert!(
            positive.iter().all(|count| count.abs_diff(100) < 36),
            "{positive:?}"
        );
    }

    #[test]
    fn large_graphs_are_refused() {
        let error = eigen(&graph(LARGEST + 1, vec![]), 4)
            .unwrap_err()
            .to_string();
        assert!(error.contains("of which there is one with 1001"), "{error}");
    }
}

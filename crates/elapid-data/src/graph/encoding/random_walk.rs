//! Where random walks come back.

use super::Rows;
use crate::graph::graph::Graph;

/// Starts that are followed together: their probabilities lie side by side.
const BLOCK: usize = 16;

/// Probability that a walk that starts at a node is there after 1, 2, …, `steps` steps, `[N, steps]`: the diagonal of powers
/// of D⁻¹A (Dwivedi et al., arXiv:2110.07875). A walk from a node without outgoing edges ends.
///
/// Blocks of starts are propagated along the edges, so that memory grows with nodes and time with nodes times edges.
pub(super) fn returns(graph: &Graph, steps: usize) -> Rows {
    let nodes = graph.nodes();
    let inverse: Vec<f32> = graph
        .degrees()
        .into_iter()
        .map(|degree| {
            if degree == 0 {
                0.0
            } else {
                1.0 / degree as f32
            }
        })
        .collect();
    let mut values = vec![0.0; nodes * steps];
    let (mut now, mut next) = (vec![[0.0_f32; BLOCK]; nodes], vec![[0.0_f32; BLOCK]; nodes]);
    for first in (0..nodes).step_by(BLOCK) {
        let lanes = BLOCK.min(nodes - first);
        now.fill([0.0; BLOCK]);
        for lane in 0..lanes {
            now[first + lane][lane] = 1.0;
        }
        for step in 0..steps {
            // What leaves a node is divided once, not once an edge.
            for (row, inverse) in now.iter_mut().zip(&inverse) {
                row.iter_mut().for_each(|x| *x *= inverse);
            }
            for (node, row) in next.iter_mut().enumerate() {
                *row = [0.0; BLOCK];
                for &src in graph.into_node(node) {
                    let from = &now[src as usize];
                    row.iter_mut().zip(from).for_each(|(x, from)| *x += from);
                }
            }
            std::mem::swap(&mut now, &mut next);
            for lane in 0..lanes {
                values[(first + lane) * steps + step] = now[first + lane][lane];
            }
        }
    }
    Rows {
        values,
        width: steps,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::graph::EdgePolicy;

    #[test]
    fn probabilities_are_the_diagonals_of_powers() {
        let edges = (0..40_u32).flat_map(|a| [[a, (a * 7 + 3) % 41], [a, (a * a + 1) % 41]]);
        let graph = Graph::bare(41, edges.collect(), EdgePolicy::PLAIN);
        let nodes = graph.nodes();
        let degrees = graph.degrees();
        let mut matrix = vec![0.0_f64; nodes * nodes];
        for (&src, dst) in graph.src().iter().zip(graph.dst()) {
            matrix[src as usize * nodes + dst as usize] = 1.0 / f64::from(degrees[src as usize]);
        }
        let mut power = matrix.clone();
        let rows = returns(&graph, 5);
        for step in 0..5 {
            for node in 0..nodes {
                let expected = power[node * nodes + node];
                let given = f64::from(rows.values[node * 5 + step]);
                assert!((given - expected).abs() < 1e-6, "{node} {step}");
            }
            let entry = |at: usize| -> f64 {
                let (row, column) = (at / nodes, at % nodes);
                let terms = (0..nodes).map(|k| power[row * nodes + k] * matrix[k * nodes + column]);
                terms.sum()
            };
            power = (0..nodes * nodes).map(entry).collect();
        }
    }
}

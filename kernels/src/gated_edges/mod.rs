//! Gates of edges and gated means over them: the inside of a residual gated graph convolution (arXiv 1711.07553).
//!
//! For an edge e from node j to node i, channel by channel:
//!
//! ```text
//! states   ê_e = t_i + s_j + c_e + b
//! mean     y_i = Σ_e σ(ê_e) m_j / (Σ_e σ(ê_e) + 1e-6)    over the edges to i
//! ```
//!
//! A graph has many more edges than nodes, and by tensor operations a dozen matrices with a row for each edge are written and read
//! again. On a GPU nothing but ê is written: gates are computed where they are read, as often as that is. Sums are taken as those of
//! [`segment`](crate::segment), long ones in pieces, in an order that does not change. On the CPU, and where edges are not sorted by
//! destination, it is the reference.

#[cfg(feature = "gpu")]
mod autodiff;
#[cfg(feature = "gpu")]
mod cube;
#[cfg(feature = "gpu")]
mod fusion;
#[cfg(feature = "gpu")]
mod ops;
pub mod reference;
#[cfg(test)]
mod tests;

use burn::tensor::Tensor;

use crate::segment::Segments;

/// Keeps a node without incoming edges from dividing by zero; the official code's.
pub const EPSILON: f64 = 1e-6;

/// Where edges start and end: edges as rows, nodes as segments.
#[derive(Clone, Copy, Debug)]
pub struct Ends<'a> {
    /// By the node that an edge comes from.
    pub source: &'a Segments,
    /// By the node that an edge goes to.
    pub target: &'a Segments,
}

/// States ê of the edges, `[E, D]` in the type of `edge`.
///
/// - `target`, `source` `[N, D]`: what the nodes at an edge's ends add, in the type of `edge`
/// - `edge` `[E, D]`: what it has itself
/// - `bias` `[D]`, in the type of `edge`
///
/// # Panics
///
/// Panics if the shapes disagree.
pub fn edge_states(
    target: Tensor<2>,
    source: Tensor<2>,
    edge: Tensor<2>,
    bias: Tensor<1>,
    ends: Ends,
) -> Tensor<2> {
    let [edges, width] = edge.dims();
    ends.check("edge_states", [edges, width], [&target, &source]);
    assert!(
        bias.dims() == [width],
        "edge_states: `bias` is {:?}, expected [{width}]",
        bias.dims()
    );
    #[cfg(feature = "gpu")]
    if ends.have_kernels(&edge) {
        use burn::backend::Dispatch;
        use ops::GatedEdgeOps;
        let (of_target, target_pointers, _) = ends.target.operands();
        let (of_source, source_pointers, by_source) = ends.source.operands();
        let states = Dispatch::edge_states(
            target.into_dispatch(),
            source.into_dispatch(),
            edge.into_dispatch(),
            bias.into_dispatch(),
            of_target.into_dispatch(),
            target_pointers.into_dispatch(),
            of_source.into_dispatch(),
            source_pointers.into_dispatch(),
            by_source.into_dispatch(),
            ends.source.plan(),
        );
        return Tensor::from_dispatch(states);
    }
    reference::edge_states(target, source, edge, bias, ends)
}

/// Gated mean y of what is sent along the edges to every node, `[N, D]` in the type of `states`; zero where there are none.
///
/// - `states` `[E, D]`: ê, of which the gates are the sigmoids
/// - `sent` `[N, D]`: what a node sends along its edges, in the type of `states`
///
/// # Panics
///
/// Panics if the shapes disagree.
pub fn gated_mean(states: Tensor<2>, sent: Tensor<2>, ends: Ends) -> Tensor<2> {
    ends.check("gated_mean", states.dims(), [&sent, &sent]);
    #[cfg(feature = "gpu")]
    if ends.have_kernels(&states) {
        use burn::backend::Dispatch;
        use ops::GatedEdgeOps;
        let (of_target, target_pointers, _) = ends.target.operands();
        let (of_source, source_pointers, by_source) = ends.source.operands();
        let (mean, _) = Dispatch::gated_mean(
            states.into_dispatch(),
            sent.into_dispatch(),
            of_target.into_dispatch(),
            target_pointers.into_dispatch(),
            of_source.into_dispatch(),
            source_pointers.into_dispatch(),
            by_source.into_dispatch(),
            ends.source.plan(),
        );
        return Tensor::from_dispatch(mean);
    }
    reference::gated_mean(states, sent, ends)
}

impl Ends<'_> {
    fn check(&self, operator: &'static str, edges: [usize; 2], nodes: [&Tensor<2>; 2]) {
        let shapes = crate::native::Shapes { operator };
        let [rows, width] = edges;
        shapes.equal("edges", [rows], [self.target.rows()]);
        shapes.equal("sources", [self.source.rows()], [rows]);
        for of_nodes in nodes {
            shapes.equal(
                "rows of nodes",
                of_nodes.dims(),
                [self.target.segments(), width],
            );
        }
        shapes.equal(
            "nodes by source",
            [self.source.segments()],
            [self.target.segments()],
        );
    }

    /// Kernels want edges sorted by destination, and something to do.
    #[cfg(feature = "gpu")]
    fn have_kernels(&self, edges: &Tensor<2>) -> bool {
        let target = self.target.plan();
        let sorted = !target.ordered && !target.reorders && !self.source.plan().reorders;
        let sizes = [self.target.segments(), edges.dims()[0], edges.dims()[1]];
        sorted
            && sizes.iter().all(|size| *size > 0)
            && crate::native::has_cube_kernels(&edges.device(), edges.dtype())
    }
}

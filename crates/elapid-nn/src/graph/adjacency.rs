//! Who is connected to whom.

use burn::tensor::{DType, Int, Tensor};
use elapid_kernels::rows::sum_rows;
use elapid_kernels::segment::Segments;

/// The edges of a batch of graphs, by source and by destination.
#[derive(Clone, Debug)]
pub struct Adjacency {
    /// Edges as rows, their sources as segments.
    pub source: Segments,
    /// Edges as rows, their destinations as segments.
    pub target: Segments,
    /// Nodes that are no padding; all if absent.
    pub real_nodes: Option<RealRows>,
    /// Edges that are no padding; all if absent.
    pub real_edges: Option<RealRows>,
}

impl Adjacency {
    /// Edges from `sources` to `targets`, `[E]` each, of which all are real.
    ///
    /// - `target_pointers` `[N + 1]`: edges `target_pointers[n]..target_pointers[n + 1]` go to node n, so edges are sorted by
    ///   destination
    /// - `source_pointers` `[N + 1]`: places `source_pointers[n]..source_pointers[n + 1]` of `by_source`, `[E]`, are the edges
    ///   from node n
    pub fn new(
        [sources, targets]: [Tensor<1, Int>; 2],
        target_pointers: Tensor<1, Int>,
        source_pointers: Tensor<1, Int>,
        by_source: Tensor<1, Int>,
    ) -> Self {
        Self {
            source: Segments::new(sources, source_pointers, Some(by_source)),
            target: Segments::new(targets, target_pointers, None),
            real_nodes: None,
            real_edges: None,
        }
    }

    /// Number of nodes.
    pub fn nodes(&self) -> usize {
        self.target.segments()
    }

    /// Number of edges.
    pub fn edges(&self) -> usize {
        self.target.rows()
    }

    /// 1 for an edge from a node to itself, 0 for others, `[E, 1]`, 32-bit.
    pub fn self_edges(&self) -> Tensor<2> {
        let same = self.source.of_row().equal(self.target.of_row());
        same.float().cast(DType::F32).unsqueeze_dim(1)
    }
}

/// Rows that are no padding.
#[derive(Clone, Debug)]
pub struct RealRows {
    /// 1 for a row that is real, 0 for padding, `[rows, 1]`, 32-bit.
    pub weights: Tensor<2>,
    /// How many are real, at least 1, `[1]`.
    pub count: Tensor<1>,
}

impl RealRows {
    /// From 1 for a row that is real and 0 for padding, `[rows]`.
    pub fn new(weights: Tensor<1>) -> Self {
        let weights = weights.cast(DType::F32).unsqueeze_dim::<2>(1);
        Self {
            count: sum_rows(weights.clone()).clamp_min(1.0),
            weights,
        }
    }
}

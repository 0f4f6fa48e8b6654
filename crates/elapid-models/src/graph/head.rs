//! States of nodes to scores of nodes or graphs.

use burn::module::Module;
use burn::tensor::{DType, Tensor, activation};
use elapid_nn::graph::{Segments, segment_max, segment_mean, segment_sum};
use elapid_nn::{Init, Linear, Noise, show};

use super::seen::seen;

/// What scores are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadLevel {
    /// Each node.
    Nodes,
    /// Each graph, whose nodes are pooled.
    Graphs(NodePool),
}

/// How the nodes of a graph become one state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodePool {
    /// Their mean.
    Mean,
    /// Their sum.
    Sum,
    /// The largest of each channel.
    Max,
}

/// Hyper-parameters of a head.
#[derive(Clone, Copy, Debug)]
pub struct HeadConfig {
    /// What scores are of.
    pub level: HeadLevel,
    /// Linear maps, at least 1.
    pub layers: usize,
    /// Divide every row by its length behind each map but the last, as GraphGym does by default.
    pub unit_rows: bool,
    /// Scores.
    pub outputs: usize,
}

/// Linear maps with ReLUs in between, of nodes or pooled graphs; the heads of GraphGym (`layers_post_mp`).
#[derive(Module, Debug)]
pub struct GraphHead {
    /// `[D, D]` but for the last, `[outputs, D]`.
    pub linears: Vec<Linear>,
    #[module(skip)]
    level: HeadLevel,
    unit_rows: bool,
}

impl GraphHead {
    /// PyTorch's initialisation.
    pub fn new(init: &mut Init, width: usize, config: HeadConfig) -> Self {
        let last = config.layers.saturating_sub(1);
        let outputs = |layer| if layer == last { config.outputs } else { width };
        Self {
            linears: (0..=last)
                .map(|layer| Linear::new(init, width, outputs(layer), true))
                .collect(),
            level: config.level,
            unit_rows: config.unit_rows,
        }
    }

    /// # Shapes
    ///
    /// - x `[N, D]`
    /// - output `[N, outputs]` or `[B, outputs]`, 32-bit
    pub fn forward(&self, x: Tensor<2>, graphs: &Segments, noise: Option<&mut Noise>) -> Tensor<2> {
        let mut x = match self.level {
            HeadLevel::Nodes => x,
            HeadLevel::Graphs(NodePool::Mean) => segment_mean(x.cast(DType::F32), graphs),
            HeadLevel::Graphs(NodePool::Sum) => segment_sum(x.cast(DType::F32), graphs),
            HeadLevel::Graphs(NodePool::Max) => segment_max(x, graphs),
        };
        for (layer, linear) in self.linears.iter().enumerate() {
            if layer > 0 {
                x = activation::relu(x);
                x = match self.unit_rows {
                    true => unit_rows(x),
                    false => x,
                };
            }
            x = linear.forward(x);
        }
        let scores = x.cast(DType::F32);
        show(noise, || seen(self, &scores));
        scores
    }

    /// Number of scores.
    pub fn outputs(&self) -> usize {
        self.linears.last().map_or(0, |last| last.weight.dims()[0])
    }
}

/// Every row divided by its Euclidean length, at least 1e-12. A row of zeros stays one, with a gradient that is finite.
pub(super) fn unit_rows(x: Tensor<2>) -> Tensor<2> {
    let dtype = x.dtype();
    let x = x.cast(DType::F32);
    let squares = x.clone().square().sum_dim(1);
    (x / squares.clamp_min(1e-24).sqrt()).cast(dtype)
}

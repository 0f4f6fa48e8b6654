//! What is to be told of graphs and nodes.

use std::ops::Range;
use std::sync::Arc;

use super::links::Links;
use super::pairs::{PairBatch, Pairs};

/// What is to be told of one graph.
#[derive(Clone, Debug, PartialEq)]
pub enum Targets {
    /// Nothing is known.
    Unknown,
    /// Class of each node, `[N]`; −1 where it does not count.
    Nodes(Arc<[i32]>),
    /// Class of the graph.
    Class(i32),
    /// Values of the graph, which are numbers or 0 and 1 for labels; NaN where unknown.
    Values(Arc<[f32]>),
    /// Classes of pairs of nodes.
    Pairs(Arc<Pairs>),
    /// Which pairs of nodes have a link; a batch has [`Pairs`] that are drawn for them.
    Links(Arc<Links>),
}

/// What is to be told of the graphs of a batch.
#[derive(Clone, Debug, PartialEq)]
pub enum GraphTargets {
    /// Nothing is known.
    Unknown,
    /// Class of each node, `[N]`; −1 where it does not count, as in padding.
    NodeClasses(Vec<i32>),
    /// Class of each graph, `[B]`; −1 in padding.
    GraphClasses(Vec<i32>),
    /// Values of each graph; NaN where unknown and in padding.
    GraphValues {
        /// `[B, width]` row-major.
        values: Vec<f32>,
        /// Values of a graph.
        width: usize,
    },
    /// Classes of pairs of nodes.
    Pairs(PairBatch),
}

impl GraphTargets {
    /// Puts those of a graph behind these, whose nodes are `first` to `end`; the first graph decides the kind.
    pub(super) fn append(&mut self, targets: &Targets, [first, end]: [usize; 2]) {
        if first == 0 {
            *self = match targets {
                Targets::Unknown | Targets::Links(_) => Self::Unknown,
                Targets::Pairs(_) => Self::Pairs(PairBatch::default()),
                Targets::Nodes(_) => Self::NodeClasses(Vec::new()),
                Targets::Class(_) => Self::GraphClasses(Vec::new()),
                Targets::Values(values) => Self::GraphValues {
                    values: Vec::new(),
                    width: values.len(),
                },
            };
        }
        match (self, targets) {
            (Self::NodeClasses(classes), Targets::Nodes(more)) => classes.extend(more.iter()),
            (Self::GraphClasses(classes), Targets::Class(class)) => classes.push(*class),
            (Self::GraphValues { values, width }, Targets::Values(more))
                if *width == more.len() =>
            {
                values.extend(more.iter());
            }
            (Self::Pairs(pairs), Targets::Pairs(more)) => pairs.append(more, first as i32),
            (Self::Pairs(_), _) => {}
            (own, _) => own.pad(1, [first, end]),
        }
    }

    /// Puts `graphs` graphs behind these, whose nodes are `first` to `end` and of which nothing counts.
    pub(super) fn pad(&mut self, graphs: usize, [first, end]: [usize; 2]) {
        let nodes = end - first;
        match self {
            Self::Unknown => {}
            Self::Pairs(pairs) => pairs.pad(first as i32),
            Self::NodeClasses(classes) => classes.resize(classes.len() + nodes, -1),
            Self::GraphClasses(classes) => classes.resize(classes.len() + graphs, -1),
            Self::GraphValues { values, width } => {
                values.resize(values.len() + graphs * *width, f32::NAN);
            }
        }
    }

    /// Those of some graphs and their nodes.
    pub(super) fn slice(&self, graphs: Range<usize>, nodes: Range<usize>) -> Self {
        match self {
            Self::Unknown => Self::Unknown,
            Self::Pairs(pairs) => Self::Pairs(pairs.slice(&nodes)),
            Self::NodeClasses(classes) => Self::NodeClasses(classes[nodes].to_vec()),
            Self::GraphClasses(classes) => Self::GraphClasses(classes[graphs].to_vec()),
            Self::GraphValues { values, width } => Self::GraphValues {
                values: values[graphs.start * width..graphs.end * width].to_vec(),
                width: *width,
            },
        }
    }
}

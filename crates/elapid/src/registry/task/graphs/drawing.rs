//! The graph that a test leaves to look at.

use elapid_data::graph::{GraphBatch, GraphTargets};
use elapid_train::GraphPicture;

use crate::picture::layout;

/// Nodes of a drawing: more could not be told apart.
const MOST: usize = 300;

/// The first graph of an evaluation, or a part of it, with what was said of its nodes.
#[derive(Clone, Debug)]
pub(super) struct Drawing {
    title: String,
    edges: Vec<[usize; 2]>,
    truth: Vec<Option<usize>>,
    predicted: Vec<usize>,
}

impl Drawing {
    /// Of the first graph of a batch with a node that counts, `predicted` being the class that each node of the batch is taken for; of a
    /// large graph what is around its first node that counts.
    pub(super) fn of(batch: &GraphBatch, predicted: &[usize]) -> Option<Self> {
        let GraphTargets::NodeClasses(labels) = &batch.targets else {
            return None;
        };
        let first = labels.iter().position(|label| *label >= 0)?;
        let graph = batch.graph_of_node[first] as usize;
        let range = batch.node_ptr[graph] as usize..batch.node_ptr[graph + 1] as usize;
        let (title, nodes) = match range.len() {
            0..=MOST => (format!("graph of {} nodes", range.len()), range.collect()),
            _ => {
                let nodes = around(batch, first);
                let place = first - range.start;
                let title = format!("{} nodes around node {place}", nodes.len());
                (title, nodes)
            }
        };
        Some(Self {
            title,
            edges: among(batch, &nodes),
            truth: nodes
                .iter()
                .map(|&node| usize::try_from(labels[node]).ok())
                .collect(),
            predicted: nodes.iter().map(|&node| predicted[node]).collect(),
        })
    }

    /// Laid out.
    pub(super) fn picture(&self, classes: &[String]) -> GraphPicture {
        GraphPicture {
            title: self.title.clone(),
            places: layout(self.truth.len(), &self.edges),
            edges: self.edges.clone(),
            truth: self.truth.clone(),
            predicted: self.predicted.clone(),
            classes: classes.to_vec(),
        }
    }
}

/// A node and those from which edges lead to it on the shortest ways, in ascending order.
fn around(batch: &GraphBatch, node: usize) -> Vec<usize> {
    let (mut reached, mut next) = (vec![node], 0);
    let mut seen = vec![false; batch.nodes];
    seen[node] = true;
    while let Some(&node) = reached.get(next) {
        next += 1;
        let edges = batch.dst_ptr[node] as usize..batch.dst_ptr[node + 1] as usize;
        for &source in &batch.src[edges] {
            let source = source as usize;
            if reached.len() < MOST && !seen[source] {
                seen[source] = true;
                reached.push(source);
            }
        }
    }
    reached.sort_unstable();
    reached
}

/// The edges among `nodes`, which ascend, each pair once.
fn among(batch: &GraphBatch, nodes: &[usize]) -> Vec<[usize; 2]> {
    let mut edges = Vec::new();
    for (to, &node) in nodes.iter().enumerate() {
        let into = batch.dst_ptr[node] as usize..batch.dst_ptr[node + 1] as usize;
        let sources = batch.src[into].iter();
        let known = sources.filter_map(|source| nodes.binary_search(&(*source as usize)).ok());
        edges.extend(known.map(|from| [from.min(to), from.max(to)]));
    }
    edges.retain(|[from, to]| from != to);
    edges.sort_unstable();
    edges.dedup();
    edges
}

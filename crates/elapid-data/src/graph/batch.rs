//! Graphs side by side, as one graph without edges between them.

use super::csr::{Csr, pointers};
use super::encoding::{Encodings, Prepared};
use super::features::Features;
use super::graph::Graph;
use super::order::{GraphOrder, NodeOrder};
use super::padding::Padding;
use super::targets::{GraphTargets, Targets};
use super::tokens::Tokens;
use super::walks::Walks;
use crate::error::DataError;

/// Graphs, ready to be uploaded. N nodes and E directed edges of B graphs follow one another, graph by graph.
///
/// With padding, N, E and B count one more graph, the last: it holds the padded nodes, which share the padded edges,
/// each to itself. Nothing real is connected to it. What counts of targets is never padding.
#[derive(Clone, Debug, PartialEq)]
pub struct GraphBatch {
    /// B, with the graph of padding.
    pub graphs: usize,
    /// N, with padding.
    pub nodes: usize,
    /// E, with padding.
    pub edges: usize,
    /// Graphs without padding: these are the first.
    pub real_graphs: usize,
    /// Nodes without padding: these are the first.
    pub real_nodes: usize,
    /// Edges without padding: these are the first.
    pub real_edges: usize,
    /// Nodes of graph `g` are those from `node_ptr[g]` to `node_ptr[g + 1]`, `[B + 1]`.
    pub node_ptr: Vec<i32>,
    /// Graph of each node, ascending, `[N]`.
    pub graph_of_node: Vec<i32>,
    /// One row a node, zeros in padding.
    pub node_features: Features,
    /// One row an edge, zeros in padding.
    pub edge_features: Option<Features>,
    /// Source of each edge, `[E]`. Edges are sorted by destination, then source.
    pub src: Vec<i32>,
    /// Destination of each edge, `[E]`, ascending.
    pub dst: Vec<i32>,
    /// Edges into node `n` are those from `dst_ptr[n]` to `dst_ptr[n + 1]`, `[N + 1]`.
    pub dst_ptr: Vec<i32>,
    /// Edges out of node `n` are those at `src_ptr[n]..src_ptr[n + 1]` of `src_order`, `[N + 1]`.
    pub src_ptr: Vec<i32>,
    /// Numbers of the edges by source, `[E]`.
    pub src_order: Vec<i32>,
    /// What the graphs' shapes say of their nodes.
    pub encodings: Encodings,
    /// Orders for scans: draw `j` of layer `l` is at `l * draws + j`. None where no layer asks for one.
    pub orders: Vec<NodeOrder>,
    /// Orders of a layer: 1 in training, more in evaluation, where their results are averaged.
    pub draws: usize,
    /// Sub-graphs around each node, where a model asks for them.
    pub tokens: Option<Tokens>,
    /// Random walks, where a model asks for them.
    pub walks: Option<Walks>,
    /// What is to be told.
    pub targets: GraphTargets,
    /// Sizes that the batch was padded to.
    pub padding: Option<Padding>,
}

/// One graph of a batch.
pub(super) struct Item<'a> {
    pub(super) graph: &'a Graph,
    pub(super) prepared: &'a Prepared,
    pub(super) targets: &'a Targets,
    /// Draw `j` of layer `l` at `l * draws + j`.
    pub(super) orders: Vec<GraphOrder>,
    pub(super) tokens: Option<Tokens>,
    pub(super) walks: Option<Walks>,
}

impl GraphBatch {
    /// The graphs of `items`, of which there is at least one, without padding.
    ///
    /// # Errors
    ///
    /// Graphs whose features differ in kind or width.
    pub(super) fn of(items: &[Item<'_>], draws: usize) -> Result<Self, DataError> {
        let sum = |count: fn(&Graph) -> usize| items.iter().map(|item| count(item.graph)).sum();
        let (nodes, edges): (usize, usize) = (sum(Graph::nodes), sum(Graph::edges));
        let mut batch = Self::empty(items, nodes, edges, draws);
        for (number, item) in items.iter().enumerate() {
            batch.add(number, item)?;
        }
        batch.index();
        Ok(batch)
    }

    fn empty(items: &[Item<'_>], nodes: usize, edges: usize, draws: usize) -> Self {
        let first = items.first();
        let of_nodes = first.map(|item| item.graph.node_features().none_of());
        Self {
            graphs: items.len(),
            nodes,
            edges,
            real_graphs: items.len(),
            real_nodes: nodes,
            real_edges: edges,
            node_ptr: vec![0],
            graph_of_node: Vec::with_capacity(nodes),
            node_features: of_nodes.unwrap_or_else(|| Features::ones(0)),
            edge_features: first
                .and_then(|item| item.graph.edge_features())
                .map(Features::none_of),
            src: Vec::with_capacity(edges),
            dst: Vec::with_capacity(edges),
            dst_ptr: Vec::new(),
            src_ptr: Vec::new(),
            src_order: Vec::new(),
            encodings: first
                .map(|item| Encodings::none_of(item.prepared))
                .unwrap_or_default(),
            orders: first.map_or_else(Vec::new, |item| {
                let empty = |_| NodeOrder::with_capacity(nodes);
                item.orders.iter().map(empty).collect()
            }),
            draws,
            tokens: first
                .and_then(|item| item.tokens.as_ref())
                .map(Tokens::none_of),
            walks: first
                .and_then(|item| item.walks.as_ref())
                .map(Walks::none_of),
            targets: GraphTargets::Unknown,
            padding: None,
        }
    }

    fn add(&mut self, number: usize, item: &Item<'_>) -> Result<(), DataError> {
        let Item {
            graph,
            prepared,
            targets,
            orders,
            tokens,
            walks,
        } = item;
        let (node, edge) = (self.graph_of_node.len() as i32, self.src.len() as i32);
        let is_alike = self.node_features.append(graph.node_features())
            && match (&mut self.edge_features, graph.edge_features()) {
                (Some(own), Some(more)) => own.append(more),
                (None, None) => true,
                _ => false,
            };
        if !is_alike {
            return Err(DataError::Sample {
                sample: format!("graph {number} of a batch"),
                reason: "its features differ in kind or number from those of the first".to_owned(),
            });
        }
        self.graph_of_node
            .resize(self.graph_of_node.len() + graph.nodes(), number as i32);
        self.node_ptr.push(self.graph_of_node.len() as i32);
        self.src.extend(graph.src().iter().map(|src| node + src));
        self.dst.extend(graph.dst().iter().map(|dst| node + dst));
        self.encodings.append(prepared);
        for (own, order) in self.orders.iter_mut().zip(orders) {
            own.append(order);
        }
        if let (Some(own), Some(more)) = (&mut self.tokens, tokens) {
            own.append(more, node, edge);
        }
        if let (Some(own), Some(more)) = (&mut self.walks, walks) {
            own.append(more, node, edge);
        }
        let first = node as usize;
        self.targets.append(targets, [first, first + graph.nodes()]);
        Ok(())
    }

    /// Finds the edges of each node.
    fn index(&mut self) {
        self.dst_ptr = pointers(&self.dst, self.nodes);
        let out = Csr::by(&self.src, self.nodes);
        (self.src_ptr, self.src_order) = (out.ptr, out.order);
    }

    /// Adds a graph of padding, so that nodes and edges are what `padding` says.
    #[must_use]
    pub fn padded(mut self, padding: Padding) -> Self {
        let nodes = padding.nodes(self.real_nodes);
        let edges = padding.edges(self.real_edges);
        let (more_nodes, more_edges) = (nodes - self.nodes, edges - self.edges);
        self.node_features.pad(more_nodes);
        if let Some(features) = &mut self.edge_features {
            features.pad(more_edges);
        }
        self.graph_of_node.resize(nodes, self.graphs as i32);
        self.node_ptr.push(nodes as i32);
        // Shared out evenly: a device sums the edges of a node one behind the other, and would wait for one that had them all.
        let loops =
            (0..more_edges).map(|edge| (self.nodes + edge * more_nodes / more_edges) as i32);
        self.src.extend(loops.clone());
        self.dst.extend(loops);
        self.encodings.pad(more_nodes);
        self.orders
            .iter_mut()
            .for_each(|order| order.pad(more_nodes));
        if let Some(tokens) = &mut self.tokens {
            tokens.pad(self.nodes, more_nodes, edges - 1);
        }
        if let Some(walks) = &mut self.walks {
            walks.pad(nodes);
        }
        self.targets.pad(1, [self.nodes, nodes]);
        (self.nodes, self.edges, self.graphs) = (nodes, edges, self.graphs + 1);
        self.padding = Some(padding);
        self.index();
        self
    }

    /// The batch in parts of `graphs` graphs, the last of which may have fewer, in order. Parts of a padded batch are padded
    /// to their share.
    #[must_use]
    pub fn split(self, graphs: usize) -> Vec<Self> {
        let graphs = graphs.max(1);
        let padding = self
            .padding
            .map(|padding| padding.share(graphs, self.real_graphs));
        let firsts = (0..self.real_graphs).step_by(graphs);
        let parts = firsts.map(|first| {
            let part = self.part(first, (first + graphs).min(self.real_graphs));
            match padding {
                Some(padding) => part.padded(padding),
                None => part,
            }
        });
        parts.collect()
    }

    /// Graphs `first` to `end`, without padding.
    fn part(&self, first: usize, end: usize) -> Self {
        let (from, to) = (self.node_ptr[first], self.node_ptr[end]);
        let nodes = from as usize..to as usize;
        let edges = self.dst_ptr[nodes.start] as usize..self.dst_ptr[nodes.end] as usize;
        let less = |ids: &[i32], by: i32| -> Vec<i32> { ids.iter().map(|id| id - by).collect() };
        let mut part = Self {
            graphs: end - first,
            nodes: nodes.len(),
            edges: edges.len(),
            real_graphs: end - first,
            real_nodes: nodes.len(),
            real_edges: edges.len(),
            node_ptr: less(&self.node_ptr[first..=end], from),
            graph_of_node: less(&self.graph_of_node[nodes.clone()], first as i32),
            node_features: self.node_features.slice(nodes.clone()),
            edge_features: self
                .edge_features
                .as_ref()
                .map(|features| features.slice(edges.clone())),
            src: less(&self.src[edges.clone()], from),
            dst: less(&self.dst[edges.clone()], from),
            dst_ptr: Vec::new(),
            src_ptr: Vec::new(),
            src_order: Vec::new(),
            encodings: self.encodings.slice(nodes.clone()),
            orders: self
                .orders
                .iter()
                .map(|order| order.slice(nodes.clone()))
                .collect(),
            draws: self.draws,
            tokens: self
                .tokens
                .as_ref()
                .map(|tokens| tokens.slice(nodes.clone(), edges.start)),
            walks: self
                .walks
                .as_ref()
                .map(|walks| walks.slice(nodes.clone(), edges.start)),
            targets: self.targets.slice(first..end, nodes),
            padding: None,
        };
        part.index();
        part
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::graph::batcher::{GraphBatcher, GraphSettings};
    use crate::graph::encoding::EncodingSettings;
    use crate::graph::order::{OrderSettings, Ranking};
    use crate::graph::prepare::PreparedGraphs;
    use crate::graph::synth::{Counts, sbm};
    use crate::graph::tokens::TokenSettings;
    use crate::graph::walks::WalkSettings;
    use crate::loader::Batcher;
    use crate::{Order, TrainLoader};

    fn batcher(padding: Option<Padding>) -> GraphBatcher {
        let counts = Counts {
            train: 30,
            valid: 0,
            test: 1,
            seed: 4,
        };
        let set = sbm::cluster(counts).unwrap().train;
        let encodings = EncodingSettings {
            eigenvectors: 6,
            walk_steps: 4,
            profile: true,
        };
        let by = Ranking::DegreeNoise;
        let prepared = PreparedGraphs::new(encodings, by, set.len());
        prepared.fill(&*set).unwrap();
        let settings = GraphSettings {
            order: OrderSettings {
                by,
                layers: 3,
                draws: 5,
                buckets: 3,
            },
            padding,
            tokens: Some(TokenSettings {
                hops: 2,
                walks: 2,
                repeats: 1,
                append_self: true,
                edges: true,
            }),
            walks: Some(WalkSettings {
                length: 8,
                window: 3,
                rate: 1.0,
            }),
            links: None,
        };
        GraphBatcher::new(set, prepared, settings).unwrap()
    }

    /// What must hold of every batch.
    fn check(batch: &GraphBatch) {
        let (nodes, edges) = (batch.nodes, batch.edges);
        assert_eq!(batch.node_ptr.len(), batch.graphs + 1);
        assert_eq!((batch.src.len(), batch.dst.len()), (edges, edges));
        assert_eq!(
            (batch.dst_ptr.len(), batch.src_ptr.len()),
            (nodes + 1, nodes + 1)
        );
        assert_eq!(batch.dst_ptr[nodes] as usize, edges);
        let pairs: Vec<_> = batch.dst.iter().zip(&batch.src).collect();
        assert!(pairs.is_sorted());
        for (node, ptr) in batch.src_ptr.windows(2).enumerate() {
            let own = &batch.src_order[ptr[0] as usize..ptr[1] as usize];
            assert!(
                own.iter()
                    .all(|&edge| batch.src[edge as usize] as usize == node)
            );
        }
        let graph = |node: i32| batch.graph_of_node[node as usize];
        assert!(pairs.iter().all(|(dst, src)| graph(**dst) == graph(**src)));
        assert_eq!(batch.node_features.rows(), nodes);
        let eigen = batch.encodings.eigen.as_ref().unwrap();
        assert_eq!(
            (eigen.vectors.len(), eigen.mask.len()),
            (nodes * 6, nodes * 6)
        );
        assert_eq!(
            batch.encodings.walk.as_ref().unwrap().values.len(),
            nodes * 4
        );
        assert_eq!(
            batch.encodings.profile.as_ref().unwrap().values.len(),
            nodes * 5
        );
        for order in &batch.orders {
            for (place, &node) in order.order.iter().enumerate() {
                assert_eq!(order.inverse[node as usize] as usize, place);
                // Graphs follow one another.
                assert_eq!(graph(node), batch.graph_of_node[place]);
            }
            for &first in &batch.node_ptr[..batch.graphs] {
                assert_eq!(order.starts[first as usize], 1);
            }
            assert_eq!(order.starts.len(), nodes);
        }
        let tokens = batch.tokens.as_ref().unwrap();
        assert_eq!(tokens.ptr.len(), nodes * 3 + 1);
        for (&from, &to) in tokens.edge_src.iter().zip(&tokens.edge_dst) {
            let [from, to] = [from, to].map(|at| tokens.members[at as usize]);
            assert_eq!(graph(from), graph(to));
        }
        assert!(tokens.edge_dst.is_sorted());
        assert_eq!(*tokens.ptr.last().unwrap() as usize, tokens.members.len());
        assert!(tokens.edge.iter().all(|&edge| (edge as usize) < edges));
        let GraphTargets::NodeClasses(classes) = &batch.targets else {
            panic!("classes of nodes expected");
        };
        assert!(classes[batch.real_nodes..].iter().all(|&class| class == -1));
        assert!(classes[..batch.real_nodes].iter().all(|&class| class >= 0));
    }

    #[test]
    fn graphs_are_side_by_side() {
        let batch = batcher(None).eval(3..8).unwrap().unwrap();
        check(&batch);
        assert_eq!((batch.graphs, batch.real_graphs, batch.draws), (5, 5, 5));
        assert_eq!(batch.orders.len(), 15);
        assert_eq!(batch.walks.as_ref().unwrap().count(), batch.nodes);
    }

    #[test]
    fn padding_is_one_graph_more_and_changes_nothing_else() {
        let padding = Padding {
            nodes: 700,
            edges: 30_000,
        };
        let plain = batcher(None).eval(3..8).unwrap().unwrap();
        let padded = batcher(Some(padding)).eval(3..8).unwrap().unwrap();
        check(&padded);
        assert_eq!((padded.graphs, padded.real_graphs), (6, 5));
        assert_eq!((padded.nodes % 700, padded.edges % 30_000), (0, 0));
        let loops = &padded.dst[padded.real_edges..];
        assert_eq!(&padded.src[padded.real_edges..], loops);
        let nodes = padded.real_nodes..padded.nodes;
        let shares = nodes.map(|node| loops.iter().filter(|&&dst| dst as usize == node).count());
        let shares: Vec<usize> = shares.collect();
        let (least, most) = (shares.iter().min(), shares.iter().max());
        assert!(most.unwrap() - least.unwrap() <= 1, "{shares:?}");
        assert_eq!(
            (padded.real_nodes, padded.real_edges),
            (plain.nodes, plain.edges)
        );
        assert_eq!(padded.src[..plain.edges], plain.src);
        assert_eq!(padded.split(5).remove(0).part(0, 5), plain);
    }

    #[test]
    fn parts_of_a_batch_are_the_batches_of_their_graphs() {
        let padding = Padding {
            nodes: 1000,
            edges: 40_000,
        };
        for padding in [None, Some(padding)] {
            let whole = batcher(padding).eval(0..7).unwrap().unwrap();
            let parts = whole.split(3);
            let sizes: Vec<usize> = parts.iter().map(|part| part.real_graphs).collect();
            assert_eq!(sizes, [3, 3, 1]);
            parts.iter().for_each(check);
            let own = batcher(None).eval(3..6).unwrap().unwrap();
            assert_eq!(parts[1].part(0, 3), own);
            if padding.is_some() {
                let multiples = Padding {
                    nodes: 429,
                    edges: 17_143,
                };
                assert_eq!(parts[0].padding, Some(multiples));
            }
        }
    }

    #[test]
    fn training_draws_afresh_and_evaluation_does_not() {
        let evaluated = || batcher(None).eval(0..4).unwrap().unwrap();
        assert_eq!(evaluated(), evaluated());
        let batch = |workers: usize, number: usize| {
            let loader = TrainLoader::new(batcher(None), Order::plain(30, 1), workers).unwrap();
            loader.iter_from(number).next().unwrap().unwrap()
        };
        assert_eq!(batch(0, 1), batch(2, 1));
        let (first, second) = (batch(0, 0), batch(0, 1));
        assert_eq!((first.draws, first.orders.len()), (1, 3));
        assert_ne!(first.orders[0], first.orders[1]);
        assert_ne!(first.tokens, second.tokens);
    }

    #[test]
    fn eigenvectors_are_turned_round_together() {
        let batcher = batcher(None);
        let plain = batcher
            .eval(0..4)
            .unwrap()
            .unwrap()
            .encodings
            .eigen
            .unwrap();
        let mut turned = [0; 6];
        for key in 0..40 {
            let mut batch = batcher.eval(0..4).unwrap().unwrap();
            crate::graph::batcher::flip_signs(&mut batch, crate::random::stream(key, &[]));
            let eigen = batch.encodings.eigen.unwrap();
            for (column, turned) in turned.iter_mut().enumerate() {
                let values = |from: &[f32]| -> Vec<f32> {
                    from.iter().skip(column).step_by(6).copied().collect()
                };
                let (before, after) = (values(&plain.vectors), values(&eigen.vectors));
                let opposite: Vec<f32> = before.iter().map(|x| -x).collect();
                assert!(after == before || after == opposite);
                *turned += usize::from(after == opposite);
            }
        }
        assert!(
            turned.iter().all(|count| (6..34).contains(count)),
            "{turned:?}"
        );
    }

    #[test]
    fn graphs_of_other_features_are_refused() {
        let parts = |width: usize| super::super::graph::Parts {
            nodes: 2,
            edges: vec![[0, 1]],
            node_features: Some(Features::Floats {
                values: vec![0.0; 2 * width],
                width,
            }),
            edge_features: None,
        };
        let graphs = [1, 2]
            .map(|width| Graph::new(parts(width), super::super::graph::EdgePolicy::PLAIN).unwrap());
        let prepared = graphs.each_ref().map(|graph| {
            let settings = EncodingSettings::default();
            Arc::new(Prepared::of(graph, &settings, Ranking::Stored).unwrap())
        });
        let items: Vec<Item<'_>> = (0..2)
            .map(|at| Item {
                graph: &graphs[at],
                prepared: &prepared[at],
                targets: &Targets::Class(0),
                orders: Vec::new(),
                tokens: None,
                walks: None,
            })
            .collect();
        let error = GraphBatch::of(&items, 1).unwrap_err().to_string();
        assert!(
            error.contains("graph 1 of a batch cannot be loaded: its features differ"),
            "{error}"
        );
    }
}

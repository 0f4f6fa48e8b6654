//! A batch of graphs as the inputs of a step, and back.
//!
//! Orders come last, since evaluation has more of them than training.

use burn::tensor::{DType, Int, Tensor, TensorData};
use elapid_data::graph::{Csr, Features, GraphBatch, PairBatch, Tokens};
use elapid_kernels::segment::Segments;
use elapid_models::graph::{
    EdgeFeatures, Eigenvectors, GraphInput, NodeFeatures, NodeOrder, PairInput, Rows, TokenInput,
    WalkInput,
};
use elapid_nn::graph::{Adjacency, RealRows};
use elapid_train::Inputs;

use crate::registry::graphs::GraphReading;

/// Which parts of a batch a network reads.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    reads: GraphReading,
    /// Type of stored activations.
    storage: DType,
}

impl Reading {
    pub(super) fn new(reads: GraphReading, storage: DType) -> Self {
        Self { reads, storage }
    }

    /// The inputs of a batch.
    ///
    /// # Panics
    ///
    /// Panics if the batch lacks what the network reads: its data were opened for another.
    pub(super) fn data(&self, batch: GraphBatch) -> Vec<TensorData> {
        let mut data = Data::default();
        let [real_nodes, real_edges] = [
            (batch.nodes, batch.real_nodes),
            (batch.edges, batch.real_edges),
        ]
        .map(|(all, real)| {
            (0..all)
                .map(|row| f32::from(u8::from(row < real)))
                .collect()
        });
        let real_graphs =
            (0..batch.graphs).map(|graph| f32::from(u8::from(graph < batch.real_graphs)));
        data.floats(real_graphs.collect(), 1);
        data.floats(real_nodes, 1);
        data.floats(real_edges, 1);
        let encodings = batch.encodings;
        match (self.reads.demands.encodings.profile, encodings.profile) {
            (true, profile) => {
                let profile = profile.expect("a batch with degree profiles");
                data.floats(profile.values, profile.width);
            }
            (false, _) => match &self.reads.nodes {
                NodeFeatures::Floats(_) => data.features(batch.node_features, &[]),
                NodeFeatures::Categories(sizes) => data.features(batch.node_features, sizes),
            },
        }
        match (&self.reads.edges, batch.edge_features) {
            (EdgeFeatures::None, _) => {}
            (EdgeFeatures::Categories(sizes), Some(features)) => data.features(features, sizes),
            (_, features) => data.features(features.expect("a batch with edge features"), &[]),
        }
        if self.reads.demands.encodings.eigenvectors > 0 {
            let eigen = encodings.eigen.expect("a batch with eigenvectors");
            data.floats(eigen.vectors, eigen.count);
            data.floats(eigen.values, eigen.count);
            data.floats(eigen.mask, eigen.count);
        }
        if self.reads.demands.encodings.walk_steps > 0 {
            let walk = encodings.walk.expect("a batch with random walks");
            data.floats(walk.values, walk.width);
        }
        if let Some(settings) = self.reads.demands.tokens {
            let tokens = batch.tokens.expect("a batch with sub-graphs");
            data.tokens(tokens, [batch.nodes, batch.edges], settings.edges);
        }
        if self.reads.demands.walks.is_some() {
            let walks = batch.walks.expect("a batch with random walks");
            let width = 2 * walks.settings.window - 1;
            data.walk(walks.nodes, batch.nodes);
            data.walk(walks.edges, batch.edges);
            data.floats(walks.relations.into_iter().map(f32::from).collect(), width);
        }
        data.ints(batch.src);
        data.ints(batch.dst);
        data.ints(batch.dst_ptr);
        data.ints(batch.src_ptr);
        data.ints(batch.src_order);
        data.ints(batch.graph_of_node);
        data.ints(batch.node_ptr);
        for order in batch.orders {
            data.ints(order.order);
            data.ints(order.inverse);
            data.ints(order.starts.into_iter().map(i32::from).collect());
        }
        data.0
    }

    /// What [`data`](Self::data) made of a batch, from input number `first` on.
    pub(super) fn input(&self, inputs: &Inputs, first: usize) -> GraphInput {
        let mut next = Next { inputs, at: first };
        let real = [(); 3].map(|()| next.floats().squeeze_dim::<1>(1));
        let [real_graphs, real_nodes, real_edges] = real;
        let nodes = real_nodes.dims()[0];
        let demands = &self.reads.demands;
        let node_features = match (&self.reads.nodes, demands.encodings.profile) {
            (NodeFeatures::Categories(sizes), false) => next.categories(sizes.len()),
            _ => Rows::Floats(next.floats().cast(self.storage)),
        };
        let edge_features = match &self.reads.edges {
            EdgeFeatures::None => None,
            EdgeFeatures::Categories(sizes) => Some(next.categories(sizes.len())),
            EdgeFeatures::Floats(_) => Some(Rows::Floats(next.floats().cast(self.storage))),
        };
        let eigen = (demands.encodings.eigenvectors > 0).then(|| Eigenvectors {
            vectors: next.floats(),
            values: next.floats(),
            mask: next.floats(),
        });
        let walk = (demands.encodings.walk_steps > 0).then(|| next.floats());
        let tokens = demands
            .tokens
            .map(|settings| next.tokens(settings.edges, nodes));
        let walks = demands.walks.map(|settings| WalkInput {
            length: settings.length,
            nodes: next.segments(),
            edges: next.segments(),
            relations: next.floats(),
        });
        let [sources, targets] = [next.ints(), next.ints()];
        let [target_pointers, source_pointers, by_source] = [next.ints(), next.ints(), next.ints()];
        let adjacency = Adjacency {
            real_nodes: Some(RealRows::new(real_nodes)),
            real_edges: Some(RealRows::new(real_edges)),
            ..Adjacency::new(
                [sources, targets],
                target_pointers,
                source_pointers,
                by_source,
            )
        };
        let graphs = Segments::new(next.ints(), next.ints(), None);
        let orders = next.orders();
        GraphInput {
            adjacency,
            graphs,
            node_features,
            edge_features,
            eigen,
            walk,
            draws: orders.len() / demands.order.layers.max(1),
            orders,
            real_graphs: Some(RealRows::new(real_graphs)),
            tokens,
            walks,
        }
    }
}

/// The nodes of pairs as inputs, [`PAIR_INPUTS`] of them.
pub(super) fn pair_data(pairs: &PairBatch, nodes: usize) -> Vec<TensorData> {
    let mut data = Data::default();
    data.segments(pairs.from.clone(), nodes);
    data.segments(pairs.to.clone(), nodes);
    data.0
}

/// Inputs of the nodes of pairs.
pub(super) const PAIR_INPUTS: usize = 6;

/// What [`pair_data`] made of pairs, from input number `first` on.
pub(super) fn pair_input(inputs: &Inputs, first: usize) -> PairInput {
    let mut next = Next { inputs, at: first };
    PairInput {
        from: next.segments(),
        to: next.segments(),
    }
}

/// Inputs as they are put together.
#[derive(Default)]
struct Data(Vec<TensorData>);

impl Data {
    fn ints(&mut self, values: Vec<i32>) {
        let len = values.len();
        self.0.push(TensorData::new(values, [len]));
    }

    fn floats(&mut self, values: Vec<f32>, width: usize) {
        let rows = values.len() / width.max(1);
        self.0.push(TensorData::new(values, [rows, width]));
    }

    /// Rows by segment, and the segments' ranges, of rows in any order.
    fn segments(&mut self, of_row: Vec<i32>, count: usize) {
        let Csr { ptr, order } = Csr::by(&of_row, count);
        self.ints(of_row);
        self.ints(ptr);
        self.ints(order);
    }

    /// Numbers as they are; of categories the row of the tables, which lie one behind the other.
    fn features(&mut self, features: Features, sizes: &[usize]) {
        match features {
            Features::Floats { values, width } => self.floats(values, width),
            Features::Categories {
                mut values,
                columns,
            } => {
                let mut first = 0;
                for (column, size) in sizes.iter().enumerate() {
                    for value in values.iter_mut().skip(column).step_by(columns) {
                        // A category that training has not seen is taken for the last.
                        *value = first + (*value).clamp(0, *size as i32 - 1);
                    }
                    first += *size as i32;
                }
                self.segments(values, first as usize);
            }
        }
    }

    /// Places by node or edge; those without belong to one more.
    fn walk(&mut self, mut places: Vec<i32>, count: usize) {
        for place in &mut places {
            if *place < 0 {
                *place = count as i32;
            }
        }
        self.segments(places, count + 1);
    }

    fn tokens(&mut self, tokens: Tokens, [nodes, edges]: [usize; 2], has_edges: bool) {
        let members = tokens.members.len();
        let mut token_of = Vec::with_capacity(members);
        for (token, range) in (0..).zip(tokens.ptr.windows(2)) {
            token_of.resize(range[1] as usize, token);
        }
        self.segments(tokens.members, nodes);
        self.ints(token_of);
        self.ints(tokens.ptr);
        if has_edges {
            let into = Csr::by(&tokens.edge_dst, members);
            let out = Csr::by(&tokens.edge_src, members);
            self.ints(tokens.edge_src);
            self.ints(tokens.edge_dst);
            self.ints(into.ptr);
            self.ints(out.ptr);
            self.ints(out.order);
            self.segments(tokens.edge, edges);
        }
    }
}

/// Inputs as they are taken apart.
struct Next<'a> {
    inputs: &'a Inputs,
    at: usize,
}

impl Next<'_> {
    fn ints(&mut self) -> Tensor<1, Int> {
        self.at += 1;
        self.inputs.int(self.at - 1)
    }

    fn floats(&mut self) -> Tensor<2> {
        self.at += 1;
        self.inputs.float(self.at - 1)
    }

    fn segments(&mut self) -> Segments {
        let (of_row, pointers, order) = (self.ints(), self.ints(), self.ints());
        Segments::new(of_row, pointers, Some(order))
    }

    fn categories(&mut self, columns: usize) -> Rows {
        Rows::Categories {
            states: self.segments(),
            columns,
        }
    }

    fn tokens(&mut self, has_edges: bool, nodes: usize) -> TokenInput {
        let of_nodes = self.segments();
        let (token_of, pointers) = (self.ints(), self.ints());
        let tokens = Segments::new(token_of, pointers, None);
        let inner = has_edges.then(|| {
            let ends = [self.ints(), self.ints()];
            let (into, out, by_source) = (self.ints(), self.ints(), self.ints());
            let adjacency = Adjacency::new(ends, into, out, by_source);
            (adjacency, self.segments())
        });
        TokenInput {
            per_node: tokens.segments() / nodes.max(1),
            nodes: of_nodes,
            tokens,
            inner,
        }
    }

    fn orders(&mut self) -> Vec<NodeOrder> {
        let mut orders = Vec::new();
        while self.at < self.inputs.count() {
            let (order, inverse) = (self.ints(), self.ints());
            let starts = self.ints().greater_elem(0).unsqueeze_dim::<2>(0);
            orders.push(NodeOrder {
                places: Segments::reordering(order, inverse),
                starts,
            });
        }
        orders
    }
}

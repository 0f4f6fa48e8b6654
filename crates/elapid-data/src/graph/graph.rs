//! One graph.

use std::sync::{Arc, OnceLock};

use super::csr::{Csr, pointers};
use super::features::Features;

/// A directed graph; an undirected one has every edge both ways.
///
/// Edges are sorted by destination, then source. Node and edge numbers are below 2³¹.
#[derive(Clone, Debug)]
pub struct Graph {
    src: Arc<Vec<i32>>,
    dst_ptr: Arc<Vec<i32>>,
    node_features: Features,
    edge_features: Option<Features>,
    /// Made when somebody asks for them.
    out: OnceLock<Out>,
}

/// Edges by source.
///
/// Where every edge is there both ways, the nodes that edges lead to are, node by node, those that edges come from: one list serves
/// for both, so that who follows edges and then asks for their numbers or for those that come back waits for memory once.
#[derive(Clone, Debug)]
pub struct Out {
    /// Edges of node `n` are at `ptr[n]..ptr[n + 1]` of what follows, `[N + 1]`.
    ptr: Arc<Vec<i32>>,
    /// Numbers of the edges; absent where they are found among the edges into their destinations.
    order: Option<Vec<i32>>,
    /// Destinations of the edges.
    dst: Arc<Vec<i32>>,
}

impl Out {
    fn of(graph: &Graph) -> Self {
        let Csr { ptr, order } = Csr::by(&graph.src, graph.nodes());
        let of_edge = graph.dst();
        let dst: Vec<i32> = order.iter().map(|&edge| of_edge[edge as usize]).collect();
        let is_symmetric = ptr == *graph.dst_ptr && dst == *graph.src;
        match is_symmetric {
            true => Self {
                ptr: Arc::clone(&graph.dst_ptr),
                order: None,
                dst: Arc::clone(&graph.src),
            },
            false => Self {
                ptr: Arc::new(ptr),
                order: Some(order),
                dst: Arc::new(dst),
            },
        }
    }

    /// Places of the edges out of a node.
    pub(super) fn places(&self, node: usize) -> std::ops::Range<usize> {
        self.ptr[node] as usize..self.ptr[node + 1] as usize
    }

    /// The node that the edge at a place leads to.
    pub(super) fn to(&self, place: usize) -> usize {
        self.dst[place] as usize
    }

    /// Reads the neighbours of some nodes. Who is about to follow edges out of them waits for memory once and not once a node: in a
    /// large graph that is nearly all of the time.
    pub(super) fn touch(&self, nodes: impl Iterator<Item = usize>) {
        touch(&self.ptr, &self.dst, nodes);
    }

    /// Where they lead to, ascending.
    #[must_use]
    pub fn neighbours(&self, node: usize) -> &[i32] {
        &self.dst[self.places(node)]
    }
}

/// Reads the rows of some nodes, of a long one the first lines of the cache.
fn touch(ptr: &[i32], values: &[i32], nodes: impl Iterator<Item = usize>) {
    /// Numbers in a line.
    const LINE: usize = 16;
    /// Lines of a row; the processor fetches further ones of a longer row by itself.
    const MOST: usize = 4;
    let read = nodes.fold(0, |sum: i32, node| {
        let row = &values[ptr[node] as usize..ptr[node + 1] as usize];
        let lines = row.iter().step_by(LINE).take(MOST).chain(row.last());
        lines.fold(sum, |sum, value| sum.wrapping_add(*value))
    });
    std::hint::black_box(read);
}

/// What a graph is made of.
#[derive(Clone, Debug)]
pub struct Parts {
    /// Number of nodes.
    pub nodes: usize,
    /// Source and destination of each edge, in any order.
    pub edges: Vec<[u32; 2]>,
    /// One row a node; none stands for [`Features::ones`].
    pub node_features: Option<Features>,
    /// One row an edge.
    pub edge_features: Option<Features>,
}

/// What happens to edges that are special.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EdgePolicy {
    /// Every edge is taken both ways.
    pub mirror: bool,
    /// Edges from a node to itself.
    pub loops: Special,
    /// Edges that are there more than once: dropping keeps the first and its features.
    pub repeats: Special,
}

/// What happens to an edge that is special.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Special {
    /// It is an edge as others.
    Keep,
    /// It is left out.
    Drop,
    /// It is an error.
    Refuse,
}

impl EdgePolicy {
    /// Edges as they are, each once.
    pub const PLAIN: Self = Self {
        mirror: false,
        loops: Special::Keep,
        repeats: Special::Drop,
    };

    /// Undirected edges that are listed once.
    pub const MIRRORED: Self = Self {
        mirror: true,
        ..Self::PLAIN
    };
}

/// Why parts are no graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphFault {
    /// Number of the edge at fault, if it is one.
    pub edge: Option<usize>,
    /// What is wrong and what to do.
    pub problem: String,
}

impl GraphFault {
    fn whole(problem: impl Into<String>) -> Self {
        let (edge, problem) = (None, problem.into());
        Self { edge, problem }
    }

    fn of(edge: usize, problem: String) -> Self {
        let edge = Some(edge);
        Self { edge, problem }
    }
}

impl std::fmt::Display for GraphFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.edge {
            Some(edge) => write!(f, "edge {edge}: {}", self.problem),
            None => f.write_str(&self.problem),
        }
    }
}

#[cfg(test)]
impl Graph {
    /// A graph without features, of which tests need only the shape.
    pub(crate) fn bare(nodes: usize, edges: Vec<[u32; 2]>, policy: EdgePolicy) -> Self {
        let parts = Parts {
            nodes,
            edges,
            node_features: None,
            edge_features: None,
        };
        Self::new(parts, policy).unwrap()
    }
}

impl Graph {
    /// A graph of `parts`, with what is special about its edges treated as `policy` says.
    ///
    /// # Errors
    ///
    /// No nodes, an edge to a node that is not there, features that are not one row a node or edge, an edge that `policy`
    /// refuses, or more than 2³¹ nodes or edges.
    pub fn new(parts: Parts, policy: EdgePolicy) -> Result<Self, GraphFault> {
        let Parts {
            nodes,
            edges,
            node_features,
            edge_features,
        } = parts;
        check(
            nodes,
            &edges,
            node_features.as_ref(),
            edge_features.as_ref(),
        )?;
        let rows = listed(&edges, policy)?;
        let (src, dst): (Vec<i32>, Vec<i32>) = rows.ends(&edges);
        // Stable: by source first, then by destination.
        let by_src = Csr::by(&src, nodes).order;
        let of_src: Vec<i32> = by_src.iter().map(|&row| dst[row as usize]).collect();
        let mut order: Vec<i32> = Csr::by(&of_src, nodes).order;
        order
            .iter_mut()
            .for_each(|place| *place = by_src[*place as usize]);
        drop((by_src, of_src));
        if policy.repeats != Special::Keep {
            order.dedup_by_key(|row| (dst[*row as usize], src[*row as usize]));
        }
        let at = |ends: &[i32]| -> Vec<i32> { order.iter().map(|&r| ends[r as usize]).collect() };
        let (sorted, by) = (at(&src), at(&dst));
        let edge_features = edge_features
            .map(|features| features.select(order.iter().map(|&row| rows.line(row as usize))));
        Ok(Self {
            dst_ptr: Arc::new(pointers(&by, nodes)),
            src: Arc::new(sorted),
            node_features: node_features.unwrap_or_else(|| Features::ones(nodes)),
            edge_features,
            out: OnceLock::new(),
        })
    }

    /// Number of nodes, at least 1.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.dst_ptr.len() - 1
    }

    /// Number of directed edges.
    #[must_use]
    pub fn edges(&self) -> usize {
        self.src.len()
    }

    /// Source of each edge, `[E]`.
    #[must_use]
    pub fn src(&self) -> &[i32] {
        &self.src
    }

    /// Destination of each edge, `[E]`.
    #[must_use]
    pub fn dst(&self) -> Vec<i32> {
        let of = |node: usize| (self.dst_ptr[node + 1] - self.dst_ptr[node]) as usize;
        (0..self.nodes())
            .flat_map(|node| std::iter::repeat_n(node as i32, of(node)))
            .collect()
    }

    /// Edges into node `n` are those from `ptr[n]` to `ptr[n + 1]`, `[N + 1]`.
    #[must_use]
    pub fn dst_ptr(&self) -> &[i32] {
        &self.dst_ptr
    }

    /// Sources of the edges into a node, ascending.
    #[must_use]
    pub fn into_node(&self, node: usize) -> &[i32] {
        &self.src[self.dst_ptr[node] as usize..self.dst_ptr[node + 1] as usize]
    }

    /// As [`Out::touch`], of the edges into nodes.
    pub(super) fn touch(&self, nodes: impl Iterator<Item = usize>) {
        touch(&self.dst_ptr, &self.src, nodes);
    }

    /// One row a node.
    #[must_use]
    pub fn node_features(&self) -> &Features {
        &self.node_features
    }

    /// One row an edge, in the order of the edges.
    #[must_use]
    pub fn edge_features(&self) -> Option<&Features> {
        self.edge_features.as_ref()
    }

    /// Edges by source.
    pub fn out(&self) -> &Out {
        self.out.get_or_init(|| Out::of(self))
    }

    /// Number of the edge out of `node` that is at `place` of [`Out`].
    pub(super) fn edge_out(&self, node: i32, place: usize) -> i32 {
        let out = self.out();
        if let Some(order) = &out.order {
            return order[place];
        }
        let to = out.dst[place];
        let start = out.ptr[node as usize] as usize;
        // Repeated edges are in the same order on both sides.
        let before = out.dst[start..place].iter().rev();
        let repeats = before.take_while(|&&other| other == to).count();
        let into = self.into_node(to as usize);
        let first = into.partition_point(|&other| other < node);
        self.dst_ptr[to as usize] + (first + repeats) as i32
    }

    /// Number of edges out of each node, `[N]`.
    #[must_use]
    pub fn degrees(&self) -> Vec<i32> {
        let mut degrees = vec![0; self.nodes()];
        for &node in &*self.src {
            degrees[node as usize] += 1;
        }
        degrees
    }

    /// The edge from `src` to `dst`; the first if there are several.
    #[must_use]
    pub fn edge(&self, src: i32, dst: usize) -> Option<usize> {
        let row = self.into_node(dst);
        let place = row.partition_point(|&other| other < src);
        (row.get(place) == Some(&src)).then(|| self.dst_ptr[dst] as usize + place)
    }

    /// The edges from `src` to `dst`, of which there are several where repeats were kept.
    pub(super) fn edges_between(&self, src: i32, dst: usize) -> std::ops::Range<usize> {
        let (row, first) = (self.into_node(dst), self.dst_ptr[dst] as usize);
        let start = row.partition_point(|&other| other < src);
        let end = row.partition_point(|&other| other <= src);
        first + start..first + end
    }

    /// Whether every edge is there both ways.
    #[must_use]
    pub fn is_symmetric(&self) -> bool {
        let mut ends = self.src.iter().copied().zip(self.dst());
        ends.all(|(src, dst)| self.edge(dst, src as usize).is_some())
    }

    /// The graph without some of its edges, `[E]`.
    pub(super) fn without(&self, is_gone: &[bool]) -> Self {
        let kept = |edges: std::ops::Range<usize>| edges.filter(|&edge| !is_gone[edge]);
        let mut dst_ptr = vec![0; self.nodes() + 1];
        for node in 0..self.nodes() {
            let edges = self.dst_ptr[node] as usize..self.dst_ptr[node + 1] as usize;
            dst_ptr[node + 1] = dst_ptr[node] + kept(edges).count() as i32;
        }
        let all = || kept(0..self.edges());
        Self {
            src: Arc::new(all().map(|edge| self.src[edge]).collect()),
            dst_ptr: Arc::new(dst_ptr),
            node_features: self.node_features.clone(),
            edge_features: self
                .edge_features
                .as_ref()
                .map(|features| features.select(all())),
            out: OnceLock::new(),
        }
    }

    /// Nodes without edges.
    #[must_use]
    pub fn isolated(&self) -> usize {
        let out = self.degrees();
        (0..self.nodes())
            .filter(|&node| out[node] == 0 && self.into_node(node).is_empty())
            .count()
    }

    /// The graph of `nodes` alone, numbered in this order, with all edges among them.
    ///
    /// `nodes` are different. Costs follow from the edges into `nodes`, not from the size of the graph.
    #[must_use]
    pub fn induced(&self, nodes: &[i32]) -> Self {
        let mut sorted: Vec<(i32, i32)> = nodes
            .iter()
            .enumerate()
            .map(|(new, &old)| (old, new as i32))
            .collect();
        sorted.sort_unstable();
        let new = |old: i32| {
            let place = sorted.binary_search_by_key(&old, |&(old, _)| old);
            place.ok().map(|place| sorted[place].1)
        };
        self.touch(nodes.iter().map(|&node| node as usize));
        let (mut src, mut dst_ptr, mut rows) = (Vec::new(), vec![0], Vec::new());
        let mut into: Vec<(i32, usize)> = Vec::new();
        for &node in nodes {
            let first = self.dst_ptr[node as usize] as usize;
            into.clear();
            let sources = self.into_node(node as usize).iter().enumerate();
            into.extend(sources.filter_map(|(at, &old)| Some((new(old)?, first + at))));
            into.sort_unstable();
            src.extend(into.iter().map(|&(new, _)| new));
            rows.extend(into.iter().map(|&(_, row)| row));
            dst_ptr.push(src.len() as i32);
        }
        Self {
            src: Arc::new(src),
            dst_ptr: Arc::new(dst_ptr),
            node_features: self.node_features.select(nodes.iter().map(|&n| n as usize)),
            edge_features: self
                .edge_features
                .as_ref()
                .map(|features| features.select(rows.into_iter())),
            out: OnceLock::new(),
        }
    }
}

fn check(
    nodes: usize,
    edges: &[[u32; 2]],
    node_features: Option<&Features>,
    edge_features: Option<&Features>,
) -> Result<(), GraphFault> {
    if nodes == 0 {
        return Err(GraphFault::whole("a graph without nodes; leave it out"));
    }
    let most = i32::MAX as usize / 2;
    if nodes > most || edges.len() > most {
        let problem = format!(
            "{nodes} nodes and {} edges, expected at most {most} of each",
            edges.len()
        );
        return Err(GraphFault::whole(problem));
    }
    for (at, edge) in edges.iter().enumerate() {
        if let Some(node) = edge.iter().find(|&&node| node as usize >= nodes) {
            let problem = format!(
                "node {node} is not there: the graph has {nodes} nodes, from 0 to {}",
                nodes - 1
            );
            return Err(GraphFault::of(at, problem));
        }
    }
    let features = [
        ("nodes", node_features, nodes),
        ("edges", edge_features, edges.len()),
    ];
    for (what, features, expected) in features {
        let rows = features.filter(|f| f.width() > 0).map(Features::rows);
        if let Some(rows) = rows.filter(|&rows| rows != expected) {
            return Err(GraphFault::whole(format!(
                "features of {rows} {what} for {expected} {what}"
            )));
        }
        let Some(Features::Floats { values, width }) = features else {
            continue;
        };
        if let Some(at) = values.iter().position(|value| !value.is_finite()) {
            let (row, column) = (at / width + 1, at % width + 1);
            return Err(GraphFault::whole(format!(
                "feature {column} of the {what} is {} in row {row}, expected a finite number; repair it or leave the feature out",
                values[at]
            )));
        }
    }
    Ok(())
}

/// Which lines become edges: line and whether it is turned round, as `2 * line + turned`.
struct Rows(Vec<u32>);

impl Rows {
    fn line(&self, row: usize) -> usize {
        self.0[row] as usize / 2
    }

    fn ends(&self, edges: &[[u32; 2]]) -> (Vec<i32>, Vec<i32>) {
        let end = |turned: usize| {
            move |row: &u32| edges[*row as usize / 2][(*row as usize & 1) ^ turned] as i32
        };
        (
            self.0.iter().map(end(0)).collect(),
            self.0.iter().map(end(1)).collect(),
        )
    }
}

fn listed(edges: &[[u32; 2]], policy: EdgePolicy) -> Result<Rows, GraphFault> {
    if policy.repeats == Special::Refuse {
        refuse_repeats(edges)?;
    }
    let mut rows = Vec::with_capacity(edges.len() * if policy.mirror { 2 } else { 1 });
    for (line, &[src, dst]) in edges.iter().enumerate() {
        let is_loop = src == dst;
        match policy.loops {
            Special::Refuse if is_loop => {
                let problem = format!(
                    "node {src} has an edge to itself; remove it, or keep or drop such edges by `self_loops`"
                );
                return Err(GraphFault::of(line, problem));
            }
            Special::Drop if is_loop => continue,
            _ => rows.push(2 * line as u32),
        }
        if policy.mirror && !is_loop {
            rows.push(2 * line as u32 + 1);
        }
    }
    Ok(Rows(rows))
}

fn refuse_repeats(edges: &[[u32; 2]]) -> Result<(), GraphFault> {
    let mut order: Vec<u32> = (0..edges.len() as u32).collect();
    order.sort_unstable_by_key(|&line| (edges[line as usize], line));
    for pair in order.windows(2) {
        let [first, second] = [pair[0] as usize, pair[1] as usize];
        if edges[first] == edges[second] {
            let [src, dst] = edges[second];
            let problem = format!(
                "from {src} to {dst}, as edge {first}; remove it, or keep or merge such edges by `multi_edges`"
            );
            return Err(GraphFault::of(second, problem));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(nodes: usize, edges: &[[u32; 2]]) -> Parts {
        Parts {
            nodes,
            edges: edges.to_vec(),
            node_features: None,
            edge_features: Some(Features::Floats {
                values: (0..edges.len()).map(|edge| edge as f32).collect(),
                width: 1,
            }),
        }
    }

    fn numbers(features: Option<&Features>) -> Vec<f32> {
        match features {
            Some(Features::Floats { values, .. }) => values.clone(),
            _ => panic!("numbers expected"),
        }
    }

    #[test]
    fn edges_are_sorted_with_their_features() {
        let edges = [[3, 1], [0, 1], [2, 0], [1, 1], [0, 1]];
        let graph = Graph::new(parts(5, &edges), EdgePolicy::PLAIN).unwrap();
        assert_eq!(graph.src(), [2, 0, 1, 3]);
        assert_eq!(graph.dst(), [0, 1, 1, 1]);
        assert_eq!(graph.dst_ptr(), [0, 1, 4, 4, 4, 4]);
        assert_eq!(numbers(graph.edge_features()), [2.0, 1.0, 3.0, 0.0]);
        assert_eq!(graph.degrees(), [1, 1, 1, 1, 0]);
        assert_eq!(graph.isolated(), 1);
        assert_eq!(graph.out().neighbours(3), [1]);
        assert_eq!((graph.edge(3, 1), graph.edge(2, 1)), (Some(3), None));
        assert_eq!(graph.node_features(), &Features::ones(5));
    }

    /// With and without a list of their own, repeated edges and loops included.
    #[test]
    fn edges_out_of_a_node_have_their_numbers() {
        let one_way = vec![[0, 1], [1, 0], [2, 2], [0, 1], [3, 1], [0, 2], [2, 2]];
        let turned = one_way.iter().map(|[a, b]| [*b, *a]);
        let both_ways = [one_way.clone(), turned.collect()].concat();
        for (edges, has_list) in [(one_way, true), (both_ways, false)] {
            let policy = EdgePolicy {
                repeats: Special::Keep,
                ..EdgePolicy::PLAIN
            };
            let graph = Graph::new(parts(4, &edges), policy).unwrap();
            assert_eq!(graph.out().order.is_some(), has_list);
            let dst = graph.dst();
            let mut seen = Vec::new();
            for node in 0..4 {
                for place in graph.out().places(node) {
                    let edge = graph.edge_out(node as i32, place) as usize;
                    assert_eq!(graph.src()[edge], node as i32);
                    assert_eq!(dst[edge] as usize, graph.out().to(place));
                    seen.push(edge);
                }
            }
            let by_source = Csr::by(graph.src(), 4).order;
            assert!(seen.iter().zip(&by_source).all(|(a, b)| *a == *b as usize));
        }
    }

    #[test]
    fn policies_of_loops_and_repeats() {
        let edges = [[0, 1], [1, 1], [0, 1]];
        let count = |mirror, loops, repeats| {
            let policy = EdgePolicy {
                mirror,
                loops,
                repeats,
            };
            Graph::new(parts(2, &edges), policy).map(|graph| graph.edges())
        };
        assert_eq!(count(false, Special::Keep, Special::Keep), Ok(3));
        assert_eq!(count(false, Special::Drop, Special::Drop), Ok(1));
        assert_eq!(count(true, Special::Keep, Special::Drop), Ok(3));
        assert_eq!(count(true, Special::Drop, Special::Keep), Ok(4));
        let error = count(false, Special::Refuse, Special::Drop).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("edge 1: node 1 has an edge to itself")
        );
        let error = count(false, Special::Keep, Special::Refuse).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("edge 2: from 0 to 1, as edge 0")
        );
    }

    #[test]
    fn dangling_nodes_and_empty_graphs_are_refused() {
        let error = Graph::new(parts(3, &[[0, 1], [2, 3]]), EdgePolicy::PLAIN).unwrap_err();
        assert_eq!(
            error.to_string(),
            "edge 1: node 3 is not there: the graph has 3 nodes, from 0 to 2"
        );
        let error = Graph::new(parts(0, &[]), EdgePolicy::PLAIN).unwrap_err();
        assert_eq!(error.to_string(), "a graph without nodes; leave it out");
        assert_eq!(
            Graph::new(parts(2, &[]), EdgePolicy::PLAIN)
                .unwrap()
                .isolated(),
            2
        );
        let odd = Parts {
            node_features: Some(Features::ones(4)),
            ..parts(3, &[])
        };
        let error = Graph::new(odd, EdgePolicy::PLAIN).unwrap_err();
        assert_eq!(error.to_string(), "features of 4 nodes for 3 nodes");
    }

    #[test]
    fn induced_graphs_keep_edges_and_features() {
        let edges = [[0, 1], [1, 2], [2, 3], [3, 0], [1, 3]];
        let graph = Graph::new(parts(4, &edges), EdgePolicy::MIRRORED).unwrap();
        let part = graph.induced(&[3, 1, 0]);
        // 3–1, 3–0 and 0–1 as 0–1, 0–2 and 1–2.
        assert_eq!(part.src(), [1, 2, 0, 2, 0, 1]);
        assert_eq!(part.dst(), [0, 0, 1, 1, 2, 2]);
        assert_eq!(
            numbers(part.edge_features()),
            [4.0, 3.0, 4.0, 0.0, 3.0, 0.0]
        );
        assert_eq!(part.nodes(), 3);
    }
}

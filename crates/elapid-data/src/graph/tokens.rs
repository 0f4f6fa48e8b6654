//! The sub-graphs around a node that a Graph Mamba Network reads.

use std::ops::Range;

use super::graph::{Graph, Out};
use super::pairs::coarse;
use super::quick_random::QuickRandom;

/// How sub-graphs are sampled (Behrouz and Hashemi, arXiv:2402.08678, algorithm 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenSettings {
    /// Longest walks, m.
    pub hops: usize,
    /// Walks of a sub-graph, M.
    pub walks: usize,
    /// Sub-graphs of each length, s.
    pub repeats: usize,
    /// Whether the node itself is the last token. The paper's text says so and its algorithm does not.
    pub append_self: bool,
    /// Whether the edges of the sub-graphs are listed, for a network on them.
    pub edges: bool,
}

impl TokenSettings {
    /// Tokens of a node.
    #[must_use]
    pub fn per_node(&self) -> usize {
        self.hops * self.repeats + usize::from(self.append_self)
    }
}

/// Sub-graphs around each node: the longest walks first, so that a scan ends at the node. A sub-graph is what `walks` walks of
/// `l` steps from the node visited, with all edges among it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// Tokens of a node, K.
    pub per_node: usize,
    /// Members of token `k` of node `n` are those from `ptr[n * K + k]` to the next, `[N * K + 1]`.
    pub ptr: Vec<i32>,
    /// Nodes, ascending within a token, `[T]`.
    pub members: Vec<i32>,
    /// Source of each edge within a token, a place in `members`; sorted by destination, then source.
    pub edge_src: Vec<i32>,
    /// Destination of each edge within a token, a place in `members`.
    pub edge_dst: Vec<i32>,
    /// Number of that edge in the batch.
    pub edge: Vec<i32>,
}

impl Tokens {
    /// Tokens of every node of a graph. What is drawn for a node follows from `seed`, the graph and the node's number.
    #[must_use]
    pub fn sample(graph: &Graph, settings: &TokenSettings, seed: u64) -> Self {
        let nodes = 0..graph.nodes();
        Self::sample_of(graph, nodes, settings, seed)
    }

    /// Tokens of some nodes of a graph, so that those of a large one need not be there at once; numbers of nodes and edges are
    /// those of the graph.
    #[must_use]
    pub fn sample_of(
        graph: &Graph,
        nodes: impl Iterator<Item = usize>,
        settings: &TokenSettings,
        seed: u64,
    ) -> Self {
        let mut tokens = Self::empty(settings.per_node());
        let lengths = (1..=settings.hops).rev();
        let lengths = lengths.flat_map(|length| std::iter::repeat_n(length, settings.repeats));
        let lengths: Vec<usize> = lengths.chain(settings.append_self.then_some(0)).collect();
        let mut block = Block::default();
        let mut nodes = nodes.peekable();
        while nodes.peek().is_some() {
            block.start(nodes.by_ref().take(BLOCK), seed, lengths.len());
            block.walk(graph, settings, &lengths);
            for members in &block.visited {
                tokens.add(graph, members, settings.edges);
            }
        }
        tokens
    }

    fn empty(per_node: usize) -> Self {
        Self {
            per_node,
            ptr: vec![0],
            members: Vec::new(),
            edge_src: Vec::new(),
            edge_dst: Vec::new(),
            edge: Vec::new(),
        }
    }

    pub(super) fn none_of(&self) -> Self {
        Self::empty(self.per_node)
    }

    /// A token of these nodes, which may come up more than once.
    fn add(&mut self, graph: &Graph, visited: &[i32], with_edges: bool) {
        let first = self.members.len();
        self.members.extend(visited);
        self.members[first..].sort_unstable();
        let mut kept = first;
        for place in first..self.members.len() {
            if place == first || self.members[place] != self.members[kept - 1] {
                self.members[kept] = self.members[place];
                kept += 1;
            }
        }
        self.members.truncate(kept);
        if with_edges {
            self.add_edges(graph, first);
        }
        self.ptr.push(kept as i32);
    }

    /// Edges among the members from place `first` on.
    fn add_edges(&mut self, graph: &Graph, first: usize) {
        let members = &self.members[first..];
        for (place, &dst) in members.iter().enumerate() {
            let sources = graph.into_node(dst as usize);
            let start = graph.dst_ptr()[dst as usize] as usize;
            // Both are ascending; the shorter one is looked up in the longer one.
            let mut found = |source: usize, edge: usize| {
                self.edge_src.push((first + source) as i32);
                self.edge_dst.push((first + place) as i32);
                self.edge.push(edge as i32);
            };
            if members.len() < sources.len() {
                for (source, &src) in members.iter().enumerate() {
                    let mut at = sources.partition_point(|&other| other < src);
                    while sources.get(at) == Some(&src) {
                        found(source, start + at);
                        at += 1;
                    }
                }
            } else {
                for (at, src) in sources.iter().enumerate() {
                    if let Ok(source) = members.binary_search(src) {
                        found(source, start + at);
                    }
                }
            }
        }
    }

    /// Puts those of a graph behind these, whose nodes and edges start at `node` and `edge`.
    pub(super) fn append(&mut self, other: &Self, node: i32, edge: i32) {
        let first = self.members.len() as i32;
        self.ptr.extend(other.ptr[1..].iter().map(|at| first + at));
        self.members
            .extend(other.members.iter().map(|id| node + id));
        self.edge_src
            .extend(other.edge_src.iter().map(|at| first + at));
        self.edge_dst
            .extend(other.edge_dst.iter().map(|at| first + at));
        self.edge.extend(other.edge.iter().map(|id| edge + id));
    }

    /// Puts `nodes` nodes from `first` on behind these, each token of which is the node. The last token of the last one gets so
    /// many members and edges more that nearly all batches have as many; `last_edge` is the last edge of the batch.
    pub(super) fn pad(&mut self, first: usize, nodes: usize, last_edge: usize) {
        for node in first..first + nodes {
            for _ in 0..self.per_node {
                self.members.push(node as i32);
                self.ptr.push(self.members.len() as i32);
            }
        }
        let (Some(end), Some(&node)) = (self.ptr.last_mut(), self.members.last()) else {
            return;
        };
        self.members.resize(coarse(self.members.len()), node);
        *end = self.members.len() as i32;
        if !self.edge.is_empty() {
            let (edges, place) = (coarse(self.edge.len()), *end - 1);
            self.edge_src.resize(edges, place);
            self.edge_dst.resize(edges, place);
            self.edge.resize(edges, last_edge as i32);
        }
    }

    /// Those of some nodes, whose edges start at `edge`.
    pub(super) fn slice(&self, nodes: Range<usize>, edge: usize) -> Self {
        let places = nodes.start * self.per_node..nodes.end * self.per_node;
        let members = self.ptr[places.start] as usize..self.ptr[places.end] as usize;
        let (node, first) = (nodes.start as i32, members.start as i32);
        let from = self.edge_dst.partition_point(|&at| at < first);
        let to = self.edge_dst.partition_point(|&at| at < members.end as i32);
        let less = |ids: &[i32], by: i32| ids.iter().map(|id| id - by).collect();
        Self {
            per_node: self.per_node,
            ptr: less(&self.ptr[places.start..=places.end], first),
            members: less(&self.members[members], node),
            edge_src: less(&self.edge_src[from..to], first),
            edge_dst: less(&self.edge_dst[from..to], first),
            edge: less(&self.edge[from..to], edge as i32),
        }
    }
}

/// Nodes whose walks go side by side.
const BLOCK: usize = 16;

/// Walks from some nodes.
#[derive(Default)]
struct Block {
    nodes: Vec<usize>,
    /// Of each node.
    random: Vec<QuickRandom>,
    /// What the walks of each token of each node visited.
    visited: Vec<Vec<i32>>,
    /// Where each walk is: walks of a token, tokens of a node, nodes.
    at: Vec<usize>,
    /// The edge that each takes next, in the same order.
    places: Vec<Option<usize>>,
}

impl Block {
    fn start(&mut self, nodes: impl Iterator<Item = usize>, seed: u64, tokens: usize) {
        self.nodes.clear();
        self.nodes.extend(nodes);
        let of = |node: &usize| QuickRandom::of(seed, *node as u64);
        self.random.clear();
        self.random.extend(self.nodes.iter().map(of));
        self.visited.resize(self.nodes.len() * tokens, Vec::new());
        for (members, at) in self.visited.iter_mut().zip(0..) {
            members.clear();
            members.push(self.nodes[at / tokens] as i32);
        }
    }

    /// Walks of each of `lengths` steps from each node.
    fn walk(&mut self, graph: &Graph, settings: &TokenSettings, lengths: &[usize]) {
        let out = graph.out();
        let (tokens, walks) = (lengths.len(), settings.walks);
        let per_node = (tokens * walks).max(1);
        self.at.clear();
        for &node in &self.nodes {
            self.at.resize(self.at.len() + per_node, node);
        }
        for step in 0..settings.hops {
            // The longest walks are the first.
            let walking = lengths.partition_point(|&length| length > step) * walks;
            self.draw(out, per_node, walking);
            // Nothing but these reads: a large graph is waited for once and not once a walk.
            for (at, place) in self.at.iter_mut().zip(&self.places) {
                if let Some(next) = place {
                    *at = out.to(*next);
                }
            }
            let moved = self.at.chunks(per_node).zip(self.places.chunks(per_node));
            for ((at, places), visited) in moved.zip(self.visited.chunks_mut(tokens)) {
                for (walk, (at, place)) in at[..walking].iter().zip(places).enumerate() {
                    if place.is_some() {
                        visited[walk / walks].push(*at as i32);
                    }
                }
            }
        }
    }

    /// The places of the edges that the walks take next; none where no edge leads on, and a walk stays.
    fn draw(&mut self, out: &Out, per_node: usize, walking: usize) {
        self.places.clear();
        let nodes = self.at.chunks(per_node).zip(&mut self.random);
        for (own, random) in nodes {
            let next = own[..walking].iter().map(|&at| {
                let places = out.places(at);
                let count = places.len();
                (count > 0).then(|| places.start + random.below(count))
            });
            self.places.extend(next);
            self.places
                .resize(self.places.len() + per_node - walking, None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::graph::EdgePolicy;

    const SETTINGS: TokenSettings = TokenSettings {
        hops: 3,
        walks: 2,
        repeats: 2,
        append_self: true,
        edges: true,
    };

    fn path(nodes: usize) -> Graph {
        Graph::bare(
            nodes,
            (1..nodes as u32 - 1).map(|at| [at - 1, at]).collect(),
            EdgePolicy::MIRRORED,
        )
    }

    #[test]
    fn tokens_come_from_far_to_near() {
        // The last node is alone.
        let graph = path(30);
        let tokens = Tokens::sample(&graph, &SETTINGS, 7);
        assert_eq!(tokens.per_node, 7);
        assert_eq!(tokens.ptr.len(), 30 * 7 + 1);
        for node in 0..30_i32 {
            for token in 0..7 {
                let at = node as usize * 7 + token;
                let members = &tokens.members[tokens.ptr[at] as usize..tokens.ptr[at + 1] as usize];
                let reach = [3, 3, 2, 2, 1, 1, 0][token];
                assert!(members.contains(&node));
                assert!(members.windows(2).all(|pair| pair[0] < pair[1]));
                assert!(members.iter().all(|member| (member - node).abs() <= reach));
                let is_alone = reach == 0 || node == 29;
                assert_eq!(members.len() == 1, is_alone, "{node} {token}");
            }
        }
    }

    #[test]
    fn edges_of_tokens_are_all_edges_among_their_members() {
        let graph = path(12);
        let tokens = Tokens::sample(&graph, &SETTINGS, 1);
        let dst = graph.dst();
        let (mut listed, mut expected) = (0, 0);
        for token in tokens.ptr.windows(2) {
            let places = token[0] as usize..token[1] as usize;
            for (from, to) in places
                .clone()
                .flat_map(|a| places.clone().map(move |b| (a, b)))
            {
                let edge = graph.edge(tokens.members[from], tokens.members[to] as usize);
                expected += usize::from(edge.is_some());
            }
        }
        for ((&from, &to), &edge) in tokens
            .edge_src
            .iter()
            .zip(&tokens.edge_dst)
            .zip(&tokens.edge)
        {
            assert_eq!(tokens.members[from as usize], graph.src()[edge as usize]);
            assert_eq!(tokens.members[to as usize], dst[edge as usize]);
            listed += 1;
        }
        assert!(listed > 0 && listed == expected, "{listed} {expected}");
        assert!(tokens.edge_dst.is_sorted());
    }

    #[test]
    fn draws_follow_from_the_node_alone() {
        let graph = path(20);
        let all = Tokens::sample(&graph, &SETTINGS, 5);
        let some = Tokens::sample_of(&graph, 8..12, &SETTINGS, 5);
        let slice = all.slice(8..12, 0);
        assert_eq!(some.ptr, slice.ptr);
        let moved: Vec<i32> = slice.members.iter().map(|member| member + 8).collect();
        assert_eq!(some.members, moved);
        assert_ne!(all.members, Tokens::sample(&graph, &SETTINGS, 6).members);
    }
}

//! Random walks with what a network is told of them.

use std::ops::Range;

use super::graph::{Graph, Out};
use super::quick_random::QuickRandom;

/// How walks are sampled (NeuralWalker, arXiv:2406.03386).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WalkSettings {
    /// Nodes of a walk, the first included.
    pub length: usize,
    /// Earlier places that a place is compared with.
    pub window: usize,
    /// Share of the nodes that a walk starts from; 1 for all.
    pub rate: f64,
}

/// Walks as those of `neuralwalker/data/walks.pyx` of BorgwardtLab/NeuralWalker: they follow edges, and go back the way they came only where there is no other.
#[derive(Clone, Debug, PartialEq)]
pub struct Walks {
    /// How they were sampled.
    pub settings: WalkSettings,
    /// Node at each place, `[W, length]`; −1 behind the end of a walk, and for whole rows of padding.
    pub nodes: Vec<i32>,
    /// Edge that leads on from each place, `[W, length]`; −1 at last places and behind the end.
    pub edges: Vec<i32>,
    /// 1 where the node of a place is that of an earlier place or has an edge from it, `[W, length, 2 window − 1]`: whether it
    /// is the same as `window` to 1 places before, then whether there is an edge from that `window` to 2 places before.
    pub relations: Vec<u8>,
}

impl Walks {
    /// At most one walk from every node. What is drawn for a node follows from `seed`, the graph and the node's number.
    #[must_use]
    pub fn sample(graph: &Graph, settings: &WalkSettings, seed: u64) -> Self {
        Self::sample_of(graph, 0..graph.nodes(), settings, seed)
    }

    /// Walks from some nodes of a graph, so that those of a large one need not be there at once.
    #[must_use]
    pub fn sample_of(
        graph: &Graph,
        nodes: impl Iterator<Item = usize>,
        settings: &WalkSettings,
        seed: u64,
    ) -> Self {
        let adjacency = Adjacency::of(graph);
        let mut walks = Self::empty(*settings);
        let mut block = Vec::with_capacity(BLOCK);
        for node in nodes {
            let mut random = QuickRandom::of(seed, node as u64);
            if settings.rate < 1.0 && random.unit() >= settings.rate {
                continue;
            }
            block.push(Walker {
                at: node,
                before: None,
                has_ended: false,
                random,
            });
            if block.len() == BLOCK {
                walks.walk(graph, &adjacency, &mut block);
            }
        }
        walks.walk(graph, &adjacency, &mut block);
        walks
    }

    fn empty(settings: WalkSettings) -> Self {
        Self {
            settings,
            nodes: Vec::new(),
            edges: Vec::new(),
            relations: Vec::new(),
        }
    }

    pub(super) fn none_of(&self) -> Self {
        Self::empty(self.settings)
    }

    /// Number of walks, W.
    #[must_use]
    pub fn count(&self) -> usize {
        self.nodes.len() / self.settings.length.max(1)
    }

    /// Walks of a block, a step of each after a step of each.
    fn walk(&mut self, graph: &Graph, adjacency: &Adjacency<'_>, block: &mut Vec<Walker>) {
        let length = self.settings.length;
        let first = self.nodes.len();
        self.nodes.resize(first + block.len() * length, -1);
        self.edges.resize(first + block.len() * length, -1);
        let out = graph.out();
        for place in 0..length {
            out.touch(block.iter().map(|walker| walker.at));
            for (row, walker) in block.iter_mut().enumerate() {
                let here = first + row * length + place;
                if walker.has_ended {
                    continue;
                }
                self.nodes[here] = walker.at as i32;
                if place + 1 < length {
                    self.edges[here] = walker.step(out).unwrap_or(-1);
                }
            }
        }
        for row in 0..block.len() {
            let start = first + row * length;
            let walk = &self.nodes[start..start + length];
            graph.touch(walk.iter().filter_map(|&node| usize::try_from(node).ok()));
            for (edge, &node) in self.edges[start..start + length].iter_mut().zip(walk) {
                if let Ok(place) = usize::try_from(*edge) {
                    *edge = graph.edge_out(node, place);
                }
            }
            self.relate(adjacency, start);
        }
        block.clear();
    }

    /// Compares the places of the walk that starts at `first` of `nodes`.
    fn relate(&mut self, adjacency: &Adjacency<'_>, first: usize) {
        let WalkSettings { length, window, .. } = self.settings;
        let width = (2 * window).saturating_sub(1);
        let walk = &self.nodes[first..first + length];
        for (place, &node) in walk.iter().enumerate() {
            let row = self.relations.len();
            self.relations.resize(row + width, 0);
            if node < 0 {
                continue;
            }
            for back in 1..=window.min(place) {
                let other = walk[place - back];
                self.relations[row + window - back] = u8::from(node == other);
                if back > 1 {
                    let edge = adjacency.has(other, node);
                    self.relations[row + window + window - back] = u8::from(edge);
                }
            }
        }
    }

    /// Puts those of a graph behind these, whose nodes and edges start at `node` and `edge`.
    pub(super) fn append(&mut self, other: &Self, node: i32, edge: i32) {
        let more = |ids: &[i32], by: i32| -> Vec<i32> {
            let moved = ids.iter().map(|&id| if id < 0 { id } else { id + by });
            moved.collect()
        };
        self.nodes.extend(more(&other.nodes, node));
        self.edges.extend(more(&other.edges, edge));
        self.relations.extend(&other.relations);
    }

    /// Adds rows that are no walks, so that their number follows from the nodes of the batch but in rare cases.
    pub(super) fn pad(&mut self, nodes: usize) {
        let WalkSettings {
            length,
            window,
            rate,
        } = self.settings;
        let rate = rate.min(1.0);
        let mean = rate * nodes as f64;
        let room = 4.0 * (mean * (1.0 - rate)).sqrt();
        let rows = ((mean + room).ceil() as usize).min(nodes).max(self.count());
        self.nodes.resize(rows * length, -1);
        self.edges.resize(rows * length, -1);
        let width = (2 * window).saturating_sub(1);
        self.relations.resize(rows * length * width, 0);
    }

    /// Those that start at some nodes, whose edges start at `edge`.
    pub(super) fn slice(&self, nodes: Range<usize>, edge: usize) -> Self {
        let WalkSettings { length, window, .. } = self.settings;
        let width = length * (2 * window).saturating_sub(1);
        let starts: Vec<i32> = self.nodes.iter().step_by(length.max(1)).copied().collect();
        let rows = (0..starts.len())
            .filter(|&row| usize::try_from(starts[row]).is_ok_and(|start| nodes.contains(&start)));
        let mut part = self.none_of();
        for row in rows {
            let own = row * length..(row + 1) * length;
            part.append(
                &Self {
                    settings: self.settings,
                    nodes: self.nodes[own.clone()].to_vec(),
                    edges: self.edges[own].to_vec(),
                    relations: self.relations[row * width..(row + 1) * width].to_vec(),
                },
                -(nodes.start as i32),
                -(edge as i32),
            );
        }
        part
    }
}

/// Walks that are made side by side.
const BLOCK: usize = 32;

/// Somebody on the way.
struct Walker {
    at: usize,
    before: Option<i32>,
    has_ended: bool,
    random: QuickRandom,
}

impl Walker {
    /// Goes on, if an edge leads on, and tells at which place that is.
    fn step(&mut self, out: &Out) -> Option<i32> {
        let neighbours = out.neighbours(self.at);
        let taken = next(neighbours, self.before, &mut self.random);
        self.has_ended = taken.is_none();
        let place = out.places(self.at).start + taken?;
        self.before = Some(self.at as i32);
        self.at = neighbours[taken?] as usize;
        Some(place as i32)
    }
}

/// Place of a neighbour to go to, another one than `before` if there is one.
fn next(neighbours: &[i32], before: Option<i32>, random: &mut QuickRandom) -> Option<usize> {
    let others = match before {
        None => return (!neighbours.is_empty()).then(|| random.below(neighbours.len())),
        Some(before) => {
            neighbours.partition_point(|&n| n < before)
                ..neighbours.partition_point(|&n| n <= before)
        }
    };
    let choices = neighbours.len() - others.len();
    if choices == 0 {
        return (!neighbours.is_empty()).then(|| random.below(neighbours.len()));
    }
    let drawn = random.below(choices);
    Some(if drawn < others.start {
        drawn
    } else {
        drawn + others.len()
    })
}

/// Whether nodes have an edge: a table for small graphs.
struct Adjacency<'a> {
    graph: &'a Graph,
    bits: Vec<u64>,
}

impl<'a> Adjacency<'a> {
    /// Nodes of the largest graph with a table, which has 2 MiB.
    const LARGEST: usize = 4096;

    fn of(graph: &'a Graph) -> Self {
        let nodes = graph.nodes();
        let mut bits = Vec::new();
        if nodes <= Self::LARGEST {
            bits = vec![0; (nodes * nodes).div_ceil(64)];
            for dst in 0..nodes {
                for &src in graph.into_node(dst) {
                    let bit = src as usize * nodes + dst;
                    bits[bit / 64] |= 1 << (bit % 64);
                }
            }
        }
        Self { graph, bits }
    }

    fn has(&self, src: i32, dst: i32) -> bool {
        if self.bits.is_empty() {
            return self.graph.edge(src, dst as usize).is_some();
        }
        let bit = src as usize * self.graph.nodes() + dst as usize;
        self.bits[bit / 64] >> (bit % 64) & 1 == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::graph::EdgePolicy;

    fn graph(nodes: usize, edges: Vec<[u32; 2]>) -> Graph {
        Graph::bare(nodes, edges, EdgePolicy::MIRRORED)
    }

    const SETTINGS: WalkSettings = WalkSettings {
        length: 6,
        window: 3,
        rate: 1.0,
    };

    #[test]
    fn walks_go_back_at_dead_ends_only() {
        // A path of five, a node alone.
        let path = graph(6, (0..4).map(|at| [at, at + 1]).collect());
        let walks = Walks::sample(&path, &SETTINGS, 2);
        assert_eq!(walks.count(), 6);
        assert_eq!(walks.nodes[..6], [0, 1, 2, 3, 4, 3]);
        assert_eq!(walks.nodes[30..], [5, -1, -1, -1, -1, -1]);
        let dst = path.dst();
        for (row, edges) in walks.nodes.chunks(6).zip(walks.edges.chunks(6)) {
            assert_eq!(edges[5], -1);
            for place in 0..5 {
                match usize::try_from(edges[place]) {
                    Ok(edge) => {
                        assert_eq!([path.src()[edge], dst[edge]], [row[place], row[place + 1]]);
                    }
                    Err(_) => assert_eq!(row[place + 1], -1),
                }
            }
        }
        // The last place of the first walk: not 4, 3 or 2 places … the same as 3 at two before.
        assert_eq!(walks.relations[5 * 5..6 * 5], [0, 1, 0, 1, 0]);
    }

    #[test]
    fn a_table_and_a_search_agree() {
        let edges = (0..60_u32).flat_map(|a| [[a, (a * 11 + 5) % 61], [a, (a * a + 3) % 61]]);
        let graph = graph(61, edges.collect());
        let table = Adjacency::of(&graph);
        let search = Adjacency {
            graph: &graph,
            bits: Vec::new(),
        };
        for src in 0..61 {
            for dst in 0..61 {
                assert_eq!(table.has(src, dst), search.has(src, dst));
            }
        }
    }

    #[test]
    fn a_rate_keeps_its_share() {
        let graph = graph(4000, (0..3999).map(|at| [at, at + 1]).collect());
        let settings = WalkSettings {
            rate: 0.25,
            ..SETTINGS
        };
        let mut walks = Walks::sample(&graph, &settings, 9);
        // Five standard deviations of 1,000 ± 27.
        assert!(walks.count().abs_diff(1000) < 137, "{}", walks.count());
        walks.pad(4000);
        assert_eq!(walks.count(), 1110);
        let part = walks.slice(1000..2000, 0);
        assert!(
            part.nodes
                .iter()
                .step_by(6)
                .all(|start| (0..1000).contains(start))
        );
    }
}

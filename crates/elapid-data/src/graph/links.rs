//! Which nodes have a link: what a network is asked, and what it must not see meanwhile.

use std::collections::HashSet;
use std::sync::Arc;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

use super::dataset::{GraphSample, GraphSplits, InMemory};
use super::graph::Graph;
use super::pairs::Pairs;
use super::quick_random::QuickRandom;
use super::targets::Targets;
use crate::error::DataError;
use crate::random::{derived_seed, purpose};
use crate::splits::divide;
use crate::transform::require;

/// How links are asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinkSettings {
    /// In training: pairs without a link that are drawn for each pair with one.
    pub negatives: usize,
    /// In training: share of the links that a step asks for. Messages do not travel along these, since they do not along those
    /// of the test.
    pub hidden: f64,
    /// In evaluation: nodes that the second one of a link is ranked among; 0 for all others of the graph.
    pub ranked_among: usize,
    /// In evaluation: which nodes these are.
    pub rivals: Rivals,
}

/// Nodes that the second one of a link is ranked among.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rivals {
    /// All others, the first one included (the evaluation of PCQM-Contact in the Long Range Graph Benchmark).
    Raw,
    /// Those that have no link with the first one in whatever split, the first one included.
    Filtered,
    /// Those that have no link with the first one, without the first one.
    Strangers,
}

impl LinkSettings {
    /// # Errors
    ///
    /// Numbers that leave nothing to learn from.
    pub fn check(&self) -> Result<(), DataError> {
        let Self {
            negatives, hidden, ..
        } = *self;
        require(negatives > 0, "negatives", negatives, "at least 1")?;
        let is_share = hidden > 0.0 && hidden <= 1.0;
        require(is_share, "hidden", hidden, "above 0 and at most 1")
    }
}

/// Links of a graph that one split asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Links {
    /// Pairs of nodes that have one.
    asked: Vec<[i32; 2]>,
    /// Pairs that are not taken for ones without, ascending, both ways where links have no direction.
    known: Arc<[[i32; 2]]>,
    /// A link leads both ways.
    both_ways: bool,
}

impl Links {
    /// Links `asked`, with those of `known` not to be taken for none.
    #[must_use]
    pub fn new(asked: Vec<[i32; 2]>, known: &[[i32; 2]], both_ways: bool) -> Self {
        let known = known_of(known, both_ways).into();
        Self {
            asked,
            known,
            both_ways,
        }
    }

    /// Pairs of nodes that have a link, of this split.
    #[must_use]
    pub fn asked(&self) -> &[[i32; 2]] {
        &self.asked
    }

    /// Pairs that are not taken for ones without, ascending.
    #[must_use]
    pub fn known(&self) -> &[[i32; 2]] {
        &self.known
    }

    /// What a training step asks, with the graph that it sees: a share of the links, drawn afresh, each followed by pairs
    /// without.
    pub(super) fn for_training(
        &self,
        graph: &Graph,
        settings: &LinkSettings,
        rng: &mut ChaCha8Rng,
    ) -> (Graph, Pairs) {
        let mut random = QuickRandom::of(rng.next_u64(), 0);
        let all = self.asked.len();
        let count = ((settings.hidden * all as f64).round() as usize).clamp(1, all.max(1));
        let mut chosen = self.asked.clone();
        for at in 0..count.min(all) {
            let other = at + random.below(all - at);
            chosen.swap(at, other);
        }
        chosen.truncate(count);
        let mut pairs = Pairs::default();
        for &[from, to] in &chosen {
            // Without a direction either end may stay.
            let is_turned = self.both_ways && random.below(2) == 1;
            let ends = if is_turned { [to, from] } else { [from, to] };
            pairs.push(ends, 1);
            for _ in 0..settings.negatives {
                match self.stranger(ends[0], graph.nodes(), &mut random) {
                    Some(other) => pairs.push([ends[0], other], 0),
                    None => pairs.push(ends, -1),
                }
            }
        }
        (without(graph, &chosen, self.both_ways), pairs)
    }

    /// What an evaluation asks: every link, followed by the pairs that it is ranked among.
    pub(super) fn for_evaluation(
        &self,
        graph: &Graph,
        settings: &LinkSettings,
        rng: &mut ChaCha8Rng,
    ) -> Pairs {
        let mut random = QuickRandom::of(rng.next_u64(), 0);
        let mut pairs = Pairs::default();
        for &ends in &self.asked {
            pairs.push(ends, 1);
            self.rivals(ends, graph.nodes(), settings, &mut random, &mut pairs);
        }
        pairs
    }

    fn rivals(
        &self,
        [from, to]: [i32; 2],
        nodes: usize,
        settings: &LinkSettings,
        random: &mut QuickRandom,
        into: &mut Pairs,
    ) {
        let is_rival = |other: i32| {
            let is_allowed = match settings.rivals {
                Rivals::Raw => true,
                Rivals::Filtered => !self.has([from, other]),
                Rivals::Strangers => other != from && !self.has([from, other]),
            };
            other != to && is_allowed
        };
        let among = settings.ranked_among;
        // Where few are left to draw from, all are taken.
        if among == 0 || 2 * among >= nodes {
            let all = (0..nodes as i32).filter(|other| is_rival(*other));
            all.for_each(|other| into.push([from, other], 0));
            return;
        }
        let mut seen = HashSet::new();
        for _ in 0..TRIES * among {
            let other = random.below(nodes) as i32;
            if is_rival(other) && seen.insert(other) {
                into.push([from, other], 0);
            }
            if seen.len() == among {
                return;
            }
        }
    }

    /// A node that has no link with `node`, if one is found.
    fn stranger(&self, node: i32, nodes: usize, random: &mut QuickRandom) -> Option<i32> {
        let drawn = (0..TRIES).map(|_| random.below(nodes) as i32);
        let mut strangers = drawn.filter(|&other| other != node && !self.has([node, other]));
        strangers.next()
    }

    fn has(&self, pair: [i32; 2]) -> bool {
        self.known.binary_search(&pair).is_ok()
    }
}

/// Draws that a node without a link is looked for in: only one that has a link with nearly all others is none found for.
const TRIES: usize = 32;

/// Pairs in order, both ways where they have no direction.
fn known_of(pairs: &[[i32; 2]], both_ways: bool) -> Vec<[i32; 2]> {
    let turned = pairs.iter().map(|[from, to]| [*to, *from]);
    let mut known: Vec<[i32; 2]> = pairs.to_vec();
    if both_ways {
        known.extend(turned);
    }
    known.sort_unstable();
    known.dedup();
    known
}

/// The graph without the edges between these pairs.
fn without(graph: &Graph, pairs: &[[i32; 2]], both_ways: bool) -> Graph {
    let mut is_gone = vec![false; graph.edges()];
    for &[from, to] in pairs {
        let ways = [[from, to], [to, from]];
        for [src, dst] in ways.into_iter().take(if both_ways { 2 } else { 1 }) {
            graph
                .edges_between(src, dst as usize)
                .for_each(|edge| is_gone[edge] = true);
        }
    }
    graph.without(&is_gone)
}

/// How many of a graph's links are for what.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinkShares {
    /// Share of the links for the test.
    pub test: f64,
    /// Share of the links for validation; 0 for none.
    pub valid: f64,
    /// Which ones.
    pub seed: u64,
}

/// The links of a set that is one graph, some of which are held out: messages travel along those of training alone.
///
/// # Errors
///
/// A set of several graphs, or shares that leave nothing to train on or to test.
pub fn held_out(set: GraphSplits, shares: LinkShares) -> Result<GraphSplits, DataError> {
    let name = set.card.name.clone();
    if set.train.len() != 1 {
        return Err(DataError::Sample {
            sample: format!("the data set `{name}`"),
            reason: format!(
                "it has {} training graphs, and links are held out of a single one; use a set of one graph, or the table `pairs` of `graph_csv`",
                set.train.len()
            ),
        });
    }
    let sample = set.train.get(0);
    let sample =
        sample.map_err(|error| DataError::from_dataset(&error, || set.train.describe(0)))?;
    let graph = &*sample.graph;
    let both_ways = graph.is_symmetric();
    let links = links_of(graph, both_ways);
    let what = || format!("the links of `{name}`");
    let seed_of = |purpose| derived_seed(shares.seed, &[purpose]);
    let (kept, test) = divide(links.len(), shares.test, seed_of(purpose::TEST_SPLIT), what)?;
    let share = shares.valid / (1.0 - shares.test);
    let (train, valid) = match shares.valid > 0.0 {
        true => divide(kept.len(), share, seed_of(purpose::HOLD_OUT), what)?,
        false => ((0..kept.len()).collect(), Vec::new()),
    };
    let of =
        |places: Vec<usize>| -> Vec<[i32; 2]> { places.into_iter().map(|at| links[at]).collect() };
    let train = of(train.into_iter().map(|at| kept[at]).collect());
    let valid = of(valid.into_iter().map(|at| kept[at]).collect());
    assigned(graph, [train, valid, of(test)], both_ways, set.card)
}

/// As [`held_out`], of links that are told.
pub(super) fn assigned(
    graph: &Graph,
    links: [Vec<[i32; 2]>; 3],
    both_ways: bool,
    card: crate::Card,
) -> Result<GraphSplits, DataError> {
    let name = card.name.clone();
    for (of, links) in ["train", "", "test"].iter().zip(&links) {
        if links.is_empty() && !of.is_empty() {
            return Err(DataError::TooFew {
                what: format!("the split `{of}` of the links of `{name}`"),
                len: 0,
                needed: 1,
                hint: "give the split a larger share".to_owned(),
            });
        }
    }
    let [train, valid, test] = links;
    let unseen = [&valid[..], &test[..]].concat();
    let graph = Arc::new(without(graph, &unseen, both_ways));
    let all: Vec<[i32; 2]> = [&train[..], &unseen[..]].concat();
    // Training must not be told what the test asks, not even that a pair is none without a link.
    let seen = train.clone();
    let part = |asked: Vec<[i32; 2]>, known: &[[i32; 2]]| {
        let targets = Targets::Links(Arc::new(Links::new(asked, known, both_ways)));
        let graph = Arc::clone(&graph);
        let samples = vec![GraphSample { graph, targets }];
        InMemory::new(samples, Vec::new(), format!("`{name}`, graph"))
    };
    let valid = match valid.is_empty() {
        true => None,
        false => Some(part(valid, &all)? as crate::Shared<GraphSample>),
    };
    Ok(GraphSplits {
        train: part(train, &seen)?,
        valid,
        test: part(test, &all)?,
        card,
    })
}

/// The pairs that edges join, each once.
pub(super) fn links_of(graph: &Graph, both_ways: bool) -> Vec<[i32; 2]> {
    let ends = graph.src().iter().copied().zip(graph.dst());
    let mut links: Vec<[i32; 2]> = ends
        .filter(|(src, dst)| if both_ways { src < dst } else { src != dst })
        .map(|(src, dst)| [src, dst])
        .collect();
    links.sort_unstable();
    links.dedup();
    links
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::synth::karate;
    use crate::random::stream;

    const SHARES: LinkShares = LinkShares {
        test: 0.2,
        valid: 0.1,
        seed: 3,
    };

    const SETTINGS: LinkSettings = LinkSettings {
        negatives: 2,
        hidden: 0.25,
        ranked_among: 0,
        rivals: Rivals::Strangers,
    };

    fn parts() -> [(Arc<Graph>, Arc<Links>); 3] {
        let splits = held_out(karate::splits().unwrap(), SHARES).unwrap();
        let of = |set: &crate::Shared<GraphSample>| {
            let sample = set.get(0).unwrap();
            let Targets::Links(links) = sample.targets else {
                panic!("links expected");
            };
            (sample.graph, links)
        };
        [
            of(&splits.train),
            of(splits.valid.as_ref().unwrap()),
            of(&splits.test),
        ]
    }

    #[test]
    fn links_are_in_one_split_each() {
        let [train, valid, test] = parts();
        let counts = [&train, &valid, &test].map(|(_, links)| links.asked.len());
        assert_eq!(counts, [54, 8, 16]);
        let whole = karate::splits().unwrap().train.get(0).unwrap().graph;
        let mut all = [&train, &valid, &test]
            .map(|(_, links)| links.asked.clone())
            .concat();
        all.sort_unstable();
        assert_eq!(all, links_of(&whole, true));
        // All see one graph, of the links of training alone.
        assert!(Arc::ptr_eq(&train.0, &test.0) && Arc::ptr_eq(&train.0, &valid.0));
        let mut seen = train.1.asked.clone();
        seen.sort_unstable();
        assert_eq!(links_of(&train.0, true), seen);
        assert_eq!(train.0.edges(), 2 * 54);
    }

    #[test]
    fn a_step_does_not_see_what_it_asks() {
        let [(graph, links), ..] = parts();
        let mut rng = stream(1, &[2]);
        let (seen, pairs) = links.for_training(&graph, &SETTINGS, &mut rng);
        let asked = pairs.labels.iter().filter(|&&label| label == 1).count();
        assert_eq!((asked, pairs.labels.len()), (14, 14 * 3));
        assert_eq!(seen.edges(), 2 * (54 - 14));
        for (ends, label) in pairs.ends.iter().zip(&pairs.labels) {
            let [a, b] = *ends;
            assert!(seen.edge(a, b as usize).is_none() && seen.edge(b, a as usize).is_none());
            assert_eq!(graph.edge(a, b as usize).is_some(), *label == 1, "{ends:?}");
        }
        let (_, other) = links.for_training(&graph, &SETTINGS, &mut rng);
        assert_ne!(pairs, other);
    }

    #[test]
    fn a_link_is_ranked_among_those_without() {
        let [_, _, (graph, links)] = parts();
        let whole = karate::splits().unwrap().train.get(0).unwrap().graph;
        let ask = |settings| links.for_evaluation(&graph, &settings, &mut stream(0, &[1]));
        let pairs = ask(SETTINGS);
        assert_eq!(pairs, ask(SETTINGS));
        let first = pairs.ends[0];
        let end = 1 + pairs.labels[1..].iter().position(|l| *l == 1).unwrap();
        let degree = whole.out().neighbours(first[0] as usize).len();
        // Neither the node itself nor any that it has a link with.
        assert_eq!(end - 1, 34 - 1 - degree);
        for ends in &pairs.ends[1..end] {
            assert!(ends[0] == first[0] && whole.edge(ends[0], ends[1] as usize).is_none());
        }
        let raw = ask(LinkSettings {
            rivals: Rivals::Raw,
            ..SETTINGS
        });
        assert_eq!(raw.labels.len(), links.asked.len() * 34);
        let filtered = ask(LinkSettings {
            rivals: Rivals::Filtered,
            ..SETTINGS
        });
        let loops = filtered.ends.iter().filter(|[from, to]| from == to).count();
        assert_eq!(loops, links.asked.len());
        assert_eq!(filtered.labels.len(), pairs.labels.len() + loops);
        let few = ask(LinkSettings {
            ranked_among: 5,
            ..SETTINGS
        });
        assert_eq!(few.labels.len(), links.asked.len() * 6);
    }

    /// Who only looks whether there is an edge is always right where messages travel along what is asked, which is planted here, and
    /// never where they do not.
    #[test]
    fn a_leak_would_be_seen() {
        let [train, _, (seen, links)] = parts();
        let whole = karate::splits().unwrap().train.get(0).unwrap().graph;
        let found = |graph: &Graph, pairs: &Pairs| {
            let is_edge = |[a, b]: [i32; 2]| {
                graph.edge(a, b as usize).is_some() || graph.edge(b, a as usize).is_some()
            };
            let asked = pairs.ends.iter().zip(&pairs.labels);
            let asked = asked.filter(|(_, label)| **label == 1);
            let found: Vec<bool> = asked.map(|(ends, _)| is_edge(*ends)).collect();
            (found.iter().filter(|found| **found).count(), found.len())
        };
        let mut rng = stream(0, &[1]);
        let pairs = links.for_evaluation(&seen, &SETTINGS, &mut rng);
        assert_eq!(found(&whole, &pairs), (16, 16));
        assert_eq!(found(&seen, &pairs), (0, 16));
        let (seen, pairs) = train.1.for_training(&train.0, &SETTINGS, &mut rng);
        assert_eq!(found(&train.0, &pairs), (14, 14));
        assert_eq!(found(&seen, &pairs), (0, 14));
    }

    #[test]
    fn several_graphs_have_no_links_to_hold_out() {
        use crate::graph::synth::{Counts, rings};
        let counts = Counts {
            train: 3,
            valid: 0,
            test: 1,
            seed: 0,
        };
        let set = rings::splits(10, counts).unwrap();
        let error = held_out(set, SHARES).err().unwrap().to_string();
        assert!(error.contains("3 training graphs"), "{error}");
    }
}

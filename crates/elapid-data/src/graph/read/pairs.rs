//! What tables tell of pairs of nodes: classes of edges, and links.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use super::assign::{Assigned, Part};
use super::graph_csv::{Asks, One, Options, Set, classes};
use super::{sample, splits as split};
use crate::card::card;
use crate::error::DataError;
use crate::graph::dataset::{GraphSample, GraphSplits, InMemory};
use crate::graph::graph::Graph;
use crate::graph::links::{self, Links};
use crate::graph::pairs::Pairs;
use crate::graph::targets::Targets;

/// A pair that is asked for.
struct Asked {
    ends: [i32; 2],
    /// −1 where it is not known.
    class: i32,
    part: Option<Part>,
}

impl Set {
    /// The splits of pairs of nodes.
    pub(super) fn finish_pairs(
        mut self,
        path: &Path,
        options: Options<'_>,
    ) -> Result<GraphSplits, DataError> {
        let wrong = |problem: &str| DataError::layout(path, problem.to_owned());
        let of_classes = options.asks == Asks::EdgeClasses;
        if of_classes && !self.has_pair_labels {
            return Err(wrong(
                "classes of edges are asked for, and there is no column `label`; add one, or use another task",
            ));
        }
        let card = card("graph_csv")?;
        let names = self.pair_classes.iter().map(String::as_str).collect();
        let names = if of_classes {
            classes(names)
        } else {
            Vec::new()
        };
        let rank: Vec<i32> = self
            .pair_classes
            .iter()
            .map(|own| names.iter().position(|name| name == own))
            .map(|at| at.map_or(-1, |at| at as i32))
            .collect();
        let columns = [self.node_columns.len(), self.edge_columns.len()];
        let graphs = std::mem::take(&mut self.graphs);
        let mut samples = Vec::new();
        for mut one in graphs {
            let mut asked = self.asked(&mut one, &options, &rank)?;
            if of_classes {
                asked.retain(|pair| pair.class >= 0);
            }
            let part = one.part;
            samples.push((one.graph(path, &options, &columns)?, asked, part));
        }
        if samples.len() == 1 && !self.has_graph_splits {
            let (graph, asked, _) = samples.remove(0);
            return match options.asks {
                Asks::Links(shares) if !self.has_pair_splits && options.pairs.is_none() => {
                    let whole = || InMemory::new(vec![sample_of(&graph)], Vec::new(), "graph");
                    let set = GraphSplits {
                        train: whole()?,
                        valid: None,
                        test: whole()?,
                        card,
                    };
                    links::held_out(set, shares)
                }
                _ => self.of_one(graph, asked, names, &options),
            };
        }
        if self.has_pair_splits {
            return Err(wrong(
                "pairs of several graphs have a column `split`; say of graphs which split they are of, in the table `graphs`",
            ));
        }
        if samples.is_empty() {
            return Err(wrong("no graph in it"));
        }
        if !of_classes && options.pairs.is_none() {
            return Err(wrong(
                "links of several graphs are asked for, whose edges are all seen; name a table of the pairs that are asked for, `pairs`",
            ));
        }
        let (parts, samples): (Vec<_>, Vec<_>) = samples
            .into_iter()
            .map(|(graph, asked, part)| (part, sample(graph, targets(asked, &options))))
            .unzip();
        let assigned = self.has_graph_splits.then_some(Assigned(parts));
        let name = options.root.display().to_string();
        split(
            samples,
            assigned.as_ref(),
            names,
            card,
            &name,
            options.shares,
        )
    }

    /// The pairs of a graph that are asked for, each once: its edges, or those of a table of their own.
    fn asked(
        &self,
        one: &mut One,
        options: &Options<'_>,
        rank: &[i32],
    ) -> Result<Vec<Asked>, DataError> {
        let own_table = options.pairs.is_some();
        let (pairs, labels, parts, lines) = match own_table {
            true => (
                &one.pairs,
                &one.pair_labels,
                &one.pair_parts,
                &one.pair_lines,
            ),
            false => (&one.edges, &one.edge_labels, &one.edge_parts, &one.lines),
        };
        let table = options.pairs.unwrap_or(options.edges);
        let mut first: HashMap<[u32; 2], usize> = HashMap::with_capacity(pairs.len());
        let mut asked: Vec<Asked> = Vec::with_capacity(pairs.len());
        for (row, &[from, to]) in pairs.iter().enumerate() {
            let class = labels.get(row).map_or(-1, |label| match label {
                -1 => -1,
                label => rank[*label as usize],
            });
            let part = parts.get(row).copied().flatten();
            // Without a direction, a pair that is listed both ways is one.
            let key = match options.policy.mirror {
                true => [from.min(to), from.max(to)],
                false => [from, to],
            };
            if let Some(&at) = first.get(&key) {
                if (asked[at].class, asked[at].part) != (class, part) {
                    let problem = format!(
                        "line {}: this pair is there twice, with another class or split; remove one, or a split is measured on what another tells",
                        lines[row]
                    );
                    return Err(DataError::layout(&options.root.join(table), problem));
                }
                continue;
            }
            first.insert(key, asked.len());
            let ends = [from as i32, to as i32];
            asked.push(Asked { ends, class, part });
        }
        Ok(asked)
    }

    /// The splits of the pairs of a single graph.
    fn of_one(
        &self,
        graph: Graph,
        asked: Vec<Asked>,
        names: Vec<String>,
        options: &Options<'_>,
    ) -> Result<GraphSplits, DataError> {
        let (card, name) = (card("graph_csv")?, options.root.display().to_string());
        let parts = match self.has_pair_splits {
            true => asked.iter().map(|pair| pair.part).collect(),
            false => Assigned::random(asked.len(), options.shares, &name)?.0,
        };
        let of = |part: Part| {
            let own = asked.iter().zip(&parts);
            own.filter(move |(_, of)| **of == Some(part))
                .map(|(pair, _)| pair)
        };
        let all = [Part::Train, Part::Valid, Part::Test];
        let both_ways = options.policy.mirror;
        if options.asks != Asks::EdgeClasses && options.pairs.is_none() {
            let links = all.map(|part| of(part).map(|pair| pair.ends).collect());
            return links::assigned(&graph, links, both_ways, card);
        }
        for (part, of_part) in all.iter().zip(["train", "valid", "test"]) {
            if *part != Part::Valid && of(*part).next().is_none() {
                return Err(DataError::TooFew {
                    what: format!("the split `{of_part}` of `{name}`"),
                    len: 0,
                    needed: 1,
                    hint: "say of more pairs that they are of it".to_owned(),
                });
            }
        }
        let graph = Arc::new(graph);
        let known: Vec<[i32; 2]> = asked.iter().map(|pair| pair.ends).collect();
        let set = |part: Part| {
            let targets = match options.asks {
                Asks::Links(_) => {
                    let own: Vec<[i32; 2]> = of(part).map(|pair| pair.ends).collect();
                    // Training is not told what the test asks.
                    let known = if part == Part::Train {
                        own.clone()
                    } else {
                        known.clone()
                    };
                    Targets::Links(Arc::new(Links::new(own, &known, both_ways)))
                }
                _ => classes_of(of(part)).targets(),
            };
            let graph = Arc::clone(&graph);
            InMemory::new(vec![GraphSample { graph, targets }], names.clone(), &*name)
        };
        let has_valid = of(Part::Valid).next().is_some();
        Ok(GraphSplits {
            train: set(Part::Train)?,
            valid: match has_valid {
                true => Some(set(Part::Valid)? as crate::Shared<GraphSample>),
                false => None,
            },
            test: set(Part::Test)?,
            card,
        })
    }
}

/// Pairs with their classes.
fn classes_of<'a>(asked: impl Iterator<Item = &'a Asked>) -> Pairs {
    let mut pairs = Pairs::default();
    asked.for_each(|pair| pairs.push(pair.ends, pair.class));
    pairs
}

/// What is asked of one of several graphs.
fn targets(asked: Vec<Asked>, options: &Options<'_>) -> Targets {
    match options.asks {
        Asks::EdgeClasses | Asks::Told => classes_of(asked.iter()).targets(),
        Asks::Links(_) => {
            let ends: Vec<[i32; 2]> = asked.iter().map(|pair| pair.ends).collect();
            let links = Links::new(ends.clone(), &ends, options.policy.mirror);
            Targets::Links(Arc::new(links))
        }
    }
}

fn sample_of(graph: &Graph) -> GraphSample {
    sample(graph.clone(), Targets::Unknown)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;
    use crate::graph::graph::EdgePolicy;
    use crate::graph::links::LinkShares;
    use crate::graph::read::{Shares, graph_csv};

    fn read(files: &[(&str, &str)], asks: Asks) -> Result<GraphSplits, String> {
        let root = TempDir::new().unwrap();
        for (name, text) in files {
            fs::write(root.path().join(name), text).unwrap();
        }
        let is_there = |name: &str| files.iter().any(|(own, _)| *own == name);
        graph_csv::splits(Options {
            root: root.path(),
            edges: "edges.csv",
            nodes: is_there("nodes.csv").then_some("nodes.csv"),
            graphs: is_there("graphs.csv").then_some("graphs.csv"),
            pairs: is_there("pairs.csv").then_some("pairs.csv"),
            asks,
            policy: EdgePolicy::MIRRORED,
            node_categories: false,
            edge_categories: false,
            shares: Shares {
                test: 0.25,
                valid: 0.0,
                seed: 1,
            },
        })
        .map_err(|error| error.to_string())
    }

    const LINKS: Asks = Asks::Links(LinkShares {
        test: 0.25,
        valid: 0.25,
        seed: 1,
    });

    fn targets_of(set: &crate::Shared<GraphSample>) -> Targets {
        set.get(0).unwrap().targets
    }

    fn pairs_of(set: &crate::Shared<GraphSample>) -> Arc<Pairs> {
        match targets_of(set) {
            Targets::Pairs(pairs) => pairs,
            _ => panic!("pairs expected"),
        }
    }

    #[test]
    fn classes_of_edges_by_their_split() {
        let edges = "src,dst,label,split,w\na,b,owes,train,1\nb,c,lends,test,2\nc,a,,,3\nb,a,owes,train,4\nc,d,owes,valid,5\n";
        let set = read(&[("edges.csv", edges)], Asks::EdgeClasses).unwrap();
        assert_eq!(set.train.classes(), ["lends", "owes"]);
        // The edge that is listed again is asked for once, the one without a class never.
        let train = pairs_of(&set.train);
        assert_eq!(
            (&train.ends[..], &train.labels[..]),
            (&[[0, 1]][..], &[1][..])
        );
        assert_eq!(pairs_of(&set.test).labels, [0]);
        assert_eq!(pairs_of(set.valid.as_ref().unwrap()).ends, [[2, 3]]);
        let graph = set.train.get(0).unwrap().graph;
        assert_eq!((graph.nodes(), graph.edges()), (4, 8));
        assert_eq!(graph.edge_features().unwrap().width(), 1);
    }

    #[test]
    fn mistakes_are_named() {
        let message = |edges: &str, asks| read(&[("edges.csv", edges)], asks).err().unwrap();
        let twice = "src,dst,label,split\na,b,x,train\nb,a,x,test\nb,c,x,test\n";
        let error = message(twice, Asks::EdgeClasses);
        assert!(
            error.contains("line 3: this pair is there twice"),
            "{error}"
        );
        let error = message(twice, LINKS);
        assert!(
            error.contains("line 3: this pair is there twice"),
            "{error}"
        );
        let error = message("src,dst\na,b\n", Asks::EdgeClasses);
        assert!(error.contains("no column `label`"), "{error}");
        let error = message("src,dst,label,split\na,b,x,train\n", Asks::EdgeClasses);
        assert!(error.contains("the split `test`"), "{error}");
        let error = message("graph,src,dst\n0,a,b\n1,a,b\n", LINKS);
        assert!(error.contains("`pairs`"), "{error}");
    }

    #[test]
    fn links_are_hidden_by_the_column_or_at_random() {
        let edges = "src,dst,split\na,b,train\nb,c,train\nc,d,test\nd,a,valid\na,c,\n";
        let set = read(&[("edges.csv", edges)], LINKS).unwrap();
        let graph = set.test.get(0).unwrap().graph;
        // What has no split is there for messages alone.
        assert_eq!(links::links_of(&graph, true), [[0, 1], [0, 2], [1, 2]]);
        let Targets::Links(links) = targets_of(&set.test) else {
            panic!("links expected");
        };
        assert_eq!(links.asked(), [[2, 3]]);
        let edges = "src,dst\na,b\nb,c\nc,d\nd,a\na,c\nb,d\na,e\nb,e\n";
        let set = read(&[("edges.csv", edges)], LINKS).unwrap();
        assert_eq!(set.train.get(0).unwrap().graph.edges(), 2 * 4);
    }

    #[test]
    fn pairs_of_their_own_are_no_edges() {
        let files = [
            ("edges.csv", "graph,src,dst\ng,0,1\ng,1,2\nh,0,1\nh,1,2\n"),
            ("pairs.csv", "graph,src,dst\ng,0,2\nh,0,2\n"),
            ("graphs.csv", "graph,split\ng,train\nh,test\n"),
        ];
        let set = read(&files, LINKS).unwrap();
        let sample = set.test.get(0).unwrap();
        assert_eq!(sample.graph.edges(), 4);
        let Targets::Links(links) = &sample.targets else {
            panic!("links expected");
        };
        assert_eq!(links.asked(), [[0, 2]]);
        let odd = [files[0], ("pairs.csv", "graph,src,dst\ng,0,9\n"), files[2]];
        let error = read(&odd, LINKS).err().unwrap();
        assert!(error.contains("line 2: a pair of node `9`"), "{error}");
    }
}

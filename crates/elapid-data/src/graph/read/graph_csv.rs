//! Graphs in CSV tables: one's own data.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::assign::{Assigned, Part};
use super::names::Names;
use super::text::{either, open};
use super::{Shares, features, graph, sample, splits as split};
use crate::card::card;
use crate::error::DataError;
use crate::graph::dataset::{GraphSplits, by_masks};
use crate::graph::graph::{EdgePolicy, Graph, Parts};
use crate::graph::links::LinkShares;
use crate::graph::targets::Targets;

/// Where the tables are and how they are read.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// Folder that the tables are in.
    pub root: &'a Path,
    /// Table of the edges: columns `src` and `dst`, `graph` where there are several, and features.
    pub edges: &'a str,
    /// Table of the nodes: column `node`, `graph` where there are several, `label`, `split`, and features. Without it, nodes
    /// are those that edges name.
    pub nodes: Option<&'a str>,
    /// Table of the graphs: column `graph`, `split`, `label` or else values that are to be told.
    pub graphs: Option<&'a str>,
    /// Table of pairs of nodes that are asked for and are no edges: columns `src` and `dst`, `graph` where there are several, `label`,
    /// `split`. Without it, edges are asked for.
    pub pairs: Option<&'a str>,
    /// What is asked.
    pub asks: Asks,
    /// What is done with special edges.
    pub policy: EdgePolicy,
    /// Features of nodes are categories.
    pub node_categories: bool,
    /// Features of edges are categories.
    pub edge_categories: bool,
    /// Which nodes or graphs are for what, where no `split` says so.
    pub shares: Shares,
}

/// What is asked of graphs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Asks {
    /// What the tables tell: classes of nodes, or else classes or values of graphs.
    Told,
    /// Classes of edges or pairs, in their column `label`.
    EdgeClasses,
    /// Which nodes have a link.
    Links(LinkShares),
}

/// The graphs of the tables. Columns that have no meaning of their own are features, in the order of the table; they are
/// numbers. Tables may be compressed with gzip.
///
/// # Errors
///
/// A table that is missing or damaged, an edge to a node that is not in the table of nodes, or splits that are empty.
pub fn splits(options: Options<'_>) -> Result<GraphSplits, DataError> {
    let mut set = Set::default();
    if let Some(name) = options.graphs {
        set.read_graphs(&found(options.root, name)?)?;
    }
    if let Some(name) = options.nodes {
        set.read_nodes(&found(options.root, name)?, None)?;
    }
    let path = found(options.root, options.edges)?;
    set.read_edges(&path, options.nodes.is_none(), None)?;
    if let Some(name) = options.pairs {
        set.read_pairs(&found(options.root, name)?)?;
    }
    match options.asks {
        Asks::Told => set.finish(&path, options),
        Asks::EdgeClasses | Asks::Links(_) => set.finish_pairs(&path, options),
    }
}

/// Names of the columns that are features, of nodes and of edges.
///
/// # Errors
///
/// A table that is missing or whose first line cannot be read.
pub fn columns(options: Options<'_>) -> Result<[Vec<String>; 2], DataError> {
    let nodes = match options.nodes {
        Some(name) => first_line(&found(options.root, name)?, &NODE_COLUMNS)?,
        None => Vec::new(),
    };
    let edges = first_line(&found(options.root, options.edges)?, &EDGE_COLUMNS)?;
    Ok([nodes, edges])
}

/// Columns of nodes that are no features.
const NODE_COLUMNS: [&str; 4] = ["node", "graph", "label", "split"];
/// Columns of edges that are no features.
const EDGE_COLUMNS: [&str; 5] = ["src", "dst", "graph", "label", "split"];

fn first_line(path: &Path, known: &[&str]) -> Result<Vec<String>, DataError> {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(open(path, "a CSV table")?);
    let header = reader.headers();
    let header = header.map_err(|error| DataError::layout(path, in_words(&error)))?;
    let columns = header.iter().filter(|name| !known.contains(name));
    Ok(columns.map(str::to_owned).collect())
}

fn found(root: &Path, name: &str) -> Result<PathBuf, DataError> {
    let path = root.join(name);
    either(&path).ok_or_else(|| DataError::Missing {
        path,
        expected: "a CSV table of graphs; see datasets/graph_csv/card.toml".to_owned(),
    })
}

/// What was read so far.
#[derive(Default)]
pub(super) struct Set {
    pub(super) graphs: Vec<One>,
    /// Number of each graph, by its name.
    numbers: HashMap<String, usize>,
    /// Features of nodes.
    pub(super) node_columns: Vec<String>,
    /// Features of edges.
    pub(super) edge_columns: Vec<String>,
    /// Names of the columns that are to be told of graphs.
    told: usize,
    has_labels: bool,
    has_splits: bool,
    has_graph_labels: bool,
    pub(super) has_graph_splits: bool,
    pub(super) has_pair_labels: bool,
    pub(super) has_pair_splits: bool,
    /// Classes of edges or pairs, in the order in which they came up.
    pub(super) pair_classes: Vec<String>,
    pair_numbers: HashMap<String, i32>,
    nodes_path: Option<PathBuf>,
    graphs_path: Option<PathBuf>,
}

/// One graph.
#[derive(Default)]
pub(super) struct One {
    pub(super) name: String,
    pub(super) nodes: Names,
    pub(super) node_features: Vec<f32>,
    labels: Vec<String>,
    parts: Vec<Option<Part>>,
    pub(super) edges: Vec<[u32; 2]>,
    pub(super) edge_features: Vec<f32>,
    pub(super) lines: Vec<u32>,
    label: String,
    values: Vec<f32>,
    pub(super) part: Option<Part>,
    /// Class and split of each edge, where there are such.
    pub(super) edge_labels: Vec<i32>,
    pub(super) edge_parts: Vec<Option<Part>>,
    /// Pairs that are no edges.
    pub(super) pairs: Vec<[u32; 2]>,
    pub(super) pair_labels: Vec<i32>,
    pub(super) pair_parts: Vec<Option<Part>>,
    pub(super) pair_lines: Vec<u32>,
}

impl One {
    /// The graph of what was read, with so many features of nodes and edges. Edges and features are moved out.
    pub(super) fn graph(
        &mut self,
        path: &Path,
        options: &Options<'_>,
        columns: &[usize; 2],
    ) -> Result<Graph, DataError> {
        let wrong = |problem: String| DataError::layout(options.root, problem);
        let nodes = self.nodes.len();
        if nodes == 0 {
            let problem = format!("graph `{}` has no nodes; leave it out", self.name);
            return Err(wrong(problem));
        }
        let take = std::mem::take::<Vec<f32>>;
        let node_features = take(&mut self.node_features);
        let node_features = features(node_features, columns[0], options.node_categories);
        let edge_features = take(&mut self.edge_features);
        let edge_features = features(edge_features, columns[1], options.edge_categories);
        let parts = Parts {
            nodes,
            edges: std::mem::take(&mut self.edges),
            node_features: node_features.map_err(&wrong)?,
            edge_features: edge_features.map_err(&wrong)?,
        };
        let line = |edge: usize| format!("line {}", self.lines[edge]);
        graph(path, parts, options.policy, line)
    }

    /// Numbers of the nodes of an edge.
    fn ends(
        &mut self,
        names: [Option<&str>; 2],
        adds_nodes: bool,
        nodes_path: &Path,
    ) -> Result<[u32; 2], String> {
        let mut ends = [0; 2];
        for (end, name) in ends.iter_mut().zip(names) {
            let name = name.ok_or("the table has no columns `src` and `dst`")?;
            let known = match self.nodes.get(name) {
                None if adds_nodes => self.nodes.add(name),
                known => known,
            };
            *end = known.ok_or_else(|| match nodes_path.as_os_str().is_empty() {
                true => format!("a pair of node `{name}`, which no edge names"),
                false => format!(
                    "an edge of node `{name}`, which is not in `{}`; add the node there or remove the edge",
                    nodes_path.display()
                ),
            })?;
        }
        Ok(ends)
    }
}

impl Set {
    /// The graph of a name, which is new unless a table of graphs was read.
    fn graph(&mut self, name: &str) -> Result<&mut One, String> {
        let number = match self.numbers.get(name) {
            Some(&number) => number,
            None => match &self.graphs_path {
                None => self.add(name),
                Some(path) => {
                    return Err(format!("graph `{name}` is not in `{}`", path.display()));
                }
            },
        };
        Ok(&mut self.graphs[number])
    }

    fn add(&mut self, name: &str) -> usize {
        let number = self.graphs.len();
        self.numbers.insert(name.to_owned(), number);
        self.graphs.push(One {
            name: name.to_owned(),
            ..One::default()
        });
        number
    }

    fn read_graphs(&mut self, path: &Path) -> Result<(), DataError> {
        let columns = ["graph", "split", "label"];
        let header = rows(path, columns, None, |_, [name, split, label], rest| {
            let part = part(split)?;
            let values = rest.map(value).collect::<Result<Vec<f32>, _>>()?;
            let name = name.unwrap_or_default();
            if self.numbers.contains_key(name) {
                return Err(format!("graph `{name}` is there twice; remove one"));
            }
            let number = self.add(name);
            let one = &mut self.graphs[number];
            (one.part, one.values) = (part, values);
            one.label = label.unwrap_or_default().to_owned();
            Ok(())
        })?;
        header.needs(path, &[0])?;
        self.graphs_path = Some(path.to_owned());
        self.told = header.rest.len();
        self.has_graph_splits = header.has[1];
        self.has_graph_labels = header.has[2];
        Ok(())
    }

    /// Reads a table of nodes, of whose features `wanted` names those that count, in their order; without it all do.
    pub(super) fn read_nodes(
        &mut self,
        path: &Path,
        wanted: Option<&[String]>,
    ) -> Result<(), DataError> {
        let take = |_,
                    [node, graph, label, split]: [Option<&str>; 4],
                    rest: &mut Cells<'_>|
         -> Result<(), String> {
            let part = part(split)?;
            let node = node.ok_or("the table has no column `node`")?;
            let one = self.graph(graph.unwrap_or_default())?;
            if one.nodes.add(node).is_none() {
                return Err(format!("node `{node}` is there twice; remove one"));
            }
            for cell in rest {
                one.node_features.push(self::number(cell)?);
            }
            one.labels.push(label.unwrap_or_default().to_owned());
            one.parts.push(part);
            Ok(())
        };
        let header = rows(path, NODE_COLUMNS, wanted, take)?;
        header.needs(path, &[0])?;
        self.node_columns = header.rest;
        (self.has_labels, self.has_splits) = (header.has[2], header.has[3]);
        self.nodes_path = Some(path.to_owned());
        Ok(())
    }

    /// Reads a table of edges, whose nodes are new where `adds_nodes` says so; `wanted` as for nodes.
    pub(super) fn read_edges(
        &mut self,
        path: &Path,
        adds_nodes: bool,
        wanted: Option<&[String]>,
    ) -> Result<(), DataError> {
        let nodes_path = self.nodes_path.clone().unwrap_or_default();
        let take = |line: u64,
                    [src, dst, graph, label, split]: [Option<&str>; 5],
                    rest: &mut Cells<'_>|
         -> Result<(), String> {
            let label = label.map(|label| self.pair_class(label));
            let has_split = split.is_some();
            let part = part(split)?;
            let one = self.graph(graph.unwrap_or_default())?;
            let ends = one.ends([src, dst], adds_nodes, &nodes_path)?;
            one.edges.push(ends);
            one.lines.push(line as u32);
            one.edge_labels.extend(label);
            one.edge_parts.extend(has_split.then_some(part));
            for cell in rest {
                one.edge_features.push(number(cell)?);
            }
            Ok(())
        };
        let header = rows(path, EDGE_COLUMNS, wanted, take)?;
        header.needs(path, &[0, 1])?;
        (self.has_pair_labels, self.has_pair_splits) = (header.has[3], header.has[4]);
        self.edge_columns = header.rest;
        Ok(())
    }

    /// Reads a table of pairs that are no edges.
    pub(super) fn read_pairs(&mut self, path: &Path) -> Result<(), DataError> {
        let nodes_path = self.nodes_path.clone().unwrap_or_default();
        let none: [String; 0] = [];
        let take = |line: u64,
                    [src, dst, graph, label, split]: [Option<&str>; 5],
                    _: &mut Cells<'_>|
         -> Result<(), String> {
            let label = label.map_or(-1, |label| self.pair_class(label));
            let part = part(split)?;
            let one = self.graph(graph.unwrap_or_default())?;
            let ends = one.ends([src, dst], false, &nodes_path)?;
            one.pairs.push(ends);
            one.pair_labels.push(label);
            one.pair_parts.push(part);
            one.pair_lines.push(line as u32);
            Ok(())
        };
        let header = rows(path, EDGE_COLUMNS, Some(&none), take)?;
        header.needs(path, &[0, 1])?;
        (self.has_pair_labels, self.has_pair_splits) = (header.has[3], header.has[4]);
        Ok(())
    }

    /// Number of a class of edges; −1 where there is none.
    fn pair_class(&mut self, label: &str) -> i32 {
        if label.is_empty() {
            return -1;
        }
        if let Some(&number) = self.pair_numbers.get(label) {
            return number;
        }
        let number = self.pair_classes.len() as i32;
        self.pair_classes.push(label.to_owned());
        self.pair_numbers.insert(label.to_owned(), number);
        number
    }

    fn finish(mut self, path: &Path, options: Options<'_>) -> Result<GraphSplits, DataError> {
        let (card, name) = (card("graph_csv")?, options.root.display().to_string());
        let of_nodes = self.has_labels;
        let labels: Vec<&str> = match of_nodes {
            true => self
                .graphs
                .iter()
                .flat_map(|one| &one.labels)
                .map(String::as_str)
                .collect(),
            false => self.graphs.iter().map(|one| one.label.as_str()).collect(),
        };
        let classes = classes(labels);
        let class = |label: &str| {
            classes
                .iter()
                .position(|own| own == label)
                .map_or(-1, |at| at as i32)
        };
        let mut assigned = Vec::new();
        let mut samples = Vec::new();
        let graphs = std::mem::take(&mut self.graphs);
        let is_one = graphs.len() == 1 && of_nodes;
        let wrong = |problem: String| DataError::layout(options.root, problem);
        let columns = [self.node_columns.len(), self.edge_columns.len()];
        for mut one in graphs {
            let graph = one.graph(path, &options, &columns)?;
            let of_node: Vec<i32> = one.labels.iter().map(|label| class(label)).collect();
            if is_one {
                let assigned = match self.has_splits {
                    true => Assigned(one.parts),
                    false => labelled(&of_node, options.shares, &name)?,
                };
                let masks = assigned.masks();
                let masks = masks.each_ref().map(Vec::as_slice);
                return by_masks(graph, &of_node, masks, classes, card, &name);
            }
            let targets = if of_nodes {
                Targets::Nodes(of_node.into())
            } else if self.has_graph_labels {
                Targets::Class(class(&one.label))
            } else if self.told > 0 {
                Targets::Values(one.values.into())
            } else {
                Targets::Unknown
            };
            assigned.push(one.part);
            samples.push(sample(graph, targets));
        }
        if samples.is_empty() {
            return Err(wrong("no graph in it".to_owned()));
        }
        let assigned = self.has_graph_splits.then_some(Assigned(assigned));
        split(
            samples,
            assigned.as_ref(),
            classes,
            card,
            &name,
            options.shares,
        )
    }
}

/// Parts at random of the nodes that have a label.
fn labelled(labels: &[i32], shares: Shares, name: &str) -> Result<Assigned, DataError> {
    let known: Vec<usize> = (0..labels.len())
        .filter(|&node| labels[node] >= 0)
        .collect();
    let of_known = Assigned::random(known.len(), shares, name)?;
    let mut parts = vec![None; labels.len()];
    for (node, part) in known.into_iter().zip(of_known.0) {
        parts[node] = part;
    }
    Ok(Assigned(parts))
}

/// Different labels in order: by number if all are whole numbers, else by the alphabet. Empty cells are none.
pub(super) fn classes(mut labels: Vec<&str>) -> Vec<String> {
    labels.retain(|label| !label.is_empty());
    labels.sort_unstable();
    labels.dedup();
    if labels.iter().all(|label| label.parse::<i64>().is_ok()) {
        labels.sort_by_key(|label| label.parse::<i64>().unwrap_or(0));
    }
    labels.into_iter().map(str::to_owned).collect()
}

fn part(cell: Option<&str>) -> Result<Option<Part>, String> {
    match cell {
        None | Some("") => Ok(None),
        Some(name) => Part::of(name)
            .map(Some)
            .ok_or_else(|| format!("split `{name}`, expected `train`, `valid`, `test` or nothing")),
    }
}

/// What is to be told of a graph: an empty cell is not known.
fn value(cell: &str) -> Result<f32, String> {
    match cell.is_empty() {
        true => Ok(f32::NAN),
        false => number(cell),
    }
}

fn number(cell: &str) -> Result<f32, String> {
    let number = cell.parse().ok().filter(|number: &f32| number.is_finite());
    number.ok_or_else(|| {
        format!("`{cell}` is no number; features must be numbers, names of classes go into `label`")
    })
}

/// What the first line says.
pub(super) struct Header<const N: usize> {
    names: [&'static str; N],
    has: [bool; N],
    /// The other columns that were taken.
    rest: Vec<String>,
}

/// Cells of the columns that are taken besides those with a meaning of their own.
pub(super) type Cells<'a> = dyn Iterator<Item = &'a str> + 'a;

impl<const N: usize> Header<N> {
    pub(super) fn needs(&self, path: &Path, columns: &[usize]) -> Result<(), DataError> {
        match columns.iter().find(|&&column| !self.has[column]) {
            None => Ok(()),
            Some(&column) => Err(DataError::layout(
                path,
                format!("no column `{}` in the first line", self.names[column]),
            )),
        }
    }
}

/// Calls `take` with the line, the cells of the columns `names`, and the other cells: those that `wanted` names, or all.
pub(super) fn rows<const N: usize>(
    path: &Path,
    names: [&'static str; N],
    wanted: Option<&[String]>,
    mut take: impl FnMut(u64, [Option<&str>; N], &mut Cells<'_>) -> Result<(), String>,
) -> Result<Header<N>, DataError> {
    let text = open(path, "a CSV table")?;
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(text);
    let unreadable = |error: csv::Error| DataError::layout(path, in_words(&error));
    let header = reader.headers().map_err(unreadable)?.clone();
    if header.is_empty() {
        return Err(DataError::layout(path, "the file is empty"));
    }
    let place = |name: &str| header.iter().position(|own| own == name);
    let places = names.map(place);
    let rest: Vec<usize> = match wanted {
        Some(wanted) => {
            chosen(wanted, place).map_err(|problem| DataError::layout(path, problem))?
        }
        None => (0..header.len())
            .filter(|&at| !places.contains(&Some(at)))
            .collect(),
    };
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record).map_err(unreadable)? {
        let line = record.position().map_or(0, csv::Position::line);
        let own = places.map(|place| place.and_then(|at| record.get(at)));
        let mut others = rest.iter().filter_map(|&at| record.get(at));
        take(line, own, &mut others)
            .map_err(|problem| DataError::layout(path, format!("line {line}: {problem}")))?;
    }
    Ok(Header {
        names,
        has: places.map(|place| place.is_some()),
        rest: rest.iter().map(|&at| header[at].to_owned()).collect(),
    })
}

fn in_words(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths {
            pos: Some(pos),
            expected_len,
            len,
        } => format!(
            "line {}: {len} cells, expected {expected_len} as in the first line",
            pos.line()
        ),
        _ => error.to_string(),
    }
}

/// Places of the columns that are wanted; all that are missing are named.
fn chosen(wanted: &[String], place: impl Fn(&str) -> Option<usize>) -> Result<Vec<usize>, String> {
    let missing: Vec<String> = wanted
        .iter()
        .filter(|name| place(name).is_none())
        .map(|name| format!("`{name}`"))
        .collect();
    match missing.is_empty() {
        true => Ok(wanted.iter().filter_map(|name| place(name)).collect()),
        false => Err(format!(
            "no column {}; add what the run was trained with",
            missing.join(", ")
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;
    use crate::graph::features::Features;

    const SHARES: Shares = Shares {
        test: 0.25,
        valid: 0.0,
        seed: 0,
    };

    fn folder(files: &[(&str, &str)]) -> TempDir {
        let root = TempDir::new().unwrap();
        for (name, text) in files {
            fs::write(root.path().join(name), text).unwrap();
        }
        root
    }

    fn options(root: &TempDir) -> Options<'_> {
        Options {
            root: root.path(),
            edges: "edges.csv",
            nodes: Some("nodes.csv"),
            graphs: None,
            pairs: None,
            asks: Asks::Told,
            policy: EdgePolicy::MIRRORED,
            node_categories: false,
            edge_categories: false,
            shares: SHARES,
        }
    }

    const NODES: &str = "node,x,label,split,y\nann,1,red,train,0.5\nbob,2,blue,valid,1\ncy,3,red,test,2\ndi,4,,,3\n";

    fn labels(set: &crate::graph::GraphDataset) -> Vec<i32> {
        match set.get(0).unwrap().targets {
            Targets::Nodes(labels) => labels.to_vec(),
            _ => panic!("classes of nodes expected"),
        }
    }

    #[test]
    fn a_graph_with_named_nodes_labels_and_splits() {
        let edges = "src,dst,weight\nann,bob,0.1\nbob,cy,0.2\n";
        let root = folder(&[("edges.csv", edges), ("nodes.csv", NODES)]);
        let splits = splits(options(&root)).unwrap();
        assert_eq!(splits.train.classes(), ["blue", "red"]);
        assert_eq!(labels(&*splits.train), [1, -1, -1, -1]);
        assert_eq!(labels(&**splits.valid.as_ref().unwrap()), [-1, 0, -1, -1]);
        assert_eq!(labels(&*splits.test), [-1, -1, 1, -1]);
        let graph = splits.train.get(0).unwrap().graph;
        assert_eq!(graph.src(), [1, 0, 2, 1]);
        let weights = Features::Floats {
            values: vec![0.1, 0.1, 0.2, 0.2],
            width: 1,
        };
        assert_eq!(graph.edge_features(), Some(&weights));
        let rows = Features::Floats {
            values: vec![1.0, 0.5, 2.0, 1.0, 3.0, 2.0, 4.0, 3.0],
            width: 2,
        };
        assert_eq!(graph.node_features(), &rows);
        assert_eq!(graph.isolated(), 1);
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        let message = |edges: &str, nodes: &str| {
            let root = folder(&[("edges.csv", edges), ("nodes.csv", nodes)]);
            let error = splits(options(&root)).unwrap_err().to_string();
            error.replace(&root.path().display().to_string(), "DIR")
        };
        assert_eq!(
            message("src,dst\nann,bob\nbob,eve\n", NODES),
            "`DIR/edges.csv`: line 3: an edge of node `eve`, which is not in `DIR/nodes.csv`; add the node there or remove the edge"
        );
        let twice = message("src,dst\n", "node,label\nann,a\nann,b\n");
        assert!(
            twice.contains("line 3: node `ann` is there twice"),
            "{twice}"
        );
        let text = message("src,dst\n", "node,label,x\nann,a,tall\n");
        assert!(text.contains("line 2: `tall` is no number"), "{text}");
        let column = message("from,to\nann,bob\n", NODES);
        assert!(column.contains("no columns `src` and `dst`"), "{column}");
        let split = message("src,dst\n", "node,label,split\nann,a,tset\n");
        assert!(split.contains("split `tset`, expected `train`"), "{split}");
        let none = message("src,dst\n", "node,label,split\nann,a,train\n");
        assert!(none.contains("no node is in the split `test`"), "{none}");
    }

    #[test]
    fn several_graphs_with_values() {
        let edges = "graph,src,dst\na,0,1\na,1,2\nb,0,1\nc,0,1\nd,1,0\n";
        let graphs =
            "graph,split,mass,charge\na,train,1.5,\nb,train,2,0\nc,test,3,1\nd,valid,4,1\n";
        let root = folder(&[("edges.csv", edges), ("graphs.csv", graphs)]);
        let splits = splits(Options {
            nodes: None,
            graphs: Some("graphs.csv"),
            ..options(&root)
        });
        let splits = splits.unwrap();
        assert_eq!((splits.train.len(), splits.test.len()), (2, 1));
        let message = |edges: &str, graphs: &str| {
            let root = folder(&[("edges.csv", edges), ("graphs.csv", graphs)]);
            let read = super::splits(Options {
                nodes: None,
                graphs: Some("graphs.csv"),
                ..options(&root)
            });
            read.unwrap_err().to_string()
        };
        let error = message("graph,src,dst\nz,0,1\n", graphs);
        assert!(error.contains("line 2: graph `z` is not in"), "{error}");
        let error = message("graph,src,dst\na,0,1\n", graphs);
        assert!(
            error.contains("graph `b` has no nodes; leave it out"),
            "{error}"
        );
        let error = message(edges, "graph,split,y\na,train,1\na,test,2\n");
        assert!(
            error.contains("line 3: graph `a` is there twice"),
            "{error}"
        );
        let sample = splits.train.get(0).unwrap();
        assert_eq!((sample.graph.nodes(), sample.graph.edges()), (3, 4));
        let Targets::Values(values) = &sample.targets else {
            panic!("values expected");
        };
        assert!(values[0] == 1.5 && values[1].is_nan());
    }

    #[test]
    fn labelled_nodes_are_divided_at_random_without_splits() {
        let nodes: String = (0..40)
            .map(|node| format!("{node},{}\n", node % 3))
            .collect();
        let root = folder(&[
            ("edges.csv", "src,dst\n0,1\n"),
            ("nodes.csv", &format!("node,label\n{nodes}")),
        ]);
        let splits = splits(options(&root)).unwrap();
        let counted = |set| labels(set).iter().filter(|&&label| label >= 0).count();
        assert_eq!((counted(&*splits.train), counted(&*splits.test)), (30, 10));
        assert_eq!(splits.train.classes(), ["0", "1", "2"]);
    }
}

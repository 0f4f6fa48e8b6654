//! The raw files of the Open Graph Benchmark (Hu et al., arXiv:2005.00687), `raw/*.csv.gz` and `split/<type>/*.csv.gz`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::assign::Assigned;
use super::numbers::{Table, column, pairs, table};
use super::text::either;
use super::{Shares, features, graph, sample, splits as split};
use crate::card::card;
use crate::error::DataError;
use crate::graph::dataset::{GraphSplits, by_masks};
use crate::graph::features::Features;
use crate::graph::graph::{EdgePolicy, Graph, Parts};
use crate::graph::targets::Targets;

/// How the files of a set are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options<'a> {
    /// Name of the folder below `split`: `time` of ogbn-arxiv, `scaffold` of molecules.
    pub split: &'a str,
    /// Every edge is taken both ways.
    pub mirror: bool,
    /// Whole numbers are categories: atoms and bonds of molecules.
    pub categories: bool,
}

/// A set of graphs with classes or values, or one graph with classes of nodes.
///
/// # Errors
///
/// A file that is missing or damaged, or files that do not fit together.
pub fn splits(root: &Path, options: Options<'_>) -> Result<GraphSplits, DataError> {
    let files = Files { root };
    let nodes: Vec<usize> = files.column("raw/num-node-list.csv")?;
    let edges: Vec<usize> = files.column("raw/num-edge-list.csv")?;
    if nodes.len() != edges.len() || nodes.is_empty() {
        let (a, b) = (nodes.len(), edges.len());
        let problem = format!("numbers of nodes for {a} graphs and of edges for {b}");
        return Err(DataError::layout(root, problem));
    }
    let graphs = files.graphs(&nodes, &edges, options)?;
    let lists = ["train", "valid", "test"].map(|part| {
        let name = format!("split/{}/{part}.csv", options.split);
        files.column::<usize>(&name)
    });
    let [train, valid, test] = lists;
    let lists = [train?, valid?, test?];
    let lists = lists.each_ref().map(Vec::as_slice);
    let of_nodes = either(&files.path("raw/node-label.csv"));
    let len = if of_nodes.is_some() {
        nodes[0]
    } else {
        nodes.len()
    };
    let folder = root.join("split").join(options.split);
    let assigned =
        Assigned::listed(len, lists).map_err(|problem| DataError::layout(&folder, problem))?;
    let (card, name) = (card("ogb")?, root.display().to_string());
    if let Some(path) = of_nodes {
        return of_one(graphs, &path, &assigned, card, &name);
    }
    let path = files.found("raw/graph-label.csv")?;
    let labels = table::<f32>(&path, "labels of the graphs")?;
    same(&path, labels.rows, nodes.len())?;
    let (targets, classes) = told(&labels);
    let samples = graphs.into_iter().zip(targets);
    let samples = samples
        .map(|(graph, targets)| sample(graph, targets))
        .collect();
    let shares = Shares {
        test: 0.0,
        valid: 0.0,
        seed: 0,
    };
    split(samples, Some(&assigned), classes, card, &name, shares)
}

/// One graph with classes of nodes.
fn of_one(
    graphs: Vec<Graph>,
    path: &Path,
    assigned: &Assigned,
    card: crate::Card,
    name: &str,
) -> Result<GraphSplits, DataError> {
    let labels = table::<f32>(path, "labels of the nodes")?;
    let count = graphs.len();
    let Ok([graph]) = <[Graph; 1]>::try_from(graphs) else {
        let problem = format!("labels of nodes for {count} graphs, expected one graph");
        return Err(DataError::layout(path, problem));
    };
    same(path, labels.rows, graph.nodes())?;
    if labels.width != 1 {
        let problem = format!("{} labels a node, expected one class", labels.width);
        return Err(DataError::layout(path, problem));
    }
    let class = |label: &f32| if label.is_nan() { -1 } else { *label as i32 };
    let labels: Vec<i32> = labels.values.iter().map(class).collect();
    let masks = assigned.masks();
    let masks = masks.each_ref().map(Vec::as_slice);
    by_masks(graph, &labels, masks, classes(&labels), card, name)
}

/// A class where each graph has one whole number, else values.
fn told(labels: &Table<f32>) -> (Vec<Targets>, Vec<String>) {
    let is_class = |x: &f32| x.fract() == 0.0 && *x >= 0.0 && *x < 1e6;
    if labels.width == 1 && labels.values.iter().all(is_class) {
        let of: Vec<i32> = labels.values.iter().map(|&label| label as i32).collect();
        return (
            of.iter().map(|&label| Targets::Class(label)).collect(),
            classes(&of),
        );
    }
    let rows = labels.values.chunks(labels.width.max(1));
    let rows = rows.map(|row| Targets::Values(Arc::from(row)));
    (rows.collect(), Vec::new())
}

fn classes(labels: &[i32]) -> Vec<String> {
    let count = labels.iter().max().map_or(0, |&label| label + 1);
    (0..count).map(|class| class.to_string()).collect()
}

struct Files<'a> {
    root: &'a Path,
}

impl Files<'_> {
    fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    fn found(&self, name: &str) -> Result<PathBuf, DataError> {
        either(&self.path(name)).ok_or_else(|| DataError::Missing {
            path: self.path(&format!("{name}.gz")),
            expected: "a file of the Open Graph Benchmark; see datasets/ogb/card.toml".to_owned(),
        })
    }

    fn column<T: std::str::FromStr>(&self, name: &str) -> Result<Vec<T>, DataError> {
        column(&self.found(name)?, "numbers")
    }

    fn features(
        &self,
        name: &str,
        rows: usize,
        categories: bool,
    ) -> Result<Option<Features>, DataError> {
        let Some(path) = either(&self.path(name)) else {
            return Ok(None);
        };
        let table = table::<f32>(&path, "features")?;
        same(&path, table.rows, rows)?;
        features(table.values, table.width, categories)
            .map_err(|problem| DataError::layout(&path, problem))
    }

    fn graphs(
        &self,
        nodes: &[usize],
        edges: &[usize],
        options: Options<'_>,
    ) -> Result<Vec<Graph>, DataError> {
        let path = self.found("raw/edge.csv")?;
        let all = pairs(&path, "edges")?;
        let (total_nodes, total_edges) = (nodes.iter().sum(), edges.iter().sum());
        same(&path, all.len(), total_edges)?;
        let of_nodes = self.features("raw/node-feat.csv", total_nodes, options.categories)?;
        let of_edges = self.features("raw/edge-feat.csv", total_edges, options.categories)?;
        let policy = EdgePolicy {
            mirror: options.mirror,
            ..EdgePolicy::PLAIN
        };
        let (mut node, mut edge) = (0, 0);
        let each = nodes.iter().zip(edges).map(|(&nodes, &edges)| {
            let (own_nodes, own_edges) = (node..node + nodes, edge..edge + edges);
            let first = edge;
            (node, edge) = (own_nodes.end, own_edges.end);
            let parts = Parts {
                nodes,
                edges: all[own_edges.clone()].to_vec(),
                node_features: of_nodes.as_ref().map(|f| f.slice(own_nodes)),
                edge_features: of_edges.as_ref().map(|f| f.slice(own_edges)),
            };
            graph(&path, parts, policy, |at| {
                format!("line {}", first + at + 1)
            })
        });
        each.collect()
    }
}

fn same(path: &Path, rows: usize, expected: usize) -> Result<(), DataError> {
    match rows == expected {
        true => Ok(()),
        false => Err(DataError::layout(
            path,
            format!("{rows} lines, expected {expected}"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use tempfile::TempDir;

    use super::*;

    fn folder(files: &[(&str, &str)]) -> TempDir {
        let root = TempDir::new().unwrap();
        for (name, text) in files {
            let path = root.path().join(format!("{name}.csv.gz"));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let mut file = GzEncoder::new(File::create(path).unwrap(), Compression::fast());
            file.write_all(text.as_bytes()).unwrap();
            file.finish().unwrap();
        }
        root
    }

    const OPTIONS: Options<'_> = Options {
        split: "time",
        mirror: true,
        categories: true,
    };

    #[test]
    fn molecules_have_categories_and_classes() {
        let root = folder(&[
            ("raw/edge", "0,1\n1,2\n0,1\n"),
            ("raw/num-node-list", "3\n2\n1\n"),
            ("raw/num-edge-list", "2\n1\n0\n"),
            ("raw/node-feat", "5,0\n6,1\n5,0\n7,2\n7,0\n1,1\n"),
            ("raw/edge-feat", "0\n1\n2\n"),
            ("raw/graph-label", "1\n0\n1\n"),
            ("split/time/train", "0\n"),
            ("split/time/valid", "2\n"),
            ("split/time/test", "1\n"),
        ]);
        let splits = splits(root.path(), OPTIONS).unwrap();
        let sample = splits.train.get(0).unwrap();
        assert_eq!(sample.graph.src(), [1, 0, 2, 1]);
        let bonds = Features::Categories {
            values: vec![0, 0, 1, 1],
            columns: 1,
        };
        assert_eq!(sample.graph.edge_features(), Some(&bonds));
        assert_eq!(sample.graph.node_features().sizes(), [7, 2]);
        assert_eq!(sample.targets, Targets::Class(1));
        assert_eq!(splits.valid.unwrap().get(0).unwrap().graph.edges(), 0);
        assert_eq!(splits.test.get(0).unwrap().targets, Targets::Class(0));
    }

    #[test]
    fn one_graph_has_classes_of_nodes() {
        let files = [
            ("raw/edge", "0,1\n1,2\n"),
            ("raw/num-node-list", "3\n"),
            ("raw/num-edge-list", "2\n"),
            ("raw/node-label", "4\n0\n1\n"),
            ("split/time/train", "0\n"),
            ("split/time/valid", "1\n"),
            ("split/time/test", "2\n"),
        ];
        let root = folder(&files);
        let set = splits(root.path(), OPTIONS).unwrap();
        assert_eq!(set.train.classes().len(), 5);
        let targets = set.train.get(0).unwrap().targets;
        assert_eq!(targets, Targets::Nodes(vec![4, -1, -1].into()));
        let mut odd = files;
        odd[6].1 = "1\n";
        let error = splits(folder(&odd).path(), OPTIONS)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("number 1 is in the splits of both `Valid` and `Test`"),
            "{error}"
        );
        odd[6].1 = "3\n";
        let error = splits(folder(&odd).path(), OPTIONS)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("number 3 is in a split, expected 0 to 2"),
            "{error}"
        );
    }
}

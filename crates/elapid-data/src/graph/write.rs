//! Sets of graphs as CSV tables.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use super::dataset::{GraphSample, GraphSplits};
use super::features::Features;
use super::targets::Targets;
use crate::Split;
use crate::error::DataError;

/// Writes the graphs of `splits` to the empty folder `root`, as the tables that [`graph_csv`](super::read::graph_csv) reads:
/// `edges.csv`, `nodes.csv` and, of several graphs, `graphs.csv`. Edges are written one way each as they are, so that they are
/// read with `directed = true`. Returns how many graphs and nodes there are.
///
/// # Errors
///
/// A folder that is not empty, a file that cannot be written, or a graph that cannot be read.
pub fn write(splits: &GraphSplits, root: &Path) -> Result<[usize; 2], DataError> {
    if fs::read_dir(root).is_ok_and(|mut entries| entries.next().is_some()) {
        let problem = "it is not empty, and nothing is overwritten; name another folder";
        return Err(DataError::layout(root, problem));
    }
    fs::create_dir_all(root).map_err(|error| DataError::unwritable(root, error))?;
    let first = get(splits, Split::Train, 0)?;
    let is_one = is_one_graph(splits, &first)?;
    let mut tables = Tables::create(root, &first, is_one, splits.train.classes())?;
    if is_one {
        let parts = merged(splits)?;
        tables.add_nodes("0", &first, Some(&parts))?;
        tables.add_edges("0", &first)?;
        tables.flush()?;
        return Ok([1, first.graph.nodes()]);
    }
    let (mut graphs, mut nodes) = (0, 0);
    for split in Split::ALL {
        let Some(set) = splits.get(split) else {
            continue;
        };
        for index in 0..set.len() {
            let sample = get(splits, split, index)?;
            let name = graphs.to_string();
            tables.add_graph(&name, &sample, split)?;
            tables.add_nodes(&name, &sample, None)?;
            tables.add_edges(&name, &sample)?;
            graphs += 1;
            nodes += sample.graph.nodes();
        }
    }
    tables.flush()?;
    Ok([graphs, nodes])
}

fn get(splits: &GraphSplits, split: Split, index: usize) -> Result<GraphSample, DataError> {
    let set = splits.get(split).unwrap_or(&splits.train);
    let sample = set.get(index);
    sample.map_err(|error| DataError::from_dataset(&error, || set.describe(index)))
}

/// Whether all splits are nodes of one graph.
fn is_one_graph(splits: &GraphSplits, first: &GraphSample) -> Result<bool, DataError> {
    if splits.train.len() != 1 || splits.test.len() != 1 {
        return Ok(false);
    }
    let test = get(splits, Split::Test, 0)?;
    Ok(std::sync::Arc::ptr_eq(&first.graph, &test.graph))
}

/// Class and split of each node of a single graph.
type NodeParts = Vec<(i32, &'static str)>;

fn merged(splits: &GraphSplits) -> Result<NodeParts, DataError> {
    let mut parts = Vec::new();
    for split in Split::ALL {
        if splits.get(split).is_none() {
            continue;
        }
        if let Targets::Nodes(labels) = get(splits, split, 0)?.targets {
            parts.resize(labels.len(), (-1, ""));
            for (part, &label) in parts.iter_mut().zip(labels.iter()) {
                if label >= 0 {
                    *part = (label, split.name());
                }
            }
        }
    }
    Ok(parts)
}

/// The files that are written.
struct Tables<'a> {
    root: &'a Path,
    classes: &'a [String],
    is_one: bool,
    edges: BufWriter<File>,
    nodes: BufWriter<File>,
    graphs: Option<BufWriter<File>>,
}

impl<'a> Tables<'a> {
    fn create(
        root: &'a Path,
        first: &GraphSample,
        is_one: bool,
        classes: &'a [String],
    ) -> Result<Self, DataError> {
        let open = |name: &str| {
            let path = root.join(name);
            let file = File::create(&path);
            file.map(BufWriter::new)
                .map_err(|error| DataError::unwritable(&path, error))
        };
        let mut tables = Self {
            root,
            classes,
            is_one,
            edges: open("edges.csv")?,
            nodes: open("nodes.csv")?,
            graphs: (!is_one).then(|| open("graphs.csv")).transpose()?,
        };
        tables
            .headers(first)
            .map_err(|error| tables.unwritable(&error))?;
        Ok(tables)
    }

    fn unwritable(&self, error: &std::io::Error) -> DataError {
        DataError::unwritable(self.root, error)
    }

    fn headers(&mut self, first: &GraphSample) -> std::io::Result<()> {
        let names = |features: Option<&Features>| -> String {
            let width = features.map_or(0, Features::width);
            (0..width).map(|at| format!(",x{at}")).collect()
        };
        let graph = if self.is_one { "" } else { "graph," };
        let label = match first.targets {
            Targets::Nodes(_) => ",label",
            _ => "",
        };
        let split = if self.is_one { ",split" } else { "" };
        let edges = names(first.graph.edge_features());
        writeln!(self.edges, "{graph}src,dst{edges}")?;
        let nodes = names(Some(first.graph.node_features()));
        writeln!(self.nodes, "{graph}node{label}{split}{nodes}")?;
        let told = match &first.targets {
            Targets::Class(_) => ",label".to_owned(),
            Targets::Values(values) => (0..values.len()).map(|at| format!(",y{at}")).collect(),
            _ => String::new(),
        };
        match &mut self.graphs {
            Some(graphs) => writeln!(graphs, "graph,split{told}"),
            None => Ok(()),
        }
    }

    fn class(&self, label: i32) -> &'a str {
        let class = usize::try_from(label).ok();
        class
            .and_then(|class| self.classes.get(class))
            .map_or("", String::as_str)
    }

    fn add_graph(
        &mut self,
        name: &str,
        sample: &GraphSample,
        split: Split,
    ) -> Result<(), DataError> {
        let told = match &sample.targets {
            Targets::Class(class) => format!(",{}", self.class(*class)),
            Targets::Values(values) => values
                .iter()
                .map(|x| {
                    if x.is_nan() {
                        ",".to_owned()
                    } else {
                        format!(",{x}")
                    }
                })
                .collect(),
            _ => String::new(),
        };
        let written = match &mut self.graphs {
            Some(graphs) => writeln!(graphs, "{name},{}{told}", split.name()),
            None => Ok(()),
        };
        written.map_err(|error| self.unwritable(&error))
    }

    fn add_nodes(
        &mut self,
        name: &str,
        sample: &GraphSample,
        parts: Option<&NodeParts>,
    ) -> Result<(), DataError> {
        let graph = if self.is_one {
            String::new()
        } else {
            format!("{name},")
        };
        for node in 0..sample.graph.nodes() {
            let told = match (&sample.targets, parts) {
                (_, Some(parts)) => {
                    let (label, split) = parts[node];
                    format!(",{},{split}", self.class(label))
                }
                (Targets::Nodes(labels), None) => format!(",{}", self.class(labels[node])),
                _ => String::new(),
            };
            let features = cells(sample.graph.node_features(), node);
            writeln!(self.nodes, "{graph}{node}{told}{features}")
                .map_err(|error| self.unwritable(&error))?;
        }
        Ok(())
    }

    fn add_edges(&mut self, name: &str, sample: &GraphSample) -> Result<(), DataError> {
        let graph = if self.is_one {
            String::new()
        } else {
            format!("{name},")
        };
        let ends = sample.graph.src().iter().zip(sample.graph.dst());
        for (edge, (src, dst)) in ends.enumerate() {
            let features = sample.graph.edge_features();
            let features = features.map_or_else(String::new, |features| cells(features, edge));
            writeln!(self.edges, "{graph}{src},{dst}{features}")
                .map_err(|error| self.unwritable(&error))?;
        }
        Ok(())
    }

    fn flush(mut self) -> Result<(), DataError> {
        let files = [
            Some(&mut self.edges),
            Some(&mut self.nodes),
            self.graphs.as_mut(),
        ];
        for file in files.into_iter().flatten() {
            file.flush()
                .map_err(|error| DataError::unwritable(self.root, error))?;
        }
        Ok(())
    }
}

/// The features of a row, each with a comma before it.
fn cells(features: &Features, row: usize) -> String {
    match features {
        Features::Floats { values, width } => values[row * width..(row + 1) * width]
            .iter()
            .map(|x| format!(",{x}"))
            .collect(),
        Features::Categories { values, columns } => values[row * columns..(row + 1) * columns]
            .iter()
            .map(|x| format!(",{x}"))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::graph::EdgePolicy;
    use crate::graph::read::{Shares, graph_csv};
    use crate::graph::synth::{Counts, minesweeper, sbm, trees};

    /// What was written, read again.
    fn again(splits: &GraphSplits, are_categories: bool) -> (GraphSplits, [usize; 2]) {
        let folder = tempfile::TempDir::new().unwrap();
        let root = folder.path().join("set");
        let counts = write(splits, &root).unwrap();
        let error = write(splits, &root).unwrap_err().to_string();
        assert!(error.contains("it is not empty"), "{error}");
        let options = graph_csv::Options {
            root: &root,
            edges: "edges.csv",
            nodes: Some("nodes.csv"),
            graphs: root.join("graphs.csv").is_file().then_some("graphs.csv"),
            pairs: None,
            asks: graph_csv::Asks::Told,
            policy: EdgePolicy::PLAIN,
            node_categories: are_categories,
            edge_categories: false,
            shares: Shares {
                test: 0.0,
                valid: 0.0,
                seed: 0,
            },
        };
        (graph_csv::splits(options).unwrap(), counts)
    }

    fn assert_equal(one: &GraphSample, other: &GraphSample) {
        assert_eq!(one.targets, other.targets);
        assert_eq!(one.graph.src(), other.graph.src());
        assert_eq!(one.graph.dst_ptr(), other.graph.dst_ptr());
        assert_eq!(one.graph.node_features(), other.graph.node_features());
    }

    #[test]
    fn written_graphs_are_read_as_they_were() {
        let counts = Counts {
            train: 4,
            valid: 2,
            test: 3,
            seed: 1,
        };
        let drawn = sbm::pattern(counts).unwrap();
        let (read, written) = again(&drawn, false);
        assert_eq!(written[0], 9);
        assert_eq!(read.train.classes(), drawn.train.classes());
        for split in Split::ALL {
            let [own, other] = [&drawn, &read].map(|splits| splits.get(split).unwrap());
            assert_eq!(own.len(), other.len());
            for index in 0..own.len() {
                assert_equal(&own.get(index).unwrap(), &other.get(index).unwrap());
            }
        }
        let board = minesweeper::splits(10, 3, 1).unwrap();
        let (read, written) = again(&board, false);
        assert_eq!(written, [1, 100]);
        for split in Split::ALL {
            let [own, other] = [&board, &read].map(|splits| splits.get(split).unwrap());
            assert_equal(&own.get(0).unwrap(), &other.get(0).unwrap());
        }
        let trees = trees::splits(2, false, 11).unwrap();
        let (read, written) = again(&trees, true);
        assert_eq!(written, [96, 96 * 7]);
        // Class 0 never occurs in the trees, so that it is not among the classes that are read.
        assert_eq!(read.train.classes(), ["1", "2", "3", "4"]);
        let [own, other] = [&trees, &read].map(|splits| splits.train.get(5).unwrap());
        assert_eq!(own.graph.node_features(), other.graph.node_features());
    }
}

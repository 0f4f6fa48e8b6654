//! The text format of TUDataset (Morris et al., arXiv:2007.08663; chrsmrrs.github.io/datasets).

use std::path::{Path, PathBuf};

use super::numbers::{column, pairs, table};
use super::{Shares, features, graph, sample, splits as split};
use crate::card::card;
use crate::error::DataError;
use crate::graph::dataset::GraphSplits;
use crate::graph::features::Features;
use crate::graph::graph::{EdgePolicy, Parts, Special};
use crate::graph::targets::Targets;

/// The graphs of a folder whose files begin with its name: classes of graphs, or numbers where there are `graph_attributes`
/// only. Features are attributes, then labels as one-hot rows, as in PyTorch Geometric; loops are dropped and edges are there
/// once.
///
/// # Errors
///
/// A file that is missing or damaged, or files that do not fit together.
pub fn splits(root: &Path, shares: Shares) -> Result<GraphSplits, DataError> {
    let files = Files::of(root)?;
    let layout = "the text format of TUDataset; see datasets/tu/card.toml";
    let of_node: Vec<usize> = column(&files.path("graph_indicator"), layout)?;
    let adjacency = files.path("A");
    let edges = pairs(&adjacency, layout)?;
    let (first, graphs) = bounds(&files, &of_node)?;
    let nodes = files.features("node", of_node.len())?;
    let of_edges = files.features("edge", edges.len())?;
    let targets = files.targets(graphs)?;
    let mut lines = vec![Vec::new(); graphs];
    for (line, ends) in edges.iter().enumerate() {
        let of = |end: u32| of_node.get((end as usize).wrapping_sub(1)).copied();
        let problem = match ends.map(of) {
            [Some(a), Some(b)] if a == b => {
                lines[a - 1].push(line);
                continue;
            }
            [Some(a), Some(b)] => format!("an edge between graphs {a} and {b}"),
            _ => format!(
                "an edge of nodes {} and {}, expected 1 to {}",
                ends[0],
                ends[1],
                of_node.len()
            ),
        };
        let place = format!("line {}: {problem}", line + 1);
        return Err(DataError::layout(&adjacency, place));
    }
    let policy = EdgePolicy {
        loops: Special::Drop,
        ..EdgePolicy::PLAIN
    };
    let mut samples = Vec::with_capacity(graphs);
    for (at, lines) in lines.iter().enumerate() {
        let own = first[at]..first[at + 1];
        let local = |end: u32| end - 1 - own.start as u32;
        let parts = Parts {
            nodes: own.len(),
            edges: lines.iter().map(|&line| edges[line].map(local)).collect(),
            node_features: nodes.as_ref().map(|features| features.slice(own.clone())),
            edge_features: of_edges
                .as_ref()
                .map(|features| features.select(lines.iter().copied())),
        };
        let graph = graph(&adjacency, parts, policy, |edge| {
            format!("line {}", lines[edge] + 1)
        })?;
        samples.push(sample(graph, targets.of(at)));
    }
    let name = files.name.clone();
    split(samples, None, targets.classes, card("tu")?, &name, shares)
}

/// Where the nodes of each graph start, and how many graphs there are.
fn bounds(files: &Files, of_node: &[usize]) -> Result<(Vec<usize>, usize), DataError> {
    let path = files.path("graph_indicator");
    if !of_node.is_sorted() || of_node.first() != Some(&1) {
        let problem = "graphs do not follow one another from 1 on";
        return Err(DataError::layout(&path, problem));
    }
    let graphs = of_node.last().copied().unwrap_or(0);
    let first = (1..=graphs + 1).map(|graph| of_node.partition_point(|&own| own < graph));
    let first: Vec<usize> = first.collect();
    if let Some(at) = first.windows(2).position(|pair| pair[0] == pair[1]) {
        let problem = format!(
            "graph {} has no nodes; number the graphs without gaps",
            at + 1
        );
        return Err(DataError::layout(&path, problem));
    }
    Ok((first, graphs))
}

struct Files {
    root: PathBuf,
    name: String,
}

/// What is to be told of the graphs.
struct Told {
    classes: Vec<String>,
    /// Class of each graph.
    labels: Vec<i32>,
    /// Numbers of each graph.
    values: Vec<f32>,
    width: usize,
}

impl Told {
    fn of(&self, graph: usize) -> Targets {
        match self.labels.get(graph) {
            Some(&label) => Targets::Class(label),
            None => {
                let own = graph * self.width..(graph + 1) * self.width;
                Targets::Values(self.values[own].into())
            }
        }
    }
}

impl Files {
    fn of(root: &Path) -> Result<Self, DataError> {
        let expected =
            "a folder of TUDataset with a file `<name>_A.txt`; see datasets/tu/card.toml";
        let entries = std::fs::read_dir(root).map_err(|_| DataError::Missing {
            path: root.to_owned(),
            expected: expected.to_owned(),
        })?;
        let mut names: Vec<String> = entries
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter_map(|name| name.strip_suffix("_A.txt").map(str::to_owned))
            .collect();
        names.sort_unstable();
        match names.into_iter().next() {
            Some(name) => Ok(Self {
                root: root.to_owned(),
                name,
            }),
            None => Err(DataError::layout(
                root,
                format!("no graphs in it; expected {expected}"),
            )),
        }
    }

    fn path(&self, what: &str) -> PathBuf {
        self.root.join(format!("{}_{what}.txt", self.name))
    }

    /// Attributes and labels of nodes or edges, side by side.
    fn features(&self, what: &str, rows: usize) -> Result<Option<Features>, DataError> {
        let mut columns: Vec<(Vec<f32>, usize)> = Vec::new();
        let attributes = self.path(&format!("{what}_attributes"));
        if attributes.is_file() {
            let table = table::<f32>(&attributes, "attributes")?;
            same(&attributes, table.rows, rows)?;
            if let Some(at) = table.values.iter().position(|value| !value.is_finite()) {
                let (line, value) = (at / table.width + 1, table.values[at]);
                let problem = format!("line {line}: {value}, expected finite numbers");
                return Err(DataError::layout(&attributes, problem));
            }
            columns.push((table.values, table.width));
        }
        let labels = self.path(&format!("{what}_labels"));
        if labels.is_file() {
            let table = table::<i64>(&labels, "labels")?;
            same(&labels, table.rows, rows)?;
            for column in 0..table.width {
                let own = || table.values.iter().skip(column).step_by(table.width);
                let (least, most) = (own().min().copied(), own().max().copied());
                let (least, most) = (least.unwrap_or(0), most.unwrap_or(0));
                let width = usize::try_from(most.abs_diff(least)).unwrap_or(usize::MAX);
                let width = width.saturating_add(1);
                if width > 10_000 {
                    let problem =
                        format!("labels from {least} to {most} are too many to be one-hot rows");
                    return Err(DataError::layout(&labels, problem));
                }
                let mut hot = vec![0.0; rows * width];
                for (row, label) in own().enumerate() {
                    hot[row * width + (label - least) as usize] = 1.0;
                }
                columns.push((hot, width));
            }
        }
        let width: usize = columns.iter().map(|(_, width)| width).sum();
        let mut values = Vec::with_capacity(rows * width);
        for row in 0..rows {
            for (own, width) in &columns {
                values.extend(&own[row * width..(row + 1) * width]);
            }
        }
        features(values, width, false).map_err(|problem| DataError::layout(&self.root, problem))
    }

    fn targets(&self, graphs: usize) -> Result<Told, DataError> {
        let labels = self.path("graph_labels");
        if labels.is_file() {
            let labels_of: Vec<i64> = column(&labels, "labels")?;
            same(&labels, labels_of.len(), graphs)?;
            let mut known = labels_of.clone();
            known.sort_unstable();
            known.dedup();
            let class = |label: &i64| known.partition_point(|other| other < label) as i32;
            return Ok(Told {
                labels: labels_of.iter().map(class).collect(),
                classes: known.iter().map(i64::to_string).collect(),
                values: Vec::new(),
                width: 0,
            });
        }
        let path = self.path("graph_attributes");
        let table = table::<f32>(&path, "labels or attributes of the graphs")?;
        same(&path, table.rows, graphs)?;
        Ok(Told {
            classes: Vec::new(),
            labels: Vec::new(),
            values: table.values,
            width: table.width,
        })
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
    use std::fs;

    use tempfile::TempDir;

    use super::*;

    fn folder(files: &[(&str, &str)]) -> TempDir {
        let root = TempDir::new().unwrap();
        for (name, text) in files {
            fs::write(root.path().join(format!("DS_{name}.txt")), text).unwrap();
        }
        root
    }

    const SHARES: Shares = Shares {
        test: 0.34,
        valid: 0.0,
        seed: 0,
    };

    const FILES: [(&str, &str); 5] = [
        ("A", "1, 2\n2, 1\n2, 2\n3, 4\n4, 3\n5, 6\n6, 5\n5, 6\n"),
        ("graph_indicator", "1\n1\n2\n2\n3\n3\n3\n"),
        ("graph_labels", "-1\n1\n-1\n"),
        ("node_labels", "3\n5\n3\n3\n4\n4\n4\n"),
        ("node_attributes", "0.5\n1\n1\n1\n2\n2\n2\n"),
    ];

    #[test]
    fn graphs_have_labels_as_one_hot_rows_behind_attributes() {
        let root = folder(&FILES);
        let splits = splits(root.path(), SHARES).unwrap();
        assert_eq!(splits.train.classes(), ["-1", "1"]);
        assert_eq!((splits.train.len(), splits.test.len()), (2, 1));
        let all = [&splits.train, &splits.test];
        let samples = all
            .iter()
            .flat_map(|set| (0..set.len()).map(|at| set.get(at).unwrap()));
        let samples: Vec<_> = samples.collect();
        // Loops are dropped and the edge that is there twice is there once.
        assert!(samples.iter().all(|sample| sample.graph.edges() == 2));
        let first = samples.iter().find(|sample| {
            let Features::Floats { values, .. } = sample.graph.node_features() else {
                return false;
            };
            values[0] == 0.5
        });
        let first = first.unwrap();
        let rows = Features::Floats {
            values: vec![0.5, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0],
            width: 4,
        };
        assert_eq!(first.graph.node_features(), &rows);
        assert_eq!(first.targets, Targets::Class(0));
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        let message = |at: usize, text: &'static str| {
            let mut files = FILES;
            files[at].1 = text;
            let root = folder(&files);
            splits(root.path(), SHARES).unwrap_err().to_string()
        };
        let error = message(0, "1, 2\n2, 9\n");
        assert!(
            error.contains("line 2: an edge of nodes 2 and 9, expected 1 to 7"),
            "{error}"
        );
        let error = message(0, "1, 2\n2, 3\n");
        assert!(
            error.contains("line 2: an edge between graphs 1 and 2"),
            "{error}"
        );
        let error = message(2, "1\n2\n");
        assert!(error.contains("2 lines, expected 3"), "{error}");
        let error = message(0, "1, b\n");
        assert!(error.contains("line 1: `b` is no number"), "{error}");
    }
}

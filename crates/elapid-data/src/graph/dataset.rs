//! What a graph with targets and a set of them are.

use std::sync::Arc;

use burn_dataset::{Dataset, DatasetError};

use super::features::Features;
use super::graph::Graph;
use super::targets::Targets;
use crate::SampleSet;
use crate::error::DataError;
use crate::fingerprint::Fingerprint;

/// A graph, and what is to be told of it.
#[derive(Clone, Debug)]
pub struct GraphSample {
    /// The graph, which samples of several splits may share.
    pub graph: Arc<Graph>,
    /// What is to be told.
    pub targets: Targets,
}

/// A set of graphs.
pub type GraphDataset = dyn SampleSet<GraphSample>;

/// The parts of a set of graphs.
pub type GraphSplits = crate::Splits<GraphSample>;

/// What is known of all graphs of a set.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct GraphFacts {
    /// Numbers of a node's features; 0 if they are categories.
    pub node_width: usize,
    /// Size of each column of a node's categories.
    pub node_sizes: Vec<usize>,
    /// Numbers of an edge's features; 0 if there are none or they are categories.
    pub edge_width: usize,
    /// Size of each column of an edge's categories.
    pub edge_sizes: Vec<usize>,
    /// Values of a graph's target; 0 where graphs have classes or nothing.
    pub values: usize,
    /// Names of a node's features, where tables have such.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub node_columns: Vec<String>,
    /// Names of an edge's features, where tables have such.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub edge_columns: Vec<String>,
    /// Nodes have no features: each stands for the number 1.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_plain: bool,
}

impl GraphFacts {
    /// Those of one graph; with those of others `None` if they differ in more than the sizes of categories.
    #[must_use]
    pub fn of(sample: &GraphSample) -> Self {
        let (nodes, edges) = (sample.graph.node_features(), sample.graph.edge_features());
        let width = |features: Option<&Features>| match features {
            Some(Features::Floats { width, .. }) => *width,
            _ => 0,
        };
        Self {
            node_width: width(Some(nodes)),
            node_sizes: nodes.sizes(),
            edge_width: width(edges),
            edge_sizes: edges.map(Features::sizes).unwrap_or_default(),
            values: match &sample.targets {
                Targets::Values(values) => values.len(),
                _ => 0,
            },
            node_columns: Vec::new(),
            edge_columns: Vec::new(),
            is_plain: *nodes == Features::ones(sample.graph.nodes()),
        }
    }

    /// Those of both.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        let columns = [
            (&mut self.node_sizes, &other.node_sizes),
            (&mut self.edge_sizes, &other.edge_sizes),
        ];
        for (own, more) in columns {
            own.resize(own.len().max(more.len()), 0);
            for (size, other) in own.iter_mut().zip(more) {
                *size = (*size).max(*other);
            }
        }
        self.node_width = self.node_width.max(other.node_width);
        self.edge_width = self.edge_width.max(other.edge_width);
        self.values = self.values.max(other.values);
        self.is_plain &= other.is_plain;
        self
    }
}

/// Nodes and edges of at most `count` graphs of a set, at even distances.
///
/// # Errors
///
/// A graph that cannot be read.
pub fn sizes(set: &GraphDataset, count: usize) -> Result<Vec<[usize; 2]>, DataError> {
    let step = set.len().div_ceil(count.max(1)).max(1);
    let of = |index: usize| {
        let sample = set.get(index);
        let sample =
            sample.map_err(|error| DataError::from_dataset(&error, || set.describe(index)))?;
        Ok([sample.graph.nodes(), sample.graph.edges()])
    };
    (0..set.len()).step_by(step).map(of).collect()
}

/// A set of one graph, whose classes have no names.
#[must_use]
pub fn set_of(graph: Graph, targets: Targets, name: &str) -> Arc<GraphDataset> {
    let graph = Arc::new(graph);
    Arc::new(InMemory {
        samples: vec![GraphSample { graph, targets }],
        classes: Vec::new(),
        name: name.to_owned(),
    })
}

/// Graphs that are in memory.
pub(super) struct InMemory {
    samples: Vec<GraphSample>,
    classes: Vec<String>,
    /// What a graph is called in messages, before its number.
    name: String,
}

impl InMemory {
    /// # Errors
    ///
    /// A class that is not among `classes`, where there are any.
    pub(super) fn new(
        samples: Vec<GraphSample>,
        classes: Vec<String>,
        name: impl Into<String>,
    ) -> Result<Arc<Self>, DataError> {
        let set = Self {
            samples,
            classes,
            name: name.into(),
        };
        set.check_labels()?;
        Ok(Arc::new(set))
    }

    fn check_labels(&self) -> Result<(), DataError> {
        let classes = self.classes.len();
        let is_odd = |label: i32| label < -1 || label >= classes as i32;
        for (index, sample) in self.samples.iter().enumerate() {
            let (label, what) = match &sample.targets {
                Targets::Class(class) if is_odd(*class) => (*class, self.describe(index)),
                Targets::Nodes(labels) => match labels.iter().position(|&label| is_odd(label)) {
                    Some(node) => (
                        labels[node],
                        format!("node {node} of {}", self.describe(index)),
                    ),
                    None => continue,
                },
                Targets::Pairs(pairs) => match pairs.labels.iter().position(|&l| is_odd(l)) {
                    Some(at) => (
                        pairs.labels[at],
                        format!("pair {at} of {}", self.describe(index)),
                    ),
                    None => continue,
                },
                _ => continue,
            };
            let reason = format!(
                "it has class {label}, expected 0 to {}, or −1 for none",
                classes as i64 - 1
            );
            return Err(DataError::Sample {
                sample: what,
                reason,
            });
        }
        Ok(())
    }
}

impl Dataset<GraphSample> for InMemory {
    fn get(&self, index: usize) -> Result<GraphSample, DatasetError> {
        Ok(self.samples[index].clone())
    }

    fn len(&self) -> usize {
        self.samples.len()
    }
}

impl SampleSet<GraphSample> for InMemory {
    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn describe(&self, index: usize) -> String {
        format!("{} {index}", self.name)
    }

    fn fingerprint(&self) -> String {
        let print = Fingerprint::new().number(self.samples.len() as u64);
        self.samples.iter().fold(print, print_sample).finish()
    }
}

fn print_sample(print: Fingerprint, sample: &GraphSample) -> Fingerprint {
    let GraphSample { graph, targets } = sample;
    let print = print_ids(print, graph.src());
    let print = print_ids(print, graph.dst_ptr());
    let features = [Some(graph.node_features()), graph.edge_features()];
    let print = features
        .into_iter()
        .flatten()
        .fold(print, |print, features| match features {
            Features::Floats { values, width } => {
                print_numbers(print.number(*width as u64), values)
            }
            Features::Categories { values, columns } => {
                print_ids(print.number(*columns as u64), values)
            }
        });
    match targets {
        Targets::Unknown => print,
        Targets::Nodes(labels) => print_ids(print, labels),
        Targets::Class(class) => print.number(*class as u64),
        Targets::Values(values) => print_numbers(print, values),
        Targets::Pairs(pairs) => {
            print_ids(print_ids(print, pairs.ends.as_flattened()), &pairs.labels)
        }
        Targets::Links(links) => {
            let print = print_ids(print, links.asked().as_flattened());
            print_ids(print, links.known().as_flattened())
        }
    }
}

fn print_ids(print: Fingerprint, ids: &[i32]) -> Fingerprint {
    let bytes: Vec<u8> = ids.iter().flat_map(|id| id.to_le_bytes()).collect();
    print.bytes(&bytes)
}

fn print_numbers(print: Fingerprint, values: &[f32]) -> Fingerprint {
    let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
    print.bytes(&bytes)
}

/// One graph, of whose nodes some are trained on and others evaluated.
///
/// # Errors
///
/// Masks that are not one entry a node, that overlap, or none of which says that a node is trained on or tested; a split without labels.
pub(super) fn by_masks(
    graph: Graph,
    labels: &[i32],
    masks: [&[bool]; 3],
    classes: Vec<String>,
    card: crate::Card,
    name: &str,
) -> Result<GraphSplits, DataError> {
    check_masks(labels.len(), masks, name)?;
    check_labels(labels, masks, name)?;
    let graph = Arc::new(graph);
    let part = |mask: &[bool]| {
        let labels = labels.iter().zip(mask);
        let labels: Vec<i32> = labels
            .map(|(&l, &is_in)| if is_in { l } else { -1 })
            .collect();
        let sample = GraphSample {
            graph: Arc::clone(&graph),
            targets: Targets::Nodes(labels.into()),
        };
        InMemory::new(vec![sample], classes.clone(), name)
    };
    let [train, valid, test] = masks;
    let valid = match valid.contains(&true) {
        true => Some(part(valid)? as crate::Shared<GraphSample>),
        false => None,
    };
    Ok(GraphSplits {
        train: part(train)?,
        valid,
        test: part(test)?,
        card,
    })
}

fn check_labels(labels: &[i32], masks: [&[bool]; 3], name: &str) -> Result<(), DataError> {
    for (mask, of) in masks.iter().zip(["train", "valid", "test"]) {
        let is_labelled = |(&is_in, &label): (&bool, &i32)| is_in && label != -1;
        if mask.contains(&true) && !mask.iter().zip(labels).any(is_labelled) {
            return Err(DataError::Sample {
                sample: name.to_owned(),
                reason: format!("no node of the split `{of}` has a label"),
            });
        }
    }
    Ok(())
}

fn check_masks(nodes: usize, masks: [&[bool]; 3], name: &str) -> Result<(), DataError> {
    let names = ["train", "valid", "test"];
    let fault = |problem: String| DataError::Sample {
        sample: name.to_owned(),
        reason: problem,
    };
    for (mask, of) in masks.iter().zip(names) {
        if mask.len() != nodes {
            let len = mask.len();
            return Err(fault(format!(
                "the mask of `{of}` has {len} entries for {nodes} nodes"
            )));
        }
        if of != "valid" && !mask.contains(&true) {
            return Err(fault(format!("no node is in the split `{of}`")));
        }
    }
    for node in 0..nodes {
        let own: Vec<&str> = (0..3)
            .filter(|&m| masks[m][node])
            .map(|m| names[m])
            .collect();
        if let [first, second, ..] = own[..] {
            let also = (node + 1..nodes)
                .filter(|&other| masks.iter().filter(|mask| mask[other]).count() > 1)
                .count();
            return Err(fault(format!(
                "node {node} is in the splits `{first}` and `{second}`, as are {also} other nodes in two; splits must not overlap, or the result is measured on what was trained on"
            )));
        }
    }
    Ok(())
}

//! Graphs in files.

pub mod graph_csv;
pub mod graphml;
pub mod heterophilous;
pub mod ogb;
pub mod own;
pub mod tu;

mod assign;
mod names;
mod numbers;
mod pairs;
mod text;

use std::path::Path;
use std::sync::Arc;

use super::dataset::{GraphSample, GraphSplits, InMemory};
use super::features::Features;
use super::graph::{EdgePolicy, Graph, GraphFault, Parts};
use super::targets::Targets;
use crate::Shared;
use crate::card::Card;
use crate::error::DataError;
use assign::Assigned;

/// Which part of a set is for what, where its files do not say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shares {
    /// Share of the graphs, or of the nodes of a single graph, for the test.
    pub test: f64,
    /// Share of what is left for validation; 0 for none.
    pub valid: f64,
    /// Which ones.
    pub seed: u64,
}

/// Splits of several graphs, as `assigned` or else at random.
fn splits(
    samples: Vec<GraphSample>,
    assigned: Option<&Assigned>,
    classes: Vec<String>,
    card: Card,
    name: &str,
    shares: Shares,
) -> Result<GraphSplits, DataError> {
    let random;
    let assigned = match assigned {
        Some(assigned) => assigned,
        None => {
            random = Assigned::random(samples.len(), shares, name)?;
            &random
        }
    };
    let mut parts = [(); 3].map(|()| Vec::new());
    for (sample, part) in samples.into_iter().zip(&assigned.0) {
        if let Some(part) = part {
            parts[*part as usize].push(sample);
        }
    }
    let [train, valid, test] = parts;
    let part = |samples, of: &str| -> Result<Shared<GraphSample>, DataError> {
        let name = format!("graph of `{name}`, {of}:");
        Ok(InMemory::new(samples, classes.clone(), name)?)
    };
    for (of, samples) in [("train", &train), ("test", &test)] {
        if samples.is_empty() {
            return Err(DataError::TooFew {
                what: format!("the split `{of}` of `{name}`"),
                len: 0,
                needed: 1,
                hint: "say of more graphs that they are of it".to_owned(),
            });
        }
    }
    let test = part(test, "test")?;
    let train = part(train, "train")?;
    if valid.is_empty() {
        return GraphSplits::held_out(train, test, card, shares.valid, shares.seed);
    }
    Ok(GraphSplits {
        train,
        valid: Some(part(valid, "valid")?),
        test,
        card,
    })
}

/// A graph read from a file, with the line of an edge at fault.
fn graph(
    path: &Path,
    parts: Parts,
    policy: EdgePolicy,
    line: impl Fn(usize) -> String,
) -> Result<Graph, DataError> {
    Graph::new(parts, policy).map_err(|fault: GraphFault| {
        let GraphFault { edge, problem } = fault;
        let place = edge.map(|edge| line(edge) + ": ").unwrap_or_default();
        DataError::layout(path, format!("{place}{problem}"))
    })
}

fn sample(graph: Graph, targets: Targets) -> GraphSample {
    GraphSample {
        graph: Arc::new(graph),
        targets,
    }
}

/// Numbers as the kind of feature they are.
fn features(
    values: Vec<f32>,
    width: usize,
    are_categories: bool,
) -> Result<Option<Features>, String> {
    if width == 0 {
        return Ok(None);
    }
    if !are_categories {
        return Ok(Some(Features::Floats { values, width }));
    }
    let category = |value: &f32| {
        let is_category = *value >= 0.0 && value.fract() == 0.0 && *value < 1e9;
        is_category
            .then_some(*value as i32)
            .ok_or_else(|| format!("{value} is no category, expected a whole number from 0"))
    };
    let values = values.iter().map(category).collect::<Result<_, _>>()?;
    Ok(Some(Features::Categories {
        values,
        columns: width,
    }))
}

//! `elapid predict` on graphs.

use std::path::PathBuf;

use burn::tensor::Device;
use elapid::data::graph::read::own::OwnGraph;
use elapid::registry::{self, AnyTask, GraphAnswer, GraphTask, OwnGraphs};
use serde_json::{Map, Value, json};

use super::failure::Failure;
use super::predict::{PredictArgs, most_probable};
use super::run::OpenRun;
use super::{print, table};

/// Prints what the model says of each node, or of each graph.
pub(super) fn predict(args: &PredictArgs, open: &OpenRun) -> Result<(), Failure> {
    if args.sheet.is_some() {
        return Err(Failure::wrong(
            "`--sheet` is for images and sounds; leave it out",
        ));
    }
    let (edges, nodes) = files(&args.inputs)?;
    let name = open.device_name(args.device.clone());
    let device = registry::device(&name).map_err(Failure::input)?;
    let own = OwnGraphs::new(&open.plan, &open.facts()?).map_err(Failure::input)?;
    let graphs = own.read(&edges, nodes.as_ref()).map_err(Failure::input)?;
    let AnyTask::Graphs(task) = open.trained(&device, args.checkpoint, None)? else {
        return Err(Failure::wrong("this run has no task on graphs"));
    };
    let several = graphs.len() > 1;
    let mut rows = Vec::new();
    for graph in graphs {
        let name = match graph.name.is_empty() {
            true => edges.display().to_string(),
            false => graph.name.clone(),
        };
        let names = graph.nodes.clone();
        let answers = answers(&own, graph, &task, &device)?;
        let of_nodes = task.answer() == GraphAnswer::Nodes;
        for (at, answer) in answers.iter().enumerate() {
            let mut of = Vec::new();
            if several || !of_nodes {
                of.push(("graph", name.clone()));
            }
            if of_nodes {
                of.push(("node", names.get(at).cloned().unwrap_or_default()));
            }
            match args.json {
                true => print(&object(of, answer, &task, args.top))?,
                false => rows.push(row(of, answer, &task, args.top)),
            }
        }
    }
    match args.json {
        true => Ok(()),
        false => print(&table::align(rows)),
    }
}

/// The table of edges, or GraphML file, and the table of nodes, of the files that are given or of a folder.
fn files(inputs: &[PathBuf]) -> Result<(PathBuf, Option<PathBuf>), Failure> {
    match inputs {
        [folder] if folder.is_dir() => {
            let nodes = folder.join("nodes.csv");
            Ok((folder.join("edges.csv"), nodes.is_file().then_some(nodes)))
        }
        [edges] => Ok((edges.clone(), None)),
        [edges, nodes] => Ok((edges.clone(), Some(nodes.clone()))),
        _ => Err(Failure::wrong(format!(
            "{} files are given, expected a table of edges and, where there is one, a table of nodes, or a .graphml file",
            inputs.len()
        ))),
    }
}

/// A row for each node, or one for the graph.
fn answers(
    own: &OwnGraphs<'_>,
    graph: OwnGraph,
    task: &GraphTask,
    device: &Device,
) -> Result<Vec<Vec<f64>>, Failure> {
    let targets = task.unknown(graph.nodes.len());
    let mut answers = Vec::new();
    own.batches(graph.graph, targets, |batch, is_around| {
        let mut found = task.answers(batch, device);
        if is_around {
            // Of what is around a node only the node itself, which comes first, is told.
            let firsts = batch.node_ptr[..batch.real_graphs].iter();
            found = firsts
                .map(|&first| std::mem::take(&mut found[first as usize]))
                .collect();
        }
        answers.append(&mut found);
    })
    .map_err(Failure::input)?;
    Ok(answers)
}

/// A line of the table.
fn row(of: Vec<(&str, String)>, answer: &[f64], task: &GraphTask, top: usize) -> Vec<String> {
    let mut row: Vec<String> = of.into_iter().map(|(_, name)| name).collect();
    match task.answer() {
        GraphAnswer::Numbers => row.extend(answer.iter().map(|value| format!("{value:.6}"))),
        _ => {
            let best = most_probable(answer, top).into_iter();
            row.extend(best.map(|(at, p)| format!("{} {:.1} %", class(task, at), 100.0 * p)));
        }
    }
    row
}

/// A line of JSON.
fn object(of: Vec<(&str, String)>, answer: &[f64], task: &GraphTask, top: usize) -> String {
    let named = of
        .into_iter()
        .map(|(key, name)| (key.to_owned(), json!(name)));
    let mut object: Map<String, Value> = named.collect();
    let ranked = |what: &str| -> Vec<Value> {
        let best = most_probable(answer, top).into_iter();
        best.map(|(at, p)| json!({what: class(task, at), "probability": p}))
            .collect()
    };
    let (key, value) = match task.answer() {
        GraphAnswer::Nodes | GraphAnswer::Classes => ("classes", json!(ranked("class"))),
        GraphAnswer::Labels => ("labels", json!(ranked("label"))),
        GraphAnswer::Numbers => ("values", json!(answer)),
    };
    object.insert(key.to_owned(), value);
    Value::Object(object).to_string()
}

/// Labels need not have names.
fn class(task: &GraphTask, at: usize) -> String {
    use elapid::registry::Described;
    let name = task.classes().get(at);
    name.cloned().unwrap_or_else(|| format!("label {at}"))
}

//! `elapid predict` on graphs.

use std::collections::HashSet;
use std::path::PathBuf;

use burn::tensor::Device;
use elapid::data::graph::Graph;
use elapid::data::graph::read::own::{self, OwnGraph};
use elapid::picture::{DrawnGraph, graph_sheet};
use elapid::registry::{self, AnyTask, GraphAnswer, GraphTask, OwnGraphs};
use serde_json::{Map, Value, json};

use super::failure::Failure;
use super::predict::{PredictArgs, most_probable, save};
use super::run::OpenRun;
use super::{print, table};

/// Prints what the model says of each node, of each pair of nodes, or of each graph.
pub(super) fn predict(args: &PredictArgs, open: &OpenRun) -> Result<(), Failure> {
    let (edges, nodes) = files(&args.inputs)?;
    let name = open.device_name(args.device.clone());
    let device = registry::device(&name).map_err(Failure::input)?;
    let reader = OwnGraphs::new(&open.plan, &open.facts()?).map_err(Failure::input)?;
    let graphs = reader
        .read(&edges, nodes.as_ref())
        .map_err(Failure::input)?;
    let AnyTask::Graphs(task) = open.trained(&device, args.checkpoint, None)? else {
        return Err(Failure::wrong("this run has no task on graphs"));
    };
    let answer = task.answer();
    check(args, answer)?;
    let pairs = match (&args.pairs, answer) {
        (Some(path), _) => own::pairs(path, &graphs).map_err(Failure::input)?,
        (None, GraphAnswer::Edges) => graphs.iter().map(|graph| graph.listed.clone()).collect(),
        _ => vec![Vec::new(); graphs.len()],
    };
    let several = graphs.len() > 1;
    let of_pairs = matches!(answer, GraphAnswer::Edges | GraphAnswer::Links);
    let (mut rows, mut drawn) = (Vec::new(), None);
    for (graph, pairs) in graphs.into_iter().zip(pairs) {
        let name = match graph.name.is_empty() {
            true => edges.display().to_string(),
            false => graph.name.clone(),
        };
        let names = graph.nodes.clone();
        let node = |at: usize| names.get(at).cloned().unwrap_or_default();
        let whole = args.sheet.is_some().then(|| graph.graph.clone());
        let answers = answers(&reader, graph, &pairs, &task, &device)?;
        if let (Some(whole), None) = (whole, &drawn) {
            drawn = Some(draw(&whole, &names, &pairs, &answers));
        }
        for (at, answer_of) in answers.iter().enumerate() {
            let mut of = Vec::new();
            if several || !(of_pairs || answer == GraphAnswer::Nodes) {
                of.push(("graph", name.clone()));
            }
            if answer == GraphAnswer::Nodes {
                of.push(("node", node(at)));
            }
            if let Some(ends) = pairs.get(at).filter(|_| of_pairs) {
                of.push(("src", node(ends[0] as usize)));
                of.push(("dst", node(ends[1] as usize)));
            }
            match args.json {
                true => print(&object(of, answer_of, &task, args.top))?,
                false => rows.push(row(of, answer_of, &task, args.top)),
            }
        }
    }
    if let (Some(path), Some(drawn)) = (&args.sheet, drawn) {
        use elapid::registry::Described;
        let run = args.run.file_name().unwrap_or_default().to_string_lossy();
        let title = format!("{run}: {}", drawn.title);
        save(&graph_sheet(&title, &drawn.graph, task.classes()), path)?;
        rows.push(vec![path.display().to_string(), "picture".to_owned()]);
    }
    match args.json {
        true => Ok(()),
        false => print(&table::align(rows)),
    }
}

/// What is asked for is something that this run answers.
fn check(args: &PredictArgs, answer: GraphAnswer) -> Result<(), Failure> {
    if args.pairs.is_none() && answer == GraphAnswer::Links {
        return Err(Failure::wrong(
            "this run tells whether pairs of nodes have a link; name a table of the pairs, with the columns `src` and `dst`: `--pairs pairs.csv`",
        ));
    }
    let of_pairs = matches!(answer, GraphAnswer::Edges | GraphAnswer::Links);
    if args.pairs.is_some() && !of_pairs {
        return Err(Failure::wrong(
            "`--pairs` is for runs on edges or links of graphs; leave it out",
        ));
    }
    if args.sheet.is_some() && !matches!(answer, GraphAnswer::Nodes | GraphAnswer::Edges) {
        return Err(Failure::wrong(
            "`--sheet` draws classes of nodes or edges, and this run tells none; leave it out",
        ));
    }
    Ok(())
}

/// Nodes of a drawing: more could not be told apart.
const DRAWN: usize = 300;

/// A part of a graph that is drawn.
struct Drawn {
    title: String,
    graph: DrawnGraph,
}

/// The graph, or what is around its node with the most edges, with the most probable class of each node or pair.
fn draw(graph: &Graph, names: &[String], pairs: &[[i32; 2]], answers: &[Vec<f64>]) -> Drawn {
    let nodes = around(graph);
    let class = |answer: &Vec<f64>| most_probable(answer, 1).first().map(|(class, _)| *class);
    let place = |node: i32| nodes.binary_search(&(node as usize)).ok();
    let both = |[from, to]: [i32; 2]| Some([place(from)?, place(to)?]);
    let edges = match pairs.is_empty() {
        true => {
            let ends = graph.src().iter().copied().zip(graph.dst());
            let ends =
                ends.filter(|(from, to)| from < to || graph.edge(*to, *from as usize).is_none());
            ends.filter_map(|(from, to)| Some((both([from, to])?, None)))
                .collect()
        }
        false => {
            let told = pairs.iter().zip(answers);
            told.filter_map(|(ends, answer)| Some((both(*ends)?, class(answer))))
                .collect()
        }
    };
    let of_nodes = |node: &usize| match pairs.is_empty() {
        true => answers.get(*node).and_then(class),
        false => None,
    };
    let title = match nodes.len() == graph.nodes() {
        true => format!("graph of {} nodes", nodes.len()),
        false => format!("{} of {} nodes", nodes.len(), graph.nodes()),
    };
    Drawn {
        title,
        graph: DrawnGraph {
            nodes: nodes.iter().map(of_nodes).collect(),
            edges,
            names: nodes
                .iter()
                .map(|&node| names.get(node).cloned().unwrap_or_default())
                .collect(),
        },
    }
}

/// All nodes of a small graph; of a large one, the node with the most edges into it and those on the shortest ways to it. They
/// ascend.
fn around(graph: &Graph) -> Vec<usize> {
    if graph.nodes() <= DRAWN {
        return (0..graph.nodes()).collect();
    }
    let most = (0..graph.nodes()).max_by_key(|&node| graph.into_node(node).len());
    let (mut reached, mut next) = (vec![most.unwrap_or(0)], 0);
    let mut seen = HashSet::from([reached[0]]);
    while let Some(&node) = reached.get(next) {
        next += 1;
        for &source in graph.into_node(node) {
            if reached.len() < DRAWN && seen.insert(source as usize) {
                reached.push(source as usize);
            }
        }
    }
    reached.sort_unstable();
    reached
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

/// A row for each node, or each of `pairs`, or one for the graph.
fn answers(
    own: &OwnGraphs<'_>,
    graph: OwnGraph,
    pairs: &[[i32; 2]],
    task: &GraphTask,
    device: &Device,
) -> Result<Vec<Vec<f64>>, Failure> {
    let of_pairs = matches!(task.answer(), GraphAnswer::Edges | GraphAnswer::Links);
    if of_pairs && pairs.is_empty() {
        return Ok(Vec::new());
    }
    let targets = task.unknown(graph.nodes.len(), pairs);
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
        GraphAnswer::Links => {
            row.extend(answer.iter().map(|p| format!("link {:.1} %", 100.0 * p)));
        }
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
        GraphAnswer::Links => ("probability", json!(answer.first())),
        GraphAnswer::Nodes | GraphAnswer::Edges | GraphAnswer::Classes => {
            ("classes", json!(ranked("class")))
        }
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

//! Graphs of one's own, for a model that was trained on others.

use std::collections::HashMap;
use std::path::Path;

use super::graph_csv::{Cells, One, Set, rows};
use super::{features, graph, graphml};
use crate::error::DataError;
use crate::graph::features::Features;
use crate::graph::graph::{EdgePolicy, Graph, Parts};
use crate::graph::links::links_of;

/// Features that a model reads, of nodes or of edges.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Names of their columns; without any, columns are counted and not named.
    pub names: Vec<String>,
    /// How many there are; 0 for none, and columns of features do not matter.
    pub width: usize,
    /// If they are categories, how many each column has.
    pub sizes: Vec<usize>,
}

impl Wanted {
    /// Columns to be read; `None` for all.
    fn columns(&self) -> Option<&[String]> {
        (self.width == 0 || !self.names.is_empty()).then_some(&self.names)
    }

    /// In words.
    fn shown(&self, of: &str) -> String {
        let names: Vec<String> = self.names.iter().map(|name| format!("`{name}`")).collect();
        match (self.width, names.is_empty()) {
            (1, true) => format!("one feature of each {of}"),
            (width, true) => format!("{width} features of each {of}"),
            (_, false) => format!("of each {of} {}", names.join(", ")),
        }
    }
}

/// A graph with the names that its nodes have in the file.
#[derive(Clone, Debug)]
pub struct OwnGraph {
    /// Empty where a file holds one graph.
    pub name: String,
    /// Names of the nodes, by number.
    pub nodes: Vec<String>,
    /// The graph.
    pub graph: Graph,
    /// Its edges as they are listed.
    pub listed: Vec<[i32; 2]>,
}

/// The graphs of a table of edges and one of nodes, as [`graph_csv`](super::graph_csv) reads them: without the latter, nodes are those
/// that edges name. `label` and `split` mean nothing, and columns that a model does not read may be there if it knows the names of its own.
///
/// # Errors
///
/// A table that is missing, damaged or empty, an edge to a node that is not in the table of nodes, features that the model reads
/// and that are missing or more than it reads, or a category that it does not know.
pub fn tables(
    edges: &Path,
    nodes: Option<&Path>,
    policy: EdgePolicy,
    wanted: &[Wanted; 2],
) -> Result<Vec<OwnGraph>, DataError> {
    let [of_node, of_edge] = wanted;
    if nodes.is_none() && of_node.width > 0 {
        let problem = format!(
            "a table of edges alone, and the run reads {}; name a table with the column `node` and these features behind it",
            of_node.shown("node")
        );
        return Err(DataError::layout(edges, problem));
    }
    let mut set = Set::default();
    if let Some(path) = nodes {
        set.read_nodes(path, of_node.columns())?;
        counted(path, &set.node_columns, of_node, "node")?;
    }
    set.read_edges(edges, nodes.is_none(), of_edge.columns())?;
    counted(edges, &set.edge_columns, of_edge, "edge")?;
    if set.graphs.is_empty() {
        let problem =
            "no edge in it, and there is no table of nodes; expected a line for each edge";
        return Err(DataError::layout(nodes.unwrap_or(edges), problem));
    }
    let columns = [set.node_columns, set.edge_columns];
    let graphs = set.graphs.into_iter();
    let paths = [nodes.unwrap_or(edges), edges];
    graphs
        .map(|one| own(one, paths, policy, &columns, wanted))
        .collect()
}

/// The pairs of nodes of each of `graphs` that a table with the columns `src` and `dst`, and `graph` where there are several, asks
/// for.
///
/// # Errors
///
/// A table that is missing, damaged or empty, or a graph or node that is not there.
pub fn pairs(path: &Path, graphs: &[OwnGraph]) -> Result<Vec<Vec<[i32; 2]>>, DataError> {
    let numbers: Vec<HashMap<&str, i32>> = graphs
        .iter()
        .map(|own| own.nodes.iter().map(String::as_str).zip(0..).collect())
        .collect();
    let mut pairs = vec![Vec::new(); graphs.len()];
    let none: [String; 0] = [];
    let take = |_, [src, dst, graph]: [Option<&str>; 3], _: &mut Cells<'_>| {
        let name = graph.unwrap_or_default();
        let at = graphs.iter().position(|own| own.name == name);
        let at = at.ok_or_else(|| format!("graph `{name}` is not in the table of edges"))?;
        let mut ends = [0; 2];
        for (end, name) in ends.iter_mut().zip([src, dst]) {
            let name = name.ok_or("the table has no columns `src` and `dst`")?;
            *end = *numbers[at]
                .get(name)
                .ok_or_else(|| format!("node `{name}` is not in the graph"))?;
        }
        pairs[at].push(ends);
        Ok(())
    };
    let header = rows(path, ["src", "dst", "graph"], Some(&none), take)?;
    header.needs(path, &[0, 1])?;
    match pairs.iter().all(Vec::is_empty) {
        true => Err(DataError::layout(path, "no pair in it")),
        false => Ok(pairs),
    }
}

/// The columns of a table are as many as a model reads.
fn counted(path: &Path, found: &[String], wanted: &Wanted, of: &str) -> Result<(), DataError> {
    if found.len() == wanted.width {
        return Ok(());
    }
    let names: Vec<String> = found.iter().map(|name| format!("`{name}`")).collect();
    let found = match names.is_empty() {
        true => "no features".to_owned(),
        false => format!("{} features ({})", names.len(), names.join(", ")),
    };
    let problem = format!("{found}; the run reads {}", wanted.shown(of));
    Err(DataError::layout(path, problem))
}

fn own(
    one: One,
    [nodes, edges]: [&Path; 2],
    policy: EdgePolicy,
    columns: &[Vec<String>; 2],
    wanted: &[Wanted; 2],
) -> Result<OwnGraph, DataError> {
    let names = one.nodes.list();
    let of = |values, which: usize| {
        features(values, columns[which].len(), is_categories(&wanted[which]))
    };
    let wrong = |path: &Path, problem: String| DataError::layout(path, problem);
    let node_features = of(one.node_features, 0).map_err(|problem| wrong(nodes, problem))?;
    let edge_features = of(one.edge_features, 1).map_err(|problem| wrong(edges, problem))?;
    let node = |row: usize| format!("node `{}`", names[row]);
    known(node_features.as_ref(), &columns[0], &wanted[0], node)
        .map_err(|problem| wrong(nodes, problem))?;
    let lines = one.lines;
    let line = |row: usize| format!("line {}", lines[row]);
    let listed = one.edges.iter().map(|ends| ends.map(|node| node as i32));
    let listed = listed.collect();
    known(edge_features.as_ref(), &columns[1], &wanted[1], line)
        .map_err(|problem| wrong(edges, problem))?;
    let parts = Parts {
        nodes: names.len(),
        edges: one.edges,
        node_features,
        edge_features,
    };
    Ok(OwnGraph {
        name: one.name,
        graph: graph(edges, parts, policy, line)?,
        nodes: names,
        listed,
    })
}

fn is_categories(wanted: &Wanted) -> bool {
    !wanted.sizes.is_empty()
}

/// Categories are among those that a model has seen.
fn known(
    features: Option<&Features>,
    columns: &[String],
    wanted: &Wanted,
    place: impl Fn(usize) -> String,
) -> Result<(), String> {
    let Some(Features::Categories { values, .. }) = features else {
        return Ok(());
    };
    let width = columns.len().max(1);
    let odd = values.iter().enumerate().find(|(at, value)| {
        wanted
            .sizes
            .get(at % width)
            .is_none_or(|&size| **value as usize >= size)
    });
    match odd {
        None => Ok(()),
        Some((at, value)) => Err(format!(
            "{}: column `{}` has the category {value}, and the run was trained with 0 to {}",
            place(at / width),
            columns[at % width],
            wanted.sizes.get(at % width).map_or(0, |size| size - 1)
        )),
    }
}

/// The graph of a GraphML file. `label` names an attribute that is no feature.
///
/// # Errors
///
/// As of [`tables`].
pub fn graphml(
    path: &Path,
    label: &str,
    policy: EdgePolicy,
    wanted: &[Wanted; 2],
) -> Result<OwnGraph, DataError> {
    let file = graphml::parsed(path)?;
    let wrong = |problem: String| DataError::layout(path, problem);
    let chosen = |which: usize| -> Result<Vec<usize>, DataError> {
        let of_edges = which == 1;
        match wanted[which].columns() {
            Some(names) => file.chosen(of_edges, names).map_err(wrong),
            None => Ok(file.features(of_edges, label)),
        }
    };
    let keys = [chosen(0)?, chosen(1)?];
    let columns = keys.each_ref().map(|keys| file.named(keys));
    for (which, of) in ["node", "edge"].into_iter().enumerate() {
        counted(path, &columns[which], &wanted[which], of)?;
    }
    let are_categories = wanted.each_ref().map(is_categories);
    let graph = file.graph(path, &keys, policy, are_categories)?;
    let nodes = file.names();
    let node = |row: usize| format!("node `{}`", nodes[row]);
    known(Some(graph.node_features()), &columns[0], &wanted[0], node).map_err(wrong)?;
    let edge = |_| "an edge".to_owned();
    known(graph.edge_features(), &columns[1], &wanted[1], edge).map_err(wrong)?;
    Ok(OwnGraph {
        name: String::new(),
        nodes,
        listed: links_of(&graph, graph.is_symmetric()),
        graph,
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;

    fn wanted(names: &[&str], sizes: &[usize]) -> Wanted {
        Wanted {
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            width: names.len(),
            sizes: sizes.to_vec(),
        }
    }

    fn read(
        edges: &str,
        nodes: Option<&str>,
        wanted: [Wanted; 2],
    ) -> Result<Vec<OwnGraph>, String> {
        let root = TempDir::new().unwrap();
        let path = |name: &str, text: &str| {
            let path = root.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        let edges = path("edges.csv", edges);
        let nodes = nodes.map(|text| path("nodes.csv", text));
        let read = tables(&edges, nodes.as_deref(), EdgePolicy::MIRRORED, &wanted);
        read.map_err(|error| error.to_string())
    }

    #[test]
    fn features_are_found_by_their_names() {
        let nodes = "height,node,city,age\n1.8,ann,Ulm,31\n1.6,bob,Jena,40\n";
        let both = [wanted(&["age", "height"], &[]), Wanted::default()];
        let read = read("src,dst,since\nann,bob,May\n", Some(nodes), both).unwrap();
        assert_eq!(read[0].nodes, ["ann", "bob"]);
        let rows = Features::Floats {
            values: vec![31.0, 1.8, 40.0, 1.6],
            width: 2,
        };
        assert_eq!(read[0].graph.node_features(), &rows);
        assert_eq!(read[0].graph.edges(), 2);
        assert!(read[0].graph.edge_features().is_none());
    }

    #[test]
    fn what_is_missing_or_unknown_is_named() {
        let message = |edges: &str, nodes: Option<&str>, node: Wanted| {
            read(edges, nodes, [node, Wanted::default()]).unwrap_err()
        };
        let edges = "src,dst\na,b\n";
        let two = || wanted(&["age", "height"], &[]);
        let text = message(edges, None, two());
        assert!(
            text.contains("the run reads of each node `age`, `height`"),
            "{text}"
        );
        let text = message(edges, Some("node,sex\na,1\nb,2\n"), two());
        assert!(text.contains("no column `age`, `height`"), "{text}");
        let nameless = Wanted {
            width: 34,
            ..Wanted::default()
        };
        let text = message(edges, Some("node,x\na,1\nb,2\n"), nameless);
        assert!(
            text.contains("1 features (`x`); the run reads 34 features of each node"),
            "{text}"
        );
        let kinds = wanted(&["kind"], &[3]);
        let text = message(edges, Some("node,kind\na,0\nb,3\n"), kinds);
        assert!(
            text.contains(
                "node `b`: column `kind` has the category 3, and the run was trained with 0 to 2"
            ),
            "{text}"
        );
        let text = message("", None, Wanted::default());
        assert!(text.contains("the file is empty"), "{text}");
        let text = message("src,dst\n", None, Wanted::default());
        assert!(text.contains("no edge in it"), "{text}");
        let text = message("src,dst\na,c\n", Some("node\na\nb\n"), Wanted::default());
        assert!(text.contains("line 2: an edge of node `c`"), "{text}");
    }

    #[test]
    fn graphml_is_read_without_classes() {
        let root = TempDir::new().unwrap();
        let path = root.path().join("own.graphml");
        let text = r#"<graphml><key id="a" for="node" attr.name="age" attr.type="int"/>
            <graph edgedefault="undirected"><node id="ann"><data key="a">31</data></node>
            <node id="bob"/><edge source="ann" target="bob"/></graph></graphml>"#;
        fs::write(&path, text).unwrap();
        let read = |node| {
            graphml(
                &path,
                "label",
                EdgePolicy::PLAIN,
                &[node, Wanted::default()],
            )
        };
        let own = read(wanted(&["age"], &[])).unwrap();
        assert_eq!((own.nodes[1].as_str(), own.graph.edges()), ("bob", 2));
        let error = read(wanted(&["height"], &[])).unwrap_err().to_string();
        assert!(
            error.contains("nodes have no attribute `height`"),
            "{error}"
        );
    }
}

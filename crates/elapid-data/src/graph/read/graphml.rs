//! GraphML (graphml.graphdrawing.org), as NetworkX, igraph, Gephi and yEd write it.

use std::collections::HashMap;
use std::path::Path;

use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::assign::{Assigned, Part};
use super::{Shares, features, graph};
use crate::card::card;
use crate::error::DataError;
use crate::graph::dataset::{GraphSplits, by_masks};
use crate::graph::graph::{EdgePolicy, Graph, Parts};

/// What is read of a file.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// Attribute of the nodes that is their class.
    pub label: &'a str,
    /// What is done with special edges; undirected edges are taken both ways whatever it says.
    pub policy: EdgePolicy,
    /// Which nodes are for what, where no attribute `split` says so.
    pub shares: Shares,
}

/// The first graph of a file. Attributes of nodes and edges whose type is a number or a truth value are features, in the order
/// in which the file declares them; one that is missing has its default, or is 0.
///
/// # Errors
///
/// A file that is missing or no GraphML, an edge to a node that is not there, or nodes without the label.
pub fn splits(path: &Path, options: Options<'_>) -> Result<GraphSplits, DataError> {
    parsed(path)?.finish(path, options)
}

/// Names of the attributes that are features, of nodes and of edges.
///
/// # Errors
///
/// As of [`splits`].
pub fn columns(path: &Path, label: &str) -> Result<[Vec<String>; 2], DataError> {
    let file = parsed(path)?;
    Ok([false, true].map(|of_edges| file.named(&file.features(of_edges, label))))
}

/// What a file says.
pub(super) fn parsed(path: &Path) -> Result<File, DataError> {
    if !path.is_file() {
        return Err(DataError::Missing {
            path: path.to_owned(),
            expected: "a GraphML file".to_owned(),
        });
    }
    let text = std::fs::read_to_string(path).map_err(|error| DataError::unreadable(path, error))?;
    let mut file = File::default();
    file.read(&text)
        .map_err(|(line, problem)| DataError::layout(path, format!("line {line}: {problem}")))?;
    Ok(file)
}

/// An attribute that the file declares.
struct Key {
    id: String,
    name: String,
    is_of_edges: bool,
    is_number: bool,
    default: Option<String>,
}

/// A node or an edge.
#[derive(Default)]
struct Element {
    /// Values by the place of their key.
    data: Vec<(usize, String)>,
}

#[derive(Default)]
pub(super) struct File {
    keys: Vec<Key>,
    is_directed: bool,
    graphs: usize,
    numbers: HashMap<String, u32>,
    nodes: Vec<Element>,
    ends: Vec<[String; 2]>,
    /// Line of each edge in the file.
    lines: Vec<usize>,
    edges: Vec<Element>,
    /// What data belong to.
    inside: Inside,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Inside {
    #[default]
    Nothing,
    Key,
    Node,
    Edge,
}

/// Line and problem.
type Fault = (usize, String);

impl File {
    fn read(&mut self, text: &str) -> Result<(), Fault> {
        let mut reader = Reader::from_str(text);
        let mut collected = None;
        let (mut line, mut counted) = (1, 0);
        loop {
            let at = (reader.buffer_position() as usize).min(text.len());
            line += text[counted..at].matches('\n').count();
            counted = at;
            let fault = |problem: String| (line, problem);
            match reader
                .read_event()
                .map_err(|error| fault(error.to_string()))?
            {
                Event::Start(tag) => {
                    self.open(&tag, line).map_err(fault)?;
                    let key = match tag.local_name().as_ref() {
                        "data" => Some(attribute(&tag, "key").map_err(fault)?),
                        "default" => Some(String::new()),
                        _ => None,
                    };
                    if let Some(key) = key {
                        collected = Some((key, String::new()));
                    }
                }
                Event::Empty(tag) => {
                    self.open(&tag, line).map_err(fault)?;
                    self.close(tag.local_name().as_ref());
                }
                Event::Text(text) => {
                    if let Some((_, value)) = &mut collected {
                        value.push_str(&text.xml10_content());
                    }
                }
                Event::GeneralRef(entity) => {
                    if let Some((_, value)) = &mut collected {
                        let name = entity.xml10_content();
                        let known = resolve_predefined_entity(&name).map(str::to_owned);
                        let char = || entity.resolve_char_ref().ok().flatten().map(String::from);
                        value.push_str(&known.or_else(char).unwrap_or_default());
                    }
                }
                Event::End(tag) => {
                    if let (Some((key, value)), "data" | "default") =
                        (collected.take(), tag.local_name().as_ref())
                    {
                        self.store(&key, value.trim());
                    }
                    self.close(tag.local_name().as_ref());
                }
                Event::Eof => return Ok(()),
                _ => {}
            }
        }
    }

    fn open(&mut self, tag: &BytesStart<'_>, line: usize) -> Result<(), String> {
        match tag.local_name().as_ref() {
            "key" => {
                let kind = attribute(tag, "attr.type").unwrap_or_default();
                let numbers = ["int", "long", "float", "double", "boolean"];
                self.keys.push(Key {
                    id: attribute(tag, "id")?,
                    name: attribute(tag, "attr.name").unwrap_or_default(),
                    is_of_edges: attribute(tag, "for").unwrap_or_default() == "edge",
                    is_number: numbers.contains(&kind.as_str()),
                    default: None,
                });
                self.inside = Inside::Key;
            }
            "graph" => {
                self.graphs += 1;
                if self.graphs > 1 {
                    return Err("a second graph, or one inside another; expected one".to_owned());
                }
                self.is_directed = attribute(tag, "edgedefault")? == "directed";
            }
            "node" => {
                let id = attribute(tag, "id")?;
                let number = self.nodes.len() as u32;
                if self.numbers.insert(id.clone(), number).is_some() {
                    return Err(format!("node `{id}` is there twice; remove one"));
                }
                self.nodes.push(Element::default());
                self.inside = Inside::Node;
            }
            "edge" => {
                let ends = [attribute(tag, "source")?, attribute(tag, "target")?];
                self.ends.push(ends);
                self.lines.push(line);
                self.edges.push(Element::default());
                self.inside = Inside::Edge;
            }
            _ => {}
        }
        Ok(())
    }

    fn close(&mut self, tag: &str) {
        if ["key", "node", "edge"].contains(&tag) {
            self.inside = Inside::Nothing;
        }
    }

    fn store(&mut self, key: &str, value: &str) {
        if self.inside == Inside::Key {
            if let Some(key) = self.keys.last_mut() {
                key.default = Some(value.to_owned());
            }
            return;
        }
        let Some(place) = self.keys.iter().position(|own| own.id == key) else {
            return;
        };
        let element = match self.inside {
            Inside::Node => self.nodes.last_mut(),
            Inside::Edge => self.edges.last_mut(),
            _ => None,
        };
        if let Some(element) = element {
            element.data.push((place, value.to_owned()));
        }
    }

    fn finish(self, path: &Path, options: Options<'_>) -> Result<GraphSplits, DataError> {
        let wrong = |problem: String| DataError::layout(path, problem);
        let name = path.display().to_string();
        let Some(label) = self.key(options.label) else {
            let own: Vec<&str> = self
                .keys
                .iter()
                .filter(|key| !key.is_of_edges)
                .map(|key| key.name.as_str())
                .collect();
            return Err(wrong(format!(
                "nodes have no attribute `{}`, which is to be their class; they have: {}; name one by data.label",
                options.label,
                own.join(", ")
            )));
        };
        let split = self.key("split");
        let chosen = [false, true].map(|of_edges| self.features(of_edges, options.label));
        let graph = self.graph(path, &chosen, options.policy, [false; 2])?;
        let labels: Vec<&str> = self
            .nodes
            .iter()
            .map(|node| self.value(node, label).unwrap_or(""))
            .collect();
        let mut classes: Vec<String> = labels
            .iter()
            .filter(|l| !l.is_empty())
            .map(|l| (*l).to_owned())
            .collect();
        classes.sort_unstable();
        classes.dedup();
        let class = |label: &&str| {
            classes
                .iter()
                .position(|own| own == label)
                .map_or(-1, |at| at as i32)
        };
        let of_node: Vec<i32> = labels.iter().map(class).collect();
        let assigned = match split {
            None => Assigned::random(of_node.len(), options.shares, &name)?,
            Some(key) => {
                let part = |node: &Element| match self.value(node, key) {
                    None | Some("") => Ok(None),
                    Some(part) => Part::of(part).map(Some).ok_or_else(|| {
                        wrong(format!(
                            "split `{part}`, expected `train`, `valid`, `test` or nothing"
                        ))
                    }),
                };
                Assigned(self.nodes.iter().map(part).collect::<Result<_, _>>()?)
            }
        };
        let masks = assigned.masks();
        let masks = masks.each_ref().map(Vec::as_slice);
        by_masks(graph, &of_node, masks, classes, card("graphml")?, &name)
    }

    /// An attribute of nodes.
    fn key(&self, name: &str) -> Option<usize> {
        let is_it = |key: &Key| key.name == name && !key.is_of_edges;
        self.keys.iter().position(is_it)
    }

    /// Attributes that are features.
    pub(super) fn features(&self, of_edges: bool, label: &str) -> Vec<usize> {
        let is_feature = |&at: &usize| {
            let key = &self.keys[at];
            let has_meaning = !key.is_of_edges && (key.name == label || key.name == "split");
            key.is_number && key.is_of_edges == of_edges && !has_meaning
        };
        (0..self.keys.len()).filter(is_feature).collect()
    }

    /// Attributes by their names; all that are missing are named.
    pub(super) fn chosen(&self, of_edges: bool, names: &[String]) -> Result<Vec<usize>, String> {
        let place = |name: &String| {
            let is_it = |key: &Key| key.name == *name && key.is_of_edges == of_edges;
            self.keys.iter().position(is_it)
        };
        let missing: Vec<String> = names
            .iter()
            .filter(|name| place(name).is_none())
            .map(|name| format!("`{name}`"))
            .collect();
        let what = if of_edges { "edges" } else { "nodes" };
        match missing.is_empty() {
            true => Ok(names.iter().filter_map(place).collect()),
            false => Err(format!(
                "{what} have no attribute {}; add what the run was trained with",
                missing.join(", ")
            )),
        }
    }

    /// Names of attributes.
    pub(super) fn named(&self, keys: &[usize]) -> Vec<String> {
        keys.iter()
            .map(|&key| self.keys[key].name.clone())
            .collect()
    }

    /// Names of the nodes, by number.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names = vec![String::new(); self.nodes.len()];
        let put = |(name, number): (&String, &u32)| names[*number as usize].clone_from(name);
        self.numbers.iter().for_each(put);
        names
    }

    /// The graph, with these attributes of nodes and of edges as features, which are categories or numbers.
    pub(super) fn graph(
        &self,
        path: &Path,
        [of_nodes, of_edges]: &[Vec<usize>; 2],
        policy: EdgePolicy,
        are_categories: [bool; 2],
    ) -> Result<Graph, DataError> {
        let wrong = |problem: String| DataError::layout(path, problem);
        let mut ends = Vec::with_capacity(self.ends.len());
        for (edge, names) in self.ends.iter().enumerate() {
            let of = |name: &String| {
                self.numbers.get(name).copied().ok_or_else(|| {
                    wrong(format!(
                        "line {}: edge from `{}` to `{}`: node `{name}` is not there; add the node or remove the edge",
                        self.lines[edge], names[0], names[1]
                    ))
                })
            };
            ends.push([of(&names[0])?, of(&names[1])?]);
        }
        let rows = |elements: &[Element], keys: &[usize]| -> Result<Vec<f32>, DataError> {
            let cells = elements
                .iter()
                .flat_map(|element| keys.iter().map(move |&key| (element, key)));
            let cells =
                cells.map(|(element, key)| number(self.value(element, key)).map_err(&wrong));
            cells.collect()
        };
        let node_features = rows(&self.nodes, of_nodes)?;
        let node_features = features(node_features, of_nodes.len(), are_categories[0]);
        let edge_features = rows(&self.edges, of_edges)?;
        let edge_features = features(edge_features, of_edges.len(), are_categories[1]);
        let parts = Parts {
            nodes: self.nodes.len(),
            edges: ends,
            node_features: node_features.map_err(&wrong)?,
            edge_features: edge_features.map_err(&wrong)?,
        };
        let policy = EdgePolicy {
            mirror: policy.mirror || !self.is_directed,
            ..policy
        };
        graph(path, parts, policy, |edge| format!("edge {edge}"))
    }

    fn value<'a>(&'a self, element: &'a Element, key: usize) -> Option<&'a str> {
        let own = element.data.iter().find(|(place, _)| *place == key);
        own.map(|(_, value)| value.as_str())
            .or(self.keys[key].default.as_deref())
    }
}

fn attribute(tag: &BytesStart<'_>, name: &str) -> Result<String, String> {
    let found = tag
        .try_get_attribute(name)
        .map_err(|error| error.to_string())?;
    let missing = || format!("<{}> without `{name}`", tag.name().as_ref());
    let value = found.ok_or_else(missing)?;
    let value = value.normalized_value(XmlVersion::Implicit1_0);
    value
        .map(|value| value.into_owned())
        .map_err(|error| error.to_string())
}

fn number(value: Option<&str>) -> Result<f32, String> {
    match value {
        None | Some("") => Ok(0.0),
        Some("true") => Ok(1.0),
        Some("false") => Ok(0.0),
        Some(text) => text.parse().map_err(|_| {
            format!("`{text}` is no number, although its attribute is declared as one")
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::features::Features;
    use crate::graph::targets::Targets;

    const TEXT: &str = r#"<?xml version="1.0"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
  <key id="d0" for="node" attr.name="club" attr.type="string"/>
  <key id="d1" for="node" attr.name="age" attr.type="int"><default>30</default></key>
  <key id="d2" for="edge" attr.name="weight" attr.type="double"/>
  <graph edgedefault="undirected">
    <node id="a"><data key="d0">Mr. Hi &amp; Co</data></node>
    <node id="b"><data key="d0">Officer</data><data key="d1">41</data></node>
    <node id="c"/>
    <edge source="a" target="b"><data key="d2">2.5</data></edge>
    <edge source="b" target="c"/>
  </graph>
</graphml>
"#;

    fn read(text: &str, label: &str) -> Result<GraphSplits, String> {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("club.graphml");
        std::fs::write(&path, text).unwrap();
        let shares = Shares {
            test: 0.4,
            valid: 0.0,
            seed: 0,
        };
        let options = Options {
            label,
            policy: EdgePolicy::PLAIN,
            shares,
        };
        splits(&path, options).map_err(|error| error.to_string())
    }

    #[test]
    fn nodes_edges_and_attributes_are_read() {
        let splits = read(TEXT, "club").unwrap();
        assert_eq!(splits.train.classes(), ["Mr. Hi & Co", "Officer"]);
        let sample = splits.train.get(0).unwrap();
        let graph = &sample.graph;
        assert_eq!((graph.nodes(), graph.src()), (3, &[1, 0, 2, 1][..]));
        let ages = Features::Floats {
            values: vec![30.0, 41.0, 30.0],
            width: 1,
        };
        assert_eq!(graph.node_features(), &ages);
        let weights = Features::Floats {
            values: vec![2.5, 2.5, 0.0, 0.0],
            width: 1,
        };
        assert_eq!(graph.edge_features(), Some(&weights));
        assert!(matches!(&sample.targets, Targets::Nodes(labels) if labels[2] == -1));
    }

    #[test]
    fn mistakes_are_named() {
        let error = read(TEXT, "team").unwrap_err();
        assert!(
            error.contains("no attribute `team`, which is to be their class; they have: club, age"),
            "{error}"
        );
        let error = read(&TEXT.replace("target=\"c\"", "target=\"d\""), "club").unwrap_err();
        assert!(
            error.contains("line 11: edge from `b` to `d`: node `d` is not there"),
            "{error}"
        );
        let error = read(&TEXT.replace("id=\"c\"", "id=\"a\""), "club").unwrap_err();
        assert!(error.contains("line 9: node `a` is there twice"), "{error}");
        let error = read(&TEXT.replace("</graph>", "</grap>"), "club").unwrap_err();
        assert!(error.contains("line 12: "), "{error}");
    }
}

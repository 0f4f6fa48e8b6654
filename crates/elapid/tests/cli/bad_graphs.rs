//! Graphs that are damaged or odd, in every format: each is refused with its file and place, or trained on.

use std::fs;
use std::path::Path;

use tempfile::{TempDir, tempdir};

use crate::support::{elapid, fail, metrics};

const NODES: &str = "node,label,split\na,0,train\nb,1,train\nc,0,valid\nd,1,test\n";
const EDGES: &str = "src,dst\na,b\nb,c\nc,d\n";

fn written(files: &[(&str, &str)]) -> TempDir {
    let folder = tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

/// Trains a few steps on the files; exit code, what was said, and whether a run directory was made.
fn trained(files: &[(&str, &str)], data: &str, kind: &str) -> (Option<i32>, String, bool) {
    let (set, folder) = (written(files), tempdir().unwrap());
    let config = folder.path().join("plan.toml");
    let data = data.replace("ROOT", set.path().to_str().unwrap());
    let text = format!(
        "[data]\n{data}\nworkers = 1\n\
         [model]\nbackbone = \"graph_mamba\"\nembed_dim = 8\ndepth = 1\n\
         [task]\nkind = \"{kind}\"\n\
         [train]\nsteps = 2\nbatch_size = 2\n[eval]\nevery = 2\n"
    );
    fs::write(&config, text).unwrap();
    let run = folder.path().join("run");
    let mut command = elapid(["train", "--device", "cpu"]);
    let (code, said) = fail(command.arg(config).arg("--out").arg(&run));
    for trace in ["panicked", "stack backtrace", "defect in elapid"] {
        assert!(!said.contains(trace), "{said}");
    }
    if code == Some(0) {
        // Of a part with nodes of one class no area is known.
        let lines = metrics(&run);
        let mut others = lines.iter().filter(|line| line["name"] != "auc");
        assert!(others.all(|line| line["value"].is_number()));
    }
    (code, said, Path::exists(&run))
}

fn refused(files: &[(&str, &str)], data: &str, kind: &str, words: &[&str]) {
    let (code, said, is_made) = trained(files, data, kind);
    assert_eq!((code, is_made), (Some(2), false), "{said}");
    assert!(said.starts_with("error: "), "{said}");
    for word in words {
        assert!(said.contains(word), "`{word}` is missing in: {said}");
    }
}

fn accepted(files: &[(&str, &str)], data: &str, kind: &str) {
    let (code, said, _) = trained(files, data, kind);
    assert_eq!(code, Some(0), "{said}");
}

const CSV: &str = "name = \"graph_csv\"\npath = \"ROOT\"\nnodes = \"nodes.csv\"";

#[test]
fn tables() {
    let with = |edges: &str, nodes: &str, words: &[&str]| {
        let files = [("edges.csv", edges), ("nodes.csv", nodes)];
        refused(&files, CSV, "classify_nodes", words);
    };
    with(
        "src,dst\na,b\nb,z\n",
        NODES,
        &["edges.csv", "line 3", "node `z`", "nodes.csv"],
    );
    with(
        "a,b\nb,c\n",
        NODES,
        &["edges.csv", "no columns `src` and `dst`"],
    );
    with("src,dst\na,b,c\n", NODES, &["edges.csv", "line 2"]);
    with(
        "src,dst,w\na,b,heavy\n",
        NODES,
        &["line 2", "`heavy` is no number"],
    );
    with(
        "src,dst,w\na,b,nan\n",
        NODES,
        &["line 2", "`nan` is no number"],
    );
    let both = NODES.replace("d,1,test", "a,1,test");
    with(EDGES, &both, &["line 5", "node `a` is there twice"]);
    let unknown = NODES.replace("c,0,valid", "c,0,dev");
    with(
        EDGES,
        &unknown,
        &["line 4", "split `dev`, expected `train`, `valid`"],
    );
    let untested = NODES.replace("d,1,test", "d,1,train");
    with(EDGES, &untested, &["test"]);
    let one_class = NODES.replace(",1,", ",0,");
    with(EDGES, &one_class, &["two classes"]);
    let unlabelled = NODES.replace("a,0", "a,").replace("b,1", "b,");
    with(EDGES, &unlabelled, &["train"]);
    let header = NODES.lines().next().unwrap();
    with("src,dst\n", header, &["no graph in it"]);
}

#[test]
fn tables_that_are_odd_but_legal() {
    let isolated = [("edges.csv", "src,dst\n"), ("nodes.csv", NODES)];
    accepted(&isolated, CSV, "classify_nodes");
    let special = "src,dst\na,a\na,b\nb,a\na,b\nc,c\n";
    accepted(
        &[("edges.csv", special), ("nodes.csv", NODES)],
        CSV,
        "classify_nodes",
    );
}

#[test]
fn tables_of_several_graphs() {
    let set =
        "name = \"graph_csv\"\npath = \"ROOT\"\nnodes = \"nodes.csv\"\ngraphs = \"graphs.csv\"";
    let graphs = "graph,label,split\n1,x,train\n2,y,train\n3,x,valid\n4,y,test\n";
    let nodes = "graph,node\n1,a\n1,b\n2,a\n3,a\n4,a\n4,b\n";
    let edges = "graph,src,dst\n1,a,b\n4,a,b\n";
    let with = |edges: &str, nodes: &str, graphs: &str| {
        [
            ("edges.csv", edges.to_owned()),
            ("nodes.csv", nodes.to_owned()),
            ("graphs.csv", graphs.to_owned()),
        ]
    };
    let kind = "classify_graphs";
    let said = |files: [(&str, String); 3], words: &[&str]| {
        let files = files.each_ref().map(|(name, text)| (*name, text.as_str()));
        refused(&files, set, kind, words);
    };
    // Graphs without an edge are graphs.
    let good = with(edges, nodes, graphs);
    accepted(
        &good.each_ref().map(|(name, text)| (*name, text.as_str())),
        set,
        kind,
    );
    let more = graphs.replace("4,y,test", "4,y,test\n5,x,test");
    said(with(edges, nodes, &more), &["graph `5` has no nodes"]);
    let twice = graphs.replace("4,y,test", "1,y,test");
    said(
        with(edges, nodes, &twice),
        &["graphs.csv", "line 5", "`1` is there twice"],
    );
    let lost = edges.replace("4,a,b", "9,a,b");
    said(
        with(&lost, nodes, graphs),
        &["edges.csv", "line 3", "graph `9` is not in"],
    );
    let across = edges.replace("1,a,b", "2,a,b");
    said(
        with(&across, nodes, graphs),
        &["edges.csv", "line 2", "node `b`"],
    );
}

#[test]
fn graphml() {
    let set = "name = \"graphml\"\npath = \"ROOT/own.graphml\"";
    let file = |nodes: &str, edges: &str| {
        format!(
            "<graphml><key id=\"l\" for=\"node\" attr.name=\"label\" attr.type=\"string\"/>\
             <graph edgedefault=\"undirected\">{nodes}{edges}</graph></graphml>"
        )
    };
    let node = |id: usize| {
        format!(
            "<node id=\"{id}\"><data key=\"l\">{}</data></node>\n",
            id % 2
        )
    };
    let nodes: String = (0..20).map(node).collect();
    let edge = |from: usize, to: usize| format!("<edge source=\"{from}\" target=\"{to}\"/>\n");
    let kind = "classify_nodes";
    let said = |text: &str, words: &[&str]| refused(&[("own.graphml", text)], set, kind, words);
    let special = [edge(0, 0), edge(1, 2), edge(1, 2), edge(2, 1)].concat();
    accepted(&[("own.graphml", &file(&nodes, &special))], set, kind);
    accepted(&[("own.graphml", &file(&nodes, ""))], set, kind);
    said(
        &file(&nodes, &edge(3, 99)),
        &["own.graphml", "line 21", "99"],
    );
    let twice = [nodes.as_str(), &node(3)].concat();
    said(&file(&twice, ""), &["own.graphml", "line 21", "3"]);
    said(&file("", ""), &["own.graphml"]);
    said("", &["own.graphml"]);
    said("<graphml><graph>", &["own.graphml"]);
    said("no xml at all", &["own.graphml"]);
}

/// Files of TUDataset with two graphs of two nodes.
fn tu<'a>(changed: &'a str, text: &'a str) -> Vec<(&'static str, &'a str)> {
    let files = [
        ("raw/OWN_A.txt", "1, 2\n2, 1\n3, 4\n4, 3\n5, 6\n7, 8\n"),
        ("raw/OWN_graph_indicator.txt", "1\n1\n2\n2\n3\n3\n4\n4\n"),
        ("raw/OWN_graph_labels.txt", "1\n-1\n1\n-1\n"),
    ];
    let of = |(name, own): (&'static str, &'static str)| {
        (name, if name.ends_with(changed) { text } else { own })
    };
    files.into_iter().map(of).collect()
}

#[test]
fn texts_of_tu() {
    let set = "name = \"tu\"\npath = \"ROOT/raw\"\nvalid_fraction = 0.25\ntest_fraction = 0.25";
    let kind = "classify_graphs";
    let said = |changed: &str, text: &str, words: &[&str]| {
        refused(&tu(changed, text), set, kind, words);
    };
    accepted(&tu("_A.txt", "1, 1\n1, 2\n1, 2\n"), set, kind);
    accepted(&tu("nothing", ""), set, kind);
    said(
        "_A.txt",
        "1, 2\n3, 9\n",
        &["OWN_A.txt", "line 2", "expected 1 to 8"],
    );
    said(
        "_A.txt",
        "0, 2\n",
        &["OWN_A.txt", "line 1", "expected 1 to 8"],
    );
    said(
        "_A.txt",
        "1, 2\n2, 3\n",
        &["line 2", "between graphs 1 and 2"],
    );
    said("_A.txt", "1, two\n", &["OWN_A.txt", "line 1"]);
    said("_A.txt", "1, 2, 3\n", &["line 1", "more than two numbers"]);
    for (name, text, words) in [
        (
            "raw/OWN_node_attributes.txt",
            "1\n2\nnan\n4\n5\n6\n7\n8\n",
            "line 3: NaN",
        ),
        (
            "raw/OWN_node_attributes.txt",
            "1\n2\n",
            "2 lines, expected 8",
        ),
        (
            "raw/OWN_node_labels.txt",
            "9223372036854775807\n-9223372036854775807\n0\n0\n0\n0\n0\n0\n",
            "too many",
        ),
    ] {
        let mut files = tu("nothing", "");
        files.push((name, text));
        refused(&files, set, kind, &[words]);
    }
    said(
        "indicator.txt",
        "1\n1\n3\n3\n3\n3\n4\n4\n",
        &["OWN_graph_indicator.txt", "graph 2"],
    );
    said("indicator.txt", "2\n1\n", &["do not follow one another"]);
    said("indicator.txt", "", &["OWN_graph_indicator.txt"]);
    said("labels.txt", "1\n-1\n", &["OWN_graph_labels.txt"]);
    said(
        "labels.txt",
        "1\none\n1\n1\n",
        &["OWN_graph_labels.txt", "line 2"],
    );
}

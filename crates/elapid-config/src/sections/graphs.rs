//! `[data]` of graphs: the sets, and how they are batched.

use crate::options::{choice, options};
use crate::range::{FRACTION, above, at_least, within};

options! {
    /// How graphs are batched. What is known of their shape, such as eigenvectors and orders, follows from the model.
    pub struct GraphSpec {
        /// What a sample is. A batch of `train.batch_size` of them is one graph without edges between samples.
        batching: Batching = "graphs";
        /// Neighbours that are taken of a node and of each of those with `batching = "nodes"`. In training they are drawn
        /// afresh, in evaluation they are always the same.
        neighbours: [usize; 2] = [10, 5], at_least(1.0);
        /// Whether batches are padded, so that nearly all have one size, which a GPU needs to record a step and replay it.
        padding: GraphPadding = "fitted";
        /// Number of nodes that batches are padded to a multiple of; left out, a size that nearly all batches fit in.
        pad_nodes: Option<usize> = unset, at_least(1.0);
        /// The same of edges.
        pad_edges: Option<usize> = unset, at_least(1.0);
        /// How many categories each column of a node has, where features are categories; left out, one more than the largest
        /// that occurs. OGB's atoms have [119, 5, 12, 12, 10, 6, 6, 2, 2].
        node_sizes: Option<Vec<f64>> = unset, above(0.0);
        /// The same of an edge; OGB's bonds have [5, 6, 2].
        edge_sizes: Option<Vec<f64>> = unset, above(0.0);
        /// Share of the links of a graph that are held out for the test with `kind = "predict_links"`, where no table says which.
        test_links: f64 = 0.1, FRACTION;
        /// The same for validation; 0 for none.
        valid_links: f64 = 0.1, FRACTION;
    }
}

choice! {
    /// What a sample is.
    pub enum Batching {
        /// A graph.
        Graphs = "graphs",
        /// A node of a single large graph, with neighbours that are drawn around it. Cost does not depend on the graph's size.
        Nodes = "nodes",
    }
}

choice! {
    /// Whether batches are padded.
    pub enum GraphPadding {
        /// They are as large as they are.
        None = "none",
        /// With a graph of isolated nodes, which counts nowhere. The rare batch that is larger has twice the size.
        Fitted = "fitted",
    }
}

options! {
    /// PATTERN: which nodes belong to a pattern hidden among communities, drawn by the published procedure.
    pub struct Pattern {
        /// Training graphs.
        train: usize = 10000, at_least(1.0);
        /// Graphs for validation; 0 for none.
        valid: usize = 2000, at_least(0.0);
        /// Test graphs.
        test: usize = 2000, at_least(1.0);
        /// Which graphs are drawn. It is not `run.seed`, so that runs with different seeds see the same graphs.
        draw_seed: u64 = 0;
    }
}

options! {
    /// CLUSTER: to which of six communities a node belongs, drawn by the published procedure.
    pub struct Cluster {
        /// Training graphs.
        train: usize = 10000, at_least(1.0);
        /// Graphs for validation; 0 for none.
        valid: usize = 1000, at_least(0.0);
        /// Test graphs.
        test: usize = 1000, at_least(1.0);
        /// Which graphs are drawn. It is not `run.seed`, so that runs with different seeds see the same graphs.
        draw_seed: u64 = 0;
    }
}

options! {
    /// Trees whose root asks for the value of a leaf.
    pub struct TreeNeighborsMatch {
        /// Depth of the trees, which have 2^depth leaves.
        depth: usize = 3, within(2.0, 10.0);
        /// The validation split is that of training: the published number is the accuracy on the training trees.
        validate_on_training: bool = true;
        /// Which trees are drawn.
        draw_seed: u64 = 11;
    }
}

options! {
    /// Rings whose node 0 asks for the class of the opposite node.
    pub struct RingTransfer {
        /// Nodes of a ring.
        nodes: usize = 10, within(3.0, 100000.0);
        /// Training graphs.
        train: usize = 5000, at_least(1.0);
        /// Graphs for validation; 0 for none.
        valid: usize = 500, at_least(0.0);
        /// Test graphs.
        test: usize = 500, at_least(1.0);
    }
}

options! {
    /// A board of fields, a fifth of which are mines.
    pub struct Minesweeper {
        /// Fields along a side of the board.
        side: usize = 100, within(4.0, 1000.0);
        /// Which of ten splits of the fields.
        split: usize = 0, within(0.0, 9.0);
        /// Which board is drawn.
        draw_seed: u64 = 0;
    }
}

options! {
    /// Zachary's karate club has no options of its own.
    pub struct Karate {}
}

options! {
    /// One graph of communities, of any size.
    pub struct Communities {
        /// Number of nodes.
        nodes: usize = 10000, within(10.0, 1e8);
        /// Edges that are drawn, each of which is there both ways.
        edges: usize = 100000, within(0.0, 5e8);
        /// Communities, which are the classes.
        communities: usize = 10, within(1.0, 10000.0);
        /// Probability that an edge stays in its community.
        homophily: f64 = 0.5, within(0.0, 1.0);
        /// Numbers of a node.
        features: usize = 16, within(1.0, 10000.0);
        /// Which graph is drawn.
        draw_seed: u64 = 0;
    }
}

options! {
    /// Graphs of one's own in CSV tables.
    pub struct GraphCsv {
        /// Folder that the tables are in.
        path: String = required;
        /// Table of the edges, with the columns `src` and `dst`, and `graph` where there are several.
        edges: String = "edges.csv";
        /// Table of the nodes, with the column `node`, and `graph`, `label` and `split` where these are known; left out, nodes
        /// are those that edges name.
        nodes: Option<String> = unset;
        /// Table of the graphs, with the column `graph`, and `split`, and `label` or values; left out, there is one graph, or
        /// `nodes` says all.
        graphs: Option<String> = unset;
        /// Table of pairs of nodes that `classify_edges` and `predict_links` ask for and that are no edges, with the columns `src` and
        /// `dst`, and `graph`, `label` and `split` where these are known; left out, edges are asked for, and their table has these columns.
        pairs: Option<String> = unset;
        /// Edges lead one way; otherwise each is taken both ways.
        directed: bool = false;
        /// Edges from a node to itself.
        self_loops: SpecialEdges = "keep";
        /// Edges that are there more than once; dropping keeps the first.
        multi_edges: SpecialEdges = "drop";
        /// Features of nodes are categories.
        node_categories: bool = false;
        /// Features of edges are categories.
        edge_categories: bool = false;
        /// Share of the graphs, or of the labelled nodes of a single graph, held out for the test when no `split` says so.
        test_fraction: f64 = 0.2, FRACTION;
    }
}

options! {
    /// A graph of one's own in GraphML.
    pub struct GraphMl {
        /// The file.
        path: String = required;
        /// Attribute of the nodes that is their class.
        label: String = "label";
        /// Edges from a node to itself.
        self_loops: SpecialEdges = "keep";
        /// Edges that are there more than once; dropping keeps the first.
        multi_edges: SpecialEdges = "drop";
        /// Share of the nodes held out for the test when no attribute `split` says so.
        test_fraction: f64 = 0.2, FRACTION;
    }
}

options! {
    /// A folder of TUDataset.
    pub struct Tu {
        /// Folder that the files are in.
        path: String = required;
        /// Share of the graphs held out for the test.
        test_fraction: f64 = 0.2, FRACTION;
    }
}

options! {
    /// A set of the Open Graph Benchmark.
    pub struct Ogb {
        /// Folder that holds `raw` and `split`.
        path: String = required;
        /// Which split: name of the folder below `split`, `time` of ogbn-arxiv, `scaffold` of molecules.
        split: String = required;
        /// Edges lead one way; otherwise each is taken both ways.
        directed: bool = false;
        /// Features are categories, as those of atoms and bonds.
        categories: bool = false;
    }
}

options! {
    /// An archive of the heterophilous graphs.
    pub struct Heterophilous {
        /// The `.npz` file.
        path: String = required;
        /// Which of its ten splits.
        split: usize = 0, within(0.0, 9.0);
    }
}

choice! {
    /// What happens to an edge that is special.
    pub enum SpecialEdges {
        /// It is an edge as others.
        Keep = "keep",
        /// It is left out.
        Drop = "drop",
        /// It is an error, which names its row.
        Error = "error",
    }
}

"""Writes a data set of PyTorch Geometric as the tables that elapid reads as `graph_csv`.

    pip install torch torch_geometric
    python from_pyg.py lrgb:PascalVOC-SP downloads data/voc      # also Peptides-func, Peptides-struct
    python from_pyg.py lrgb:PCQM-Contact downloads data/pcqm     # contacts as a table of pairs
    python from_pyg.py gnn:CIFAR10 downloads data/cifar10_graphs # also MNIST, PATTERN, CLUSTER
    python from_pyg.py malnet downloads data/malnet_tiny
    python from_pyg.py tu:MUTAG downloads data/mutag             # without splits

In the config: `name = "graph_csv"`, `path` the folder, `nodes = "nodes.csv"`, `graphs = "graphs.csv"`, `directed = true`, and
for the molecules `node_categories = true` and `edge_categories = true`; for PCQM-Contact `pairs = "pairs.csv"`. COCO-SP and PCQM-Contact
become tables of several GiB.
"""

import csv
import sys
from contextlib import nullcontext
from pathlib import Path


def parts(source, root):
    """Lists of graphs by split; one list without a name where there are no splits."""
    from torch_geometric import datasets

    kind, _, name = source.partition(":")
    three = {"train": "train", "val": "valid", "test": "test"}
    if kind == "lrgb":
        return {ours: datasets.LRGBDataset(root, name, split=theirs) for theirs, ours in three.items()}
    if kind == "gnn":
        return {ours: datasets.GNNBenchmarkDataset(root, name, split=theirs) for theirs, ours in three.items()}
    if kind == "malnet":
        return {ours: datasets.MalNetTiny(root, split=theirs) for theirs, ours in three.items()}
    if kind == "tu":
        return {"": datasets.TUDataset(root, name, use_node_attr=True, use_edge_attr=True)}
    sys.exit(f"unknown source `{source}`, expected lrgb:NAME, gnn:NAME, malnet or tu:NAME")


def rows(values):
    """A tensor of one row a node or edge as lists; whole numbers stay whole."""
    if values is None:
        return None
    return values.view(values.shape[0], -1).tolist()


def node_rows(graph):
    """Features, and behind them the place of a superpixel where a data set keeps it apart."""
    features = rows(graph.x)
    if graph.get("pos") is not None and features is not None:
        features = [own + place for own, place in zip(features, rows(graph.pos))]
    return features


def write(sets, out):
    """The tables of `sets`, which are lists of graphs by split."""
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    first = next(iter(sets.values()))[0]
    asks_pairs = first.get("edge_label_index") is not None
    of_nodes = first.y is not None and first.y.dim() == 1 and first.y.shape[0] == first.num_nodes and first.num_nodes > 1
    values = 0 if of_nodes or first.y is None else first.y.numel()
    is_class = values == 1 and not first.y.is_floating_point()
    widths = [len(table[0]) if table else 0 for table in (node_rows(first), rows(first.edge_attr))]
    names = [[f"x{at}" for at in range(width)] for width in widths]
    with (
        open(out / "nodes.csv", "w", newline="") as nodes,
        open(out / "edges.csv", "w", newline="") as edges,
        open(out / "graphs.csv", "w", newline="") as graphs,
        open(out / "pairs.csv", "w", newline="") if asks_pairs else nullcontext() as pairs,
    ):
        nodes, edges, graphs = csv.writer(nodes), csv.writer(edges), csv.writer(graphs)
        if asks_pairs:
            pairs = csv.writer(pairs)
            pairs.writerow(["graph", "src", "dst"])
        nodes.writerow(["graph", "node", *(["label"] if of_nodes else []), *names[0]])
        edges.writerow(["graph", "src", "dst", *names[1]])
        told = ["label"] if is_class else [f"y{at}" for at in range(values)]
        graphs.writerow(["graph", *(["split"] if "" not in sets else []), *told])
        number = 0
        for split, part in sets.items():
            for graph in part:
                own = graph.y.view(-1).tolist() if values else []
                own = ["" if value != value else value for value in own]
                graphs.writerow([number, *([split] if split else []), *own])
                labels = graph.y.tolist() if of_nodes else None
                features = node_rows(graph)
                for node in range(graph.num_nodes):
                    label = [labels[node]] if of_nodes else []
                    nodes.writerow([number, node, *label, *(features[node] if features else [])])
                features = rows(graph.edge_attr)
                for edge, (src, dst) in enumerate(graph.edge_index.T.tolist()):
                    edges.writerow([number, src, dst, *(features[edge] if features else [])])
                if asks_pairs:
                    contacts = graph.edge_label_index[:, graph.edge_label == 1]
                    pairs.writerows([number, src, dst] for src, dst in contacts.T.tolist())
                number += 1
    print(f"{out}: {number} graphs")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    write(parts(sys.argv[1], sys.argv[2]), sys.argv[3])

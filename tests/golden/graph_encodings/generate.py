"""Records encodings of small graphs by PyTorch Geometric and NumPy.

    pip install torch torch_geometric numpy
    python generate.py            # writes graphs.json beside this file
"""

import json
from pathlib import Path

import numpy as np
import torch
from torch_geometric.data import Data
from torch_geometric.transforms import AddRandomWalkPE, LocalDegreeProfile
from torch_geometric.utils import get_laplacian, to_dense_adj, to_undirected

HERE = Path(__file__).parent
STEPS = 20
EIGENVECTORS = 8


def undirected(nodes, share, seed):
    rng = np.random.default_rng(seed)
    pairs = [(a, b) for a in range(nodes) for b in range(a + 1, nodes) if rng.random() < share]
    return nodes, to_undirected(torch.tensor(pairs).T, num_nodes=nodes)


def path(nodes):
    return nodes, to_undirected(torch.tensor([(a, a + 1) for a in range(nodes - 1)]).T, num_nodes=nodes)


def directed(nodes, count, seed):
    rng = np.random.default_rng(seed)
    pairs = {(int(a), int(b)) for a, b in rng.integers(0, nodes, (count, 2)) if a != b}
    return nodes, torch.tensor(sorted(pairs)).T


def apart():
    """Two triangles, a pair, and two nodes alone."""
    edges = [(0, 1), (1, 2), (0, 2), (3, 4), (4, 5), (3, 5), (6, 7)]
    return 10, to_undirected(torch.tensor(edges).T, num_nodes=10)


GRAPHS = {
    "random": undirected(30, 0.2, 1),
    "sparse": undirected(40, 0.06, 2),
    "dense": undirected(25, 0.7, 3),
    "path": path(50),
    "small": undirected(5, 0.8, 4),
    "apart": apart(),
    "directed": directed(20, 60, 5),
}


def laplacian(nodes, edge_index):
    """The recipe of graphgps/transform/posenc_stats.py: D - A of the undirected graph, smallest eigenvalues first."""
    both = to_undirected(edge_index, num_nodes=nodes)
    index, weight = get_laplacian(both, normalization=None, num_nodes=nodes)
    dense = to_dense_adj(index, edge_attr=weight, max_num_nodes=nodes)[0].double().numpy()
    values, vectors = np.linalg.eigh(dense)
    count = min(EIGENVECTORS, nodes)
    # As many vectors as end between two different eigenvalues: their common projector is unique.
    whole = max(k for k in range(1, count + 1) if k == nodes or values[k] - values[k - 1] > 1e-6)
    return {
        "eigenvalues": np.maximum(values[:count], 0).round(9).tolist(),
        "whole": whole,
        "projector": (vectors[:, :whole] @ vectors[:, :whole].T).round(9).flatten().tolist(),
    }


cases = []
for name, (nodes, edge_index) in GRAPHS.items():
    case = {"name": name, "nodes": nodes, "edges": edge_index.T.tolist()}
    data = Data(edge_index=edge_index, num_nodes=nodes)
    walk = AddRandomWalkPE(STEPS, attr_name="walk")(data.clone()).walk
    case["walk"] = walk.double().numpy().round(7).flatten().tolist()
    profile = LocalDegreeProfile()(data.clone()).x
    case["profile"] = profile.double().numpy().round(6).flatten().tolist()
    cases.append(case | laplacian(nodes, edge_index))

(HERE / "graphs.json").write_text(json.dumps(cases, separators=(",", ":")))

"""NeuralWalker with random weights by the official code, in training and in evaluation, over given walks.

    python generate.py --neural-walker PATH --mamba PATH    # checkouts of BorgwardtLab/NeuralWalker and state-spaces/mamba

Needs torch, torch_geometric, numpy, einops and safetensors. The mixer takes its unfused path with `selective_scan_ref`, both
official and both plain PyTorch. Tensors are saved under our names; maps of features have no bias officially, and get one of zeros.
"""

import argparse
import importlib
import re
import sys
from pathlib import Path

import torch
from torch_geometric.data import Batch
from torch_geometric.utils import scatter

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from support import fill, graphs, official_mamba, record
from support.modules import module

SEED = 5
SIZES, WIDTH, FEATURES, EDGE_FEATURES, CLASSES = [6, 1, 9], 8, 3, 2, 4
LENGTH, WINDOW = 5, 3


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--neural-walker", type=Path, required=True)
    arguments.add_argument("--mamba", type=Path, required=True)
    paths = arguments.parse_args()
    network = official_model(paths)(
        in_node_dim=FEATURES, num_class=CLASSES, hidden_size=WIDTH, num_layers=2, walk_encoder="mamba",
        in_edge_dim=EDGE_FEATURES, node_embed=False, edge_embed=False, walk_length=LENGTH,
        window_size=WINDOW, local_mp_type="gin", global_mp_type="vn", head="mlp",
    )
    fill.fill(network, SEED)
    graphs.statistics(network, SEED)
    ends = graphs.edges(SEED, SIZES, 3)
    nodes, count = sum(SIZES), ends.shape[1]
    visited, travelled = walks(ends, nodes)
    inputs = {
        "x": fill.normal(SEED, "x", (nodes, FEATURES)),
        "e": fill.normal(SEED, "e", (count, EDGE_FEATURES)),
        "relations": (fill.normal(SEED, "relations", (*visited.shape, 2 * WINDOW - 1)) > 0).float(),
        "weight": fill.normal(SEED, "weight", (nodes, CLASSES)),
    }
    of_node = torch.repeat_interleave(torch.arange(len(SIZES)), torch.tensor(SIZES))
    structure = {"edges": ends, "graphs": of_node, "walk_nodes": visited, "walk_edges": travelled}
    record.save(HERE / "input.safetensors", inputs | structure)
    record.save(HERE / "weights.safetensors", ours(graphs.state(network)))

    def run():
        pads = visited < 0, travelled < 0
        batch = Batch(
            batch=of_node, x=inputs["x"], edge_attr=inputs["e"], edge_index=ends,
            walk_node_idx=visited, walk_edge_idx=travelled, walk_node_mask=pads[0], walk_edge_mask=pads[1],
            walk_node_id_encoding=inputs["relations"][..., :WINDOW],
            walk_node_adj_encoding=inputs["relations"][..., WINDOW:],
        )
        return network(batch)

    network.eval()
    with torch.no_grad():
        in_evaluation = run()
    network.train()
    scores = run()
    (scores * inputs["weight"]).sum().backward()
    gradients = {name: p.grad for name, p in network.named_parameters() if p.grad is not None}
    after = {name: value for name, value in graphs.state(network).items() if "running" in name}
    expected = {"eval_scores": in_evaluation, "scores": scores}
    record.save(HERE / "expected.safetensors", expected | ours(after))
    record.save(HERE / "gradients.safetensors", ours(gradients, biases=False))
    head = record.provenance(paths.neural_walker, "einops", "torch_geometric")
    head = head.replace("revision", "revision_neural_walker", 1)
    mamba = record.provenance(paths.mamba).splitlines()[0].replace("revision", "revision_mamba", 1)
    text = f"""what = "NeuralWalker with random weights over given walks: scores of nodes, all gradients, running statistics"
source = "BorgwardtLab/NeuralWalker: neuralwalker/models/neuralwalker.py; state-spaces/mamba: mamba_ssm/modules/mamba_simple.py"
command = "python generate.py --neural-walker PATH --mamba PATH"
{mamba}
{head}
[tolerance]
absolute = 1e-4
"""
    (HERE / "case.toml").write_text(text)


def official_model(paths):
    """`neuralwalker.py` with the official mixer, without what its packages import besides."""
    mamba = official_mamba.mixer(paths.mamba)
    sys.modules["mamba_ssm"].Mamba = mamba

    def by(reduce):
        def scattered(values, index, dim=0, dim_size=None):
            return scatter(values, index, dim, dim_size, reduce)

        return scattered

    module("torch_scatter", scatter_mean=by("mean"), scatter_sum=by("sum"), scatter=scatter)
    for name in ("ogb", "ogb.graphproppred"):
        module(name)
    module("ogb.graphproppred.mol_encoder", AtomEncoder=None, BondEncoder=None)
    root = paths.neural_walker / "neuralwalker"
    module("neuralwalker", __path__=[str(root)])
    for package in ("models", "modules"):
        module(f"neuralwalker.{package}", __path__=[str(root / package)])
    return importlib.import_module("neuralwalker.models.neuralwalker").NeuralWalker


def walks(ends, nodes):
    """Walks from every other node along any edges, some of which end early: nodes, and the edges that led to them."""
    random = fill.generator(SEED, "walks")
    visited = torch.full((nodes // 2, LENGTH), -1)
    travelled = torch.full((nodes // 2, LENGTH), -1)
    for walk in range(nodes // 2):
        at = 2 * walk
        visited[walk, 0] = at
        for place in range(1, LENGTH - walk % 2):
            out = (ends[0] == at).nonzero().flatten()
            if len(out) == 0:
                break
            edge = out[random.integers(len(out))]
            at = ends[1, edge]
            visited[walk, place], travelled[walk, place] = at, edge
    return visited, travelled


def ours(tensors, biases=True):
    """Official names as ours."""
    pair = {"0": "linear1", "1": "bn_mid", "4": "linear2"}
    renamed = {}
    for name, tensor in tensors.items():
        name = name.replace("blocks.", "layers.").replace("mp_layer.", "")
        name = re.sub(r"(out_node_proj|out_edge_proj|node_out)\.(\d)", lambda m: f"{m[1]}.{pair[m[2]]}", name)
        name = re.sub(r"global_mp\.mlp\.(\d)", lambda m: f"global_mp.{pair[m[1]]}", name)
        name = re.sub(r"local_mp\.model\.nn\.(\d)", lambda m: f"local_mp.nn.{ {'0': '0', '1': 'bn_mid', '4': '2'}[m[1]]}", name)
        name = name.replace("local_mp.model.", "local_mp.")
        name = name.replace("out_head.classifier.0", "head.linears.0").replace("out_head.classifier.3", "head.linears.1")
        name = re.sub(r"feature_encoder\.(node|edge)_embed", r"encoder.\1_encoder", name)
        renamed[name] = tensor.reshape(1) if name.endswith(".eps") else tensor
    if biases:
        for kind in ("node", "edge"):
            if f"encoder.{kind}_encoder.weight" in renamed:
                renamed[f"encoder.{kind}_encoder.bias"] = torch.zeros(WIDTH)
    return renamed


if __name__ == "__main__":
    main()

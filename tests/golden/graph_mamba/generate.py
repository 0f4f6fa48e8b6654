"""One layer of Graph-Mamba by the official code, and a network of three, in training and in evaluation, with the orders that they drew.

    python generate.py --graph-mamba PATH --mamba PATH    # checkouts of bowang-lab/Graph-Mamba and state-spaces/mamba

Needs torch, torch_geometric, numpy, einops and safetensors. The mixer takes its unfused path with `selective_scan_ref`, both
official and both plain PyTorch. What is around the layers of the network is written out in `support/graph_network.py`.
"""

import argparse
import sys
from pathlib import Path

import torch
from torch_geometric.data import Batch

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from support import fill, graphs, official_mamba, record
from support.graph_network import Network, loss_of

SEED = 4
SIZES, WIDTH = [1, 8, 5], 16
# Of the network.
DEPTH, FEATURES, EIGENVECTORS, OF_POSITIONS, CLASSES = 3, 3, 3, 4, 4
# Where our names of its parts differ.
NAMES = {
    "of_features": "encoder.node_encoder",
    "of_positions.0": "encoder.eigen.linear_a",
    "of_positions.1": "encoder.eigen.linear_b",
    "of_edges": "encoder.edge_encoder",
    "head": "head.linears",
}
# Layers of `gps_layer.py` by folder.
KINDS = {
    "noise": ("CustomGatedGCN", "Mamba_Hybrid_Degree_Noise"),
    "stored_gine": ("GINE", "Mamba"),
    "local": ("CustomGatedGCN", "None"),
}


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--graph-mamba", type=Path, required=True)
    arguments.add_argument("--mamba", type=Path, required=True)
    paths = arguments.parse_args()
    layers = graphs.official_layers(paths.graph_mamba, official_mamba.mixer(paths.mamba))
    ends = graphs.edges(SEED, SIZES, 3)
    nodes, count = sum(SIZES), ends.shape[1]
    inputs = {
        "x": fill.normal(SEED, "x", (nodes, WIDTH)),
        "e": fill.normal(SEED, "e", (count, WIDTH)),
        "weight_x": fill.normal(SEED, "weight_x", (nodes, WIDTH)),
        "weight_e": fill.normal(SEED, "weight_e", (count, WIDTH)),
    }
    of_node = torch.repeat_interleave(torch.arange(len(SIZES)), torch.tensor(SIZES))
    record.save(HERE / "input.safetensors", inputs | {"edges": ends, "graphs": of_node})
    for folder, kinds in KINDS.items():
        write(HERE / folder, layers, kinds, ends, of_node, inputs)
    write_network(HERE / "network", layers, ends, of_node)
    head = record.provenance(paths.graph_mamba, "einops", "torch_geometric")
    head = head.replace("revision", "revision_graph_mamba", 1)
    mamba = record.provenance(paths.mamba).splitlines()[0].replace("revision", "revision_mamba", 1)
    text = f"""what = "one layer of Graph-Mamba and of its baselines, and a network: outputs, all gradients, running statistics; in evaluation the mean of five orders"
source = "bowang-lab/Graph-Mamba: graphgps/layer/gps_layer.py; state-spaces/mamba: mamba_ssm/modules/mamba_simple.py"
command = "python generate.py --graph-mamba PATH --mamba PATH"
{mamba}
{head}
[tolerance]
absolute = 1e-4
"""
    (HERE / "case.toml").write_text(text)


def note_orders(layers):
    """A list that every order is noted in, and the function that draws them."""
    orders, lexsort = [], layers.lexsort

    def noted(keys):
        orders.append(lexsort(keys))
        return orders[-1]

    layers.lexsort = noted
    return orders, lexsort


def write(folder, layers, kinds, ends, of_node, inputs):
    folder.mkdir(exist_ok=True)
    local, scan = kinds
    layer = layers.GPSLayer(WIDTH, local, scan, num_heads=4, dropout=0.0)
    fill.fill(layer, SEED)
    graphs.statistics(layer, SEED)
    weights = graphs.state(layer)
    if scan == "None":
        weights = {key: value for key, value in weights.items() if "norm1_attn" not in key}
    record.save(folder / "weights.safetensors", weights)
    orders, lexsort = note_orders(layers)

    def run(split, tensors):
        out = layer(Batch(batch=of_node, x=tensors["x"], edge_attr=tensors["e"], edge_index=ends, split=split))
        return {"x": out.x, "e": out.edge_attr}

    layer.eval()
    with torch.no_grad():
        expected = {f"eval_{key}": value for key, value in run("val", inputs).items()}
    layer.train()
    leaves = {key: inputs[key].clone().requires_grad_() for key in ("x", "e")}
    outputs = run("train", leaves)
    loss = sum((value * inputs[f"weight_{key}"]).sum() for key, value in outputs.items())
    loss.backward()
    layers.lexsort = lexsort
    gradients = {key: leaf.grad for key, leaf in leaves.items()}
    named = layer.named_parameters()
    gradients |= {key: parameter.grad for key, parameter in named if parameter.grad is not None}
    after = {key: value for key, value in graphs.state(layer).items() if "running" in key and key in weights}
    if not orders:
        orders = 6 * [torch.arange(of_node.numel())]
    assert len(orders) == 6
    record.save(folder / "orders.safetensors", {"eval": torch.stack(orders[:5]), "train": orders[5]})
    record.save(folder / "expected.safetensors", expected | outputs | after)
    record.save(folder / "gradients.safetensors", gradients)


def write_network(folder, layers, ends, of_node):
    folder.mkdir(exist_ok=True)
    stack = lambda: [layers.GPSLayer(WIDTH, *KINDS["noise"], num_heads=4, dropout=0.0) for _ in range(DEPTH)]
    network = Network(stack, FEATURES, WIDTH, OF_POSITIONS, CLASSES)
    fill.fill(network, SEED)
    graphs.statistics(network, SEED)
    nodes = of_node.numel()
    y = torch.from_numpy(fill.generator(SEED, "y").integers(0, CLASSES - 1, nodes))
    inputs = {
        "features": fill.normal(SEED, "features", (nodes, FEATURES)),
        "vectors": fill.normal(SEED, "vectors", (nodes, EIGENVECTORS)),
        "values": 5 * fill.normal(SEED, "values", (nodes, EIGENVECTORS)).abs(),
    }
    record.save(folder / "input.safetensors", inputs | {"edges": ends, "graphs": of_node, "labels": y})
    record.save(folder / "weights.safetensors", ours(graphs.state(network)))
    orders, lexsort = note_orders(layers)

    def scores(split):
        positions = torch.stack((inputs["vectors"], inputs["values"]), 2)
        return network(Batch(batch=of_node, x=inputs["features"], positions=positions, edge_index=ends, split=split))

    network.eval()
    with torch.no_grad():
        expected = {"eval_scores": scores("val")}
    network.train()
    expected["scores"] = scores("train")
    loss = loss_of(expected["scores"], y)
    loss.backward()
    layers.lexsort = lexsort
    gradients = {key: parameter.grad for key, parameter in network.named_parameters() if parameter.grad is not None}
    after = {key: value for key, value in graphs.state(network).items() if "running" in key}
    record.save(folder / "orders.safetensors", {"eval": torch.stack(orders[: 5 * DEPTH]), "train": torch.stack(orders[5 * DEPTH :])})
    record.save(folder / "expected.safetensors", expected | {"loss": loss[None]} | ours(after))
    record.save(folder / "gradients.safetensors", ours(gradients))


def ours(named):
    def renamed(name):
        found = [part for part in NAMES if name.startswith(f"{part}.")]
        return NAMES[found[0]] + name.removeprefix(found[0]) if found else name

    return {renamed(name): value for name, value in named.items()}


if __name__ == "__main__":
    main()

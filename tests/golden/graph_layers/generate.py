"""Layers of message passing: outputs, gradients and running statistics.

    python generate.py --graph-mamba PATH    # a checkout of bowang-lab/Graph-Mamba

Needs torch, torch_geometric, numpy and safetensors. GCN, GIN and GINE are those of torch_geometric with the networks
that GraphGPS gives them, GatedGCN that of Graph-Mamba, whose layer is GraphGPS's.
"""

import argparse
import sys
from pathlib import Path

import torch
from torch import nn
from torch_geometric.data import Data
from torch_geometric.nn import GCNConv, GINConv, GINEConv

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from support import fill, graphs, record

SEED = 3
NODES, WIDTH = 9, 6


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--graph-mamba", type=Path, required=True)
    checkout = arguments.parse_args().graph_mamba
    gated = graphs.official_module(checkout, "graphgps/layer/gatedgcn_layer.py", "gatedgcn_layer")
    ends = graphs.edges(SEED, [NODES], 3)
    count = ends.shape[1]
    inputs = {
        "x": fill.normal(SEED, "x", (NODES, WIDTH)),
        "e": fill.normal(SEED, "e", (count, WIDTH)),
        "weight_x": fill.normal(SEED, "weight_x", (NODES, WIDTH)),
        "weight_e": fill.normal(SEED, "weight_e", (count, WIDTH)),
    }
    record.save(HERE / "input.safetensors", inputs | {"edges": ends})

    def network():
        return nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH))

    layers = {
        "gated_gcn": gated.GatedGCNLayer(WIDTH, WIDTH, dropout=0.0, residual=True),
        "gcn": GCNConv(WIDTH, WIDTH),
        "gin": GINConv(network(), train_eps=True),
        "gine": GINEConv(network(), train_eps=True),
    }
    for name, layer in layers.items():
        write(name, layer, ends, inputs)
    text = f"""what = "message passing: outputs, all gradients, running statistics, and outputs in evaluation"
source = "torch_geometric: nn/conv/gcn_conv.py, gin_conv.py; bowang-lab/Graph-Mamba: graphgps/layer/gatedgcn_layer.py"
command = "python generate.py --graph-mamba PATH"
{record.provenance(checkout, "torch_geometric")}
[tolerance]
absolute = 5e-6
"""
    (HERE / "case.toml").write_text(text)


def write(name, layer, ends, inputs):
    fill.fill(layer, SEED)
    graphs.statistics(layer, SEED)
    record.save(HERE / f"{name}_weights.safetensors", graphs.state(layer))
    layer.eval()
    with torch.no_grad():
        expected = {f"eval_{key}": value for key, value in run(name, layer, ends, inputs).items()}
    layer.train()
    leaves = {key: inputs[key].clone().requires_grad_() for key in ("x", "e")}
    outputs = run(name, layer, ends, leaves)
    loss = sum((value * inputs[f"weight_{key}"]).sum() for key, value in outputs.items())
    loss.backward()
    gradients = {key: leaf.grad for key, leaf in leaves.items() if leaf.grad is not None}
    gradients |= {key: parameter.grad for key, parameter in layer.named_parameters()}
    after = {key: value for key, value in graphs.state(layer).items() if "running" in key}
    record.save(HERE / f"{name}_expected.safetensors", expected | outputs | after)
    record.save(HERE / f"{name}_gradients.safetensors", gradients)


def run(name, layer, ends, inputs):
    if name == "gated_gcn":
        out = layer(Data(x=inputs["x"], edge_attr=inputs["e"], edge_index=ends))
        return {"x": out.x, "e": out.edge_attr}
    if name == "gine":
        return {"x": layer(inputs["x"], ends, inputs["e"])}
    return {"x": layer(inputs["x"], ends)}


if __name__ == "__main__":
    main()

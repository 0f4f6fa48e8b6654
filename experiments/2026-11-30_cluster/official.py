"""The official layers of Graph-Mamba on CLUSTER in PyTorch, with the official settings: loss, validation and size of activations.

    python official.py --graph-mamba PATH --mamba PATH SEED SECONDS OUT.jsonl [--global none]

PATHs are checkouts of bowang-lab/Graph-Mamba and state-spaces/mamba. Graphs are drawn by the published procedure. The scan is one in Triton
(`triton_scan.py`); on a CPU it is `selective_scan_ref`. What is around the layers, by `configs/Mamba/cluster-EX.yaml`, is
written out: encoder, head and loss in `tests/golden/support/graph_network.py`, the schedule here. Needs torch, torch_geometric, numpy and einops.
"""

import argparse
import json
import math
import os
import sys
import time
from multiprocessing import Pool
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "tests/golden")]

import numpy as np
import torch
from support import graphs, official_mamba
from support.graph_network import Network, loss_of
from torch import nn
from torch_geometric.data import Batch

EIGENVECTORS, CLASSES, WIDTH, OF_POSITIONS, DEPTH = 10, 6, 48, 16, 16
BATCH, EPOCHS, WARMUP, RATE = 16, 100, 5, 1e-3


def draw(seed):
    """A graph of six communities (arXiv 2003.00982): features, classes, edges, eigenvalues and eigenvectors."""
    random = np.random.default_rng(seed)
    y = np.repeat(np.arange(CLASSES), random.integers(5, 36, CLASSES))
    y = y[random.permutation(y.size)]
    likely = np.where(y[:, None] == y[None, :], 0.55, 0.25)
    upper = np.triu(random.random(likely.shape) < likely, 1)
    adjacency = upper | upper.T
    told = np.zeros(y.size, int)
    for label in range(CLASSES):
        told[random.choice(np.nonzero(y == label)[0])] = label + 1
    laplacian = np.diag(adjacency.sum(1)) - adjacency.astype(float)
    values, vectors = np.linalg.eigh(laplacian)
    values = np.broadcast_to(values[:EIGENVECTORS].clip(0), (y.size, EIGENVECTORS))
    x = np.eye(CLASSES + 1, dtype=np.float32)[told]
    return x, y, np.stack(np.nonzero(adjacency)), values.astype(np.float32), vectors[:, :EIGENVECTORS].astype(np.float32)


def drawn(name, count):
    with Pool(len(os.sched_getaffinity(0)) // 2 or 1) as pool:
        return pool.map(draw, [[name, number] for number in range(count)], chunksize=50)


def collated(parts, device, split):
    sizes = [len(part[1]) for part in parts]
    starts = np.cumsum([0, *sizes])
    together = lambda at: torch.from_numpy(np.concatenate([part[at] for part in parts])).to(device)
    edges = np.concatenate([part[2] + start for part, start in zip(parts, starts)], axis=1)
    batch = torch.repeat_interleave(torch.arange(len(parts)), torch.tensor(sizes)).to(device)
    positions = torch.stack((together(4), together(3)), 2)
    return Batch(batch=batch, x=together(0), y=together(1), edge_index=torch.from_numpy(edges).to(device), positions=positions, split=split)


def official_layer(paths, device):
    mixer = official_mamba.mixer(paths.mamba)
    if device == "cuda":
        import triton_scan

        reference = sys.modules["mamba_ssm.ops.selective_scan_interface"].selective_scan_ref
        print("scan against selective_scan_ref:", [f"{x:.0e}" for x in triton_scan.check(reference, device)], flush=True)
        sys.modules["mamba_ssm.modules.mamba_simple"].selective_scan_fn = triton_scan.selective_scan
    return graphs.official_layers(paths.graph_mamba, mixer).GPSLayer


@torch.no_grad()
def evaluate(network, graphs_, device):
    network.eval()
    norms = [layer.norm1_attn for layer in network.layers if hasattr(layer, "norm1_attn")]
    largest = [0.0] * len(norms)

    def look(at):
        def hook(_, inputs, __):
            largest[at] = max(largest[at], float(inputs[0].nan_to_num(nan=torch.inf).abs().max()))

        return norms[at].register_forward_hook(hook)

    hooks = [look(at) for at in range(len(norms))]
    right, total, losses, overflowed = torch.zeros(CLASSES), torch.zeros(CLASSES), [], 0
    for first in range(0, len(graphs_), BATCH):
        batch = collated(graphs_[first : first + BATCH], device, "val")
        y, of_graph = batch.y, batch.batch
        scores = network(batch)
        overflowed += of_graph[~scores.isfinite().all(1)].unique().numel()
        scores = scores.nan_to_num()
        hits = scores.argmax(1) == y
        right += torch.bincount(y[hits], minlength=CLASSES).cpu()
        total += torch.bincount(y, minlength=CLASSES).cpu()
        losses.append(float(loss_of(scores, y)))
    for hook in hooks:
        hook.remove()
    return {
        "balanced_accuracy": float((right / total).mean()),
        "valid_loss": float(np.mean(losses)),
        "graphs_that_overflowed": overflowed,
        "largest_of_scan_and_residual": largest,
        "largest_running_variance": [float(norm.running_var.max()) for norm in norms],
    }


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--graph-mamba", type=Path, required=True)
    arguments.add_argument("--mamba", type=Path, required=True)
    arguments.add_argument("--global", dest="scan", choices=["mamba", "none"], default="mamba")
    arguments.add_argument("--train", type=int, default=10_000)
    arguments.add_argument("--valid", type=int, default=1_000)
    arguments.add_argument("--every", type=int, default=2_500, help="steps from one validation to the next")
    arguments.add_argument("seed", type=int)
    arguments.add_argument("seconds", type=float)
    arguments.add_argument("out", type=Path)
    given = arguments.parse_args()
    started, device = time.time(), "cuda" if torch.cuda.is_available() else "cpu"

    def say(**what):
        print(json.dumps(what), flush=True)
        with given.out.open("a") as file:
            file.write(json.dumps(what) + "\n")

    train, valid = drawn(0, given.train), drawn(1, given.valid)
    layer = official_layer(given, device)
    torch.manual_seed(given.seed)
    kinds = "CustomGatedGCN", {"mamba": "Mamba_Hybrid_Degree_Noise", "none": "None"}[given.scan]
    layers = lambda: [layer(WIDTH, *kinds, num_heads=8, dropout=0.1, attn_dropout=0.5) for _ in range(DEPTH)]
    network = Network(layers, CLASSES + 1, WIDTH, OF_POSITIONS, CLASSES).to(device)
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=1e-4)
    say(parameters=sum(p.numel() for p in network.parameters()), nodes=float(np.mean([len(g[1]) for g in train])), seconds=time.time() - started)
    random, step, losses = np.random.default_rng(given.seed), 0, []
    for epoch in range(EPOCHS):
        # `cosine_with_warmup`, epoch by epoch; the first has a rate of all but 0.
        late = 0.5 * (1 + math.cos(math.pi * (epoch - WARMUP) / (EPOCHS - WARMUP)))
        rate = RATE * (max(1e-6, epoch / WARMUP) if epoch < WARMUP else late)
        for group in optimiser.param_groups:
            group["lr"] = rate
        order = random.permutation(len(train))
        for first in range(0, len(order), BATCH):
            network.train()
            batch = collated([train[at] for at in order[first : first + BATCH]], device, "train")
            signs = torch.where(torch.rand(EIGENVECTORS, device=device) >= 0.5, 1.0, -1.0)
            batch.positions = torch.stack((batch.positions[..., 0] * signs, batch.positions[..., 1]), 2)
            loss = loss_of(network(batch), batch.y)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            norm = nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            step += 1
            losses.append(loss.detach())
            is_over = time.time() - started > given.seconds
            if step <= 3 or step % 500 == 0:
                mean = float(torch.stack(losses[-500:]).mean())
                say(step=step, loss=mean, norm=float(norm), rate=rate, seconds=time.time() - started)
            if step % given.every == 0 or is_over:
                say(step=step, **evaluate(network, valid, device))
            if is_over:
                return


if __name__ == "__main__":
    main()

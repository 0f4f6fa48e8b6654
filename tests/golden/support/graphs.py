"""Small random graphs, and what the official graph code needs to be imported."""

import importlib.util
import sys

import numpy as np
import torch
from torch_geometric.utils import scatter

from support import fill
from support.modules import module


def edges(seed, sizes, per_node):
    """`[2, E]` edges of graphs of these sizes side by side, sorted by destination, then source.

    Some nodes have edges to themselves, some edges are there twice, and some nodes have none.
    """
    pairs = []
    first = 0
    for number, size in enumerate(sizes):
        random = fill.generator(seed, f"edges {number}")
        ends = first + random.integers(0, size, (2, size * per_node))
        pairs.append(ends[:, ends[1] != first + size // 2])
        first += size
    ends = np.concatenate(pairs, axis=1)
    order = np.lexsort((ends[0], ends[1]))
    return torch.from_numpy(ends[:, order])


def official_module(checkout, path, name):
    """A module of bowang-lab/Graph-Mamba, without what its package imports besides."""

    def torch_scatter(values, index, dim, out, dim_size, reduce):
        assert out is None
        return scatter(values, index, dim, dim_size, reduce)

    module("torch_scatter", scatter=torch_scatter)
    spec = importlib.util.spec_from_file_location(name, checkout / path)
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[name] = loaded
    spec.loader.exec_module(loaded)
    return loaded


def official_layers(checkout, mixer):
    """`gps_layer.py` with this mixer; attention of other kinds is left out."""
    sys.modules["mamba_ssm"].Mamba = mixer
    module("performer_pytorch", SelfAttention=None)
    module("graphgps")
    module("graphgps.layer")
    module("graphgps.layer.gine_conv_layer", GINEConvESLapPE=None)
    module("graphgps.layer.bigbird_layer", SingleBigBirdLayer=None)
    folder = "graphgps/layer"
    name = "graphgps.layer.gatedgcn_layer"
    official_module(checkout, f"{folder}/gatedgcn_layer.py", name)
    return official_module(checkout, f"{folder}/gps_layer.py", "gps_layer")


def statistics(network, seed):
    """Gives running statistics values that are not the initial ones."""
    with torch.no_grad():
        for name, buffer in network.named_buffers():
            noise = fill.normal(seed, name, tuple(buffer.shape))
            if name.endswith("running_mean"):
                buffer.copy_(0.3 * noise)
            elif name.endswith("running_var"):
                buffer.copy_((0.3 * noise).exp())


def state(network):
    """Parameters and running statistics; other buffers, such as how many batches there were, are left out."""
    buffers = {name: tensor for name, tensor in network.named_buffers() if "running_" in name}
    return dict(network.named_parameters()) | buffers

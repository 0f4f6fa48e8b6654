"""The network of Graph-Mamba around official layers: encoder, head and loss of GraphGym, written out.

By `graphgps/encoder/laplace_pos_encoder.py` (`model: DeepSet`, `layers: 2`), GraphGym's `DummyEdge` and `inductive_node` head, and
`graphgps/loss/weighted_cross_entropy.py`.
"""

import torch
import torch.nn.functional as F
from torch import nn


class Network(nn.Module):
    """Scores of nodes, `[N, classes]`, of a batch with `x`, `edge_index`, `batch`, `split` and `positions`, `[N, k, 2]`: entry and eigenvalue.

    `layers` makes the layers: their weights are drawn behind those of the encoder.
    """

    def __init__(self, layers, features, width, of_positions, classes):
        super().__init__()
        self.of_features = nn.Linear(features, width - of_positions)
        self.of_positions = nn.ModuleList([nn.Linear(2, 2 * of_positions), nn.Linear(2 * of_positions, of_positions)])
        self.of_edges = nn.Embedding(1, width)
        self.layers = nn.ModuleList(layers())
        self.head = nn.ModuleList([nn.Linear(width, width), nn.Linear(width, width), nn.Linear(width, classes)])

    def forward(self, batch):
        positions = batch.positions
        for linear in self.of_positions:
            positions = F.relu(linear(positions))
        batch.x = torch.cat((self.of_features(batch.x), positions.sum(1)), 1)
        batch.edge_attr = self.of_edges.weight.expand(batch.edge_index.shape[1], -1)
        for layer in self.layers:
            batch = layer(batch)
        x = batch.x
        for linear in self.head[:-1]:
            x = F.normalize(F.relu(linear(x)), p=2, dim=1)
        return self.head[-1](x)


def loss_of(scores, y):
    classes = scores.shape[1]
    counts = torch.bincount(y, minlength=classes)
    weight = (y.numel() - counts).to(scores.dtype) / y.numel() * (counts > 0)
    return F.nll_loss(F.log_softmax(scores, -1), y, weight=weight)

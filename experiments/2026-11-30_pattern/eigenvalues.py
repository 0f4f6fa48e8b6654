"""How large is the encoding of eigenvectors when training begins? python3 eigenvalues.py; needs NumPy.

200 graphs by the rules of PATTERN, and the encoder of two layers with weights as PyTorch draws them.
"""
import numpy as np

rng = np.random.default_rng(0)


def laplacian():
    communities = np.repeat(np.arange(5), rng.integers(5, 35, 5))
    base, nodes = len(communities), len(communities) + rng.integers(5, 35)
    share = np.full((nodes, nodes), 0.5)
    share[:base, :base] = np.where(communities[:, None] == communities, 0.5, 0.35)
    edges = np.triu(rng.random((nodes, nodes)) < share, 1)
    edges = (edges | edges.T).astype(float)
    return np.diag(edges.sum(1)) - edges


def linear(inputs, outputs):
    return rng.uniform(-1, 1, (inputs, outputs)) / inputs**0.5, rng.uniform(-1, 1, outputs) / inputs**0.5


(a, a_bias), (b, b_bias) = linear(2, 32), linear(32, 16)
values, means, within = [], [], []
for _ in range(200):
    value, vector = np.linalg.eigh(laplacian())
    value, vector = value[:16], vector[:, :16]
    pairs = np.stack([vector, np.broadcast_to(value, vector.shape)], 2)
    states = np.maximum(np.maximum(pairs @ a + a_bias, 0) @ b + b_bias, 0).sum(1)
    values.append(value[1:].mean())
    means.append(states.mean(0))
    within.append(states.std(0))
means, within = np.array(means), np.array(within).mean(0)
order = np.argsort(-means.mean(0))[:6]
print(f"eigenvalues but the first: {np.mean(values):.1f}, {np.std(values):.1f} between graphs")
print("six largest channels:", means.mean(0)[order].round(1))
print("between graphs:      ", means.std(0)[order].round(1))
print("between nodes:       ", within[order].round(2))

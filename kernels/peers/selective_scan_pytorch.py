"""Times the selective scan in plain PyTorch on the CPU: the peer of `elapid bench scan`.

Softplus, step-size bias, skip and gate are part of it, as in a Mamba block. One JSON object per
line goes to standard output; times are medians in milliseconds.
"""

import argparse
import json
import time
from statistics import median

import torch
from torch.nn import functional as F

SHAPES = [(8, 384, 197), (4, 768, 512), (1, 1536, 2048)]
STATES = 16


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments.add_argument("--repeats", type=int, default=5, help="timed runs behind each median")
    options = arguments.parse_args()
    torch.set_num_threads(options.threads)
    for shape in SHAPES:
        print(json.dumps(measure(shape, options.repeats)), flush=True)


def selective_scan(u, delta, a, b, c, skip, z, delta_bias):
    """h_t = exp(Δ_t A) h_{t-1} + Δ_t B_t u_t;  y_t = (C_t h_t + D u_t) · silu(z_t).

    u, delta, z: [B, L, D]; a: [D, N]; b, c: [B, L, N]; skip, delta_bias: [D]. Returns [B, L, D].
    """
    step = F.softplus(delta + delta_bias)
    operands = (tensor.unbind(1) for tensor in (step, step * u, b, c))
    state = u.new_zeros(u.shape[0], u.shape[2], a.shape[1])
    outputs = []
    # Decays are made inside the loop: as one [B, L, D, N] tensor they leave the cache, and the
    # whole scan takes about twice as long.
    for step_t, scaled_t, b_t, c_t in zip(*operands):
        decay = torch.exp(step_t[..., None] * a)
        state = decay * state + scaled_t[..., None] * b_t[:, None]
        outputs.append((state @ c_t[..., None]).squeeze(-1))
    return (torch.stack(outputs, dim=1) + skip * u) * F.silu(z)


def measure(shape, repeats):
    """Both timings at one (B, D, L)."""
    batch, channels, length = shape
    inputs = operands(batch, channels, length)
    return {
        "impl": "pytorch",
        "shape": [batch, channels, length, STATES],
        "threads": torch.get_num_threads(),
        "forward_ms": milliseconds(lambda: forward(inputs), repeats),
        "forward_backward_ms": milliseconds(lambda: forward_backward(inputs), repeats),
    }


def operands(batch, channels, length):
    """Operands distributed as in the Rust benchmark, each asking for its gradient."""
    torch.manual_seed(0)
    tokens = (batch, length)
    inputs = [
        torch.randn(*tokens, channels),
        0.5 * torch.rand(*tokens, channels),
        -0.1 - 0.9 * torch.rand(channels, STATES),
        torch.randn(*tokens, STATES),
        torch.randn(*tokens, STATES),
        torch.randn(channels),
        torch.randn(*tokens, channels),
        0.5 * torch.rand(channels),
    ]
    return [operand.requires_grad_() for operand in inputs]


def forward(inputs):
    with torch.no_grad():
        selective_scan(*inputs)


def forward_backward(inputs):
    torch.autograd.grad(selective_scan(*inputs).sum(), inputs)


def milliseconds(run, repeats):
    """Median wall time of a run, after one warm-up."""
    run()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return round(1e3 * median(times), 2)


if __name__ == "__main__":
    main()

"""Training steps of the official Vision Mamba in PyTorch on a CPU, its fused operators replaced by plain ones.

    python vim.py --vim PATH --threads 2    # a checkout of hustvl/Vim

Vim-tiny at 224 × 224, batch 8, fp32, AdamW, weights and images random: forward, cross entropy, backward, update. Prints seconds a step, the first
left out. The scan is the loop of tests/golden/support/plain_ops.py. Needs torch, numpy and einops.
"""

import argparse
import statistics
import sys
import time
from pathlib import Path

import torch
from torch.nn import functional as F

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "tests/golden"))

from support.official_vim import OfficialVim

MODEL = {"image_size": 224, "patch_size": 16, "embed_dim": 192, "depth": 24, "rms_norm": True, "residual_in_fp32": True}
MODEL |= {"fused_add_norm": True, "bimamba": "v2", "if_abs_pos_embed": True, "divide_out": True, "pool": "mean"}
BATCH = 8


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--vim", type=Path, required=True)
    arguments.add_argument("--threads", type=int, default=2)
    arguments.add_argument("--steps", type=int, default=3)
    arguments = arguments.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    official = OfficialVim(arguments.vim)
    network = official.build(MODEL, {"classes": 1000}).train()
    for parameter in network.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.02)
    print(f"{sum(p.numel() for p in network.parameters())} parameters, torch {torch.__version__}, {torch.get_num_threads()} threads")
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-4, weight_decay=0.05)
    images, labels = torch.randn(BATCH, 3, 224, 224), torch.randint(0, 1000, (BATCH,))
    seconds = [step(official, network, optimiser, images, labels) for _ in range(arguments.steps + 1)][1:]
    print(f"{statistics.median(seconds):.2f} s a step ({min(seconds):.2f} to {max(seconds):.2f}), {BATCH / statistics.median(seconds):.2f} images/s")


def step(official, network, optimiser, images, labels):
    started = time.perf_counter()
    with official.plain_blocks():
        loss = F.cross_entropy(network(images), labels)
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()

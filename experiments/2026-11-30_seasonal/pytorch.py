"""S-Mamba's official model on the generated seasons, with the settings of configs/timeseries/smamba_seasonal.toml.

    python pytorch.py --smamba PATH --mamba PATH --data FOLDER --seeds 0 1 2

The paths are checkouts of wzhwzhwzh0921/S-D-Mamba and state-spaces/mamba, FOLDER is what `elapid data synth seasonal` wrote. The mixer is the
official one on its unfused path with `selective_scan_ref`. Needs torch, numpy and einops.
"""

import argparse
import csv
import datetime
import json
import math
import sys
from pathlib import Path
from types import SimpleNamespace

import torch

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "tests/golden"))

from support import official_mamba
from support.modules import module

LOOKBACK, HORIZON, BATCH, EPOCHS = 2016, 24, 32, 8
RATE, LAST_RATE, DECAY = 1e-3, 1e-5, 0.3
MODEL = {"d_model": 64, "d_ff": 64, "d_state": 2, "e_layers": 2, "dropout": 0.2, "use_norm": True}
MODEL |= {"seq_len": LOOKBACK, "pred_len": HORIZON, "output_attention": False, "activation": "gelu"}
MODEL |= {"embed": "timeF", "freq": "h", "class_strategy": "projection"}


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    for name in ("--smamba", "--mamba", "--data"):
        arguments.add_argument(name, type=Path, required=True)
    arguments.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    arguments = arguments.parse_args()
    mixer = official_mamba.mixer(arguments.mamba)
    sys.modules["mamba_ssm"].Mamba = mixer
    module("reformer_pytorch", LSHSelfAttention=None)
    sys.path.insert(0, str(arguments.smamba))
    from model.S_Mamba import Model

    torch.set_num_threads(2)
    values, marks = table(arguments.data / "seasonal.csv")
    optimum = json.loads((arguments.data / "seasonal.optimum.json").read_text())["test_mse"]
    for seed in arguments.seeds:
        mse = trained(Model, values, marks, seed)
        print(f"seed {seed} test_mse {mse:.4f} above_optimum {100 * (mse / optimum - 1):.1f} %", flush=True)


def table(path):
    """Values standardised by the training rows, and the time marks of rows."""
    rows = list(csv.reader(path.open()))[1:]
    values = torch.tensor([[float(x) for x in row[1:]] for row in rows], dtype=torch.float64)
    own = values[: int(0.7 * len(values))]
    values = (values - own.mean(0)) / own.std(0, correction=0)
    dates = [datetime.datetime.fromisoformat(row[0]) for row in rows]
    marks = [
        [d.hour / 23 - 0.5, d.weekday() / 6 - 0.5, (d.day - 1) / 30 - 0.5, (d.timetuple().tm_yday - 1) / 365 - 0.5]
        for d in dates
    ]
    return values.float(), torch.tensor(marks)


def trained(official, values, marks, seed):
    """The test error of the weights with the best validation."""
    torch.manual_seed(seed)
    network = official(SimpleNamespace(**MODEL))
    rows, train, test = len(values), int(0.7 * len(values)), int(0.2 * len(values))
    windows = train - LOOKBACK - HORIZON + 1
    steps = EPOCHS * (windows // BATCH)
    decays = lambda name, p: p.ndim > 1 and not any(part in name for part in ("A_log", "dt_proj", "norm"))
    named = list(network.named_parameters())
    groups = [
        {"params": [p for n, p in named if decays(n, p)], "weight_decay": DECAY},
        {"params": [p for n, p in named if not decays(n, p)], "weight_decay": 0.0},
    ]
    optimiser = torch.optim.AdamW(groups, lr=RATE)
    best, found, step = math.inf, math.nan, 0
    for _ in range(EPOCHS):
        network.train()
        for starts in torch.randperm(windows).split(BATCH)[: windows // BATCH]:
            for group in optimiser.param_groups:
                turn = math.cos(math.pi * step / steps)
                group["lr"] = LAST_RATE + 0.5 * (RATE - LAST_RATE) * (1 + turn)
            past, stamps, future = batch(values, marks, starts)
            loss = (network(past, stamps, None, None) - future).square().mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            step += 1
        valid = error(network, values, marks, train, rows - test)
        if valid < best:
            best, found = valid, error(network, values, marks, rows - test, rows)
    return found


def batch(values, marks, starts):
    at = starts[:, None] + torch.arange(LOOKBACK + HORIZON)
    series = values[at]
    return series[:, :LOOKBACK].clone(), marks[at[:, :LOOKBACK]], series[:, LOOKBACK:]


@torch.no_grad()
def error(network, values, marks, first, last):
    """Of all windows whose rows ahead are in `first..last`."""
    network.eval()
    total, count = 0.0, 0
    for starts in torch.arange(first - LOOKBACK, last - LOOKBACK - HORIZON + 1).split(64):
        past, stamps, future = batch(values, marks, starts)
        squares = (network(past, stamps, None, None) - future).square()
        total, count = total + squares.sum().item(), count + squares.numel()
    return total / count


if __name__ == "__main__":
    main()

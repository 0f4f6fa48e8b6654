"""Training steps of the official S-Mamba in PyTorch on a CPU, with the settings of configs/timeseries/smamba_etth1.toml.

    python smamba.py --smamba PATH --mamba PATH --threads 2    # checkouts of wzhwzhwzh0921/S-D-Mamba and state-spaces/mamba
    python smamba.py --csv ETTh1.csv                           # writes a random file of ETTh1's size for elapid

Batches are cut from random series of ETTh1's size as the official loader does, in the training process. The mixer is the official one on its unfused
path; its scan is the loop of tests/golden/support/plain_ops.py, or the official `selective_scan_ref` with --official-scan. Needs torch, numpy and einops.
"""

import argparse
import datetime
import statistics
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import torch

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "tests/golden"))

from support import official_mamba, plain_ops
from support.modules import module

ROWS, COLUMNS, LOOKBACK, HORIZON, BATCH = 17_420, 7, 96, 96, 32
MODEL = {"d_model": 256, "d_ff": 256, "d_state": 2, "e_layers": 2, "dropout": 0.1, "use_norm": True}
MODEL |= {"seq_len": LOOKBACK, "pred_len": HORIZON, "output_attention": False, "activation": "gelu"}
MODEL |= {"embed": "timeF", "freq": "h", "class_strategy": "projection"}


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    for name in ("--smamba", "--mamba", "--csv"):
        arguments.add_argument(name, type=Path)
    arguments.add_argument("--official-scan", action="store_true")
    arguments.add_argument("--threads", type=int, default=2)
    arguments.add_argument("--steps", type=int, default=200)
    arguments = arguments.parse_args()
    torch.manual_seed(0)
    if arguments.csv:
        write(arguments.csv)
    else:
        measure(arguments)


def write(path):
    first = datetime.datetime(2016, 7, 1)
    with path.open("w") as file:
        file.write("date,HUFL,HULL,MUFL,MULL,LUFL,LULL,OT\n")
        for row, values in enumerate(torch.randn(ROWS, COLUMNS).tolist()):
            file.write(f"{first + datetime.timedelta(hours=row)}," + ",".join(f"{x:.6f}" for x in values) + "\n")


def measure(arguments):
    torch.set_num_threads(arguments.threads)
    mixer = official_mamba.mixer(arguments.mamba)
    sys.modules["mamba_ssm"].Mamba = mixer
    if not arguments.official_scan:
        sys.modules[mixer.__module__].selective_scan_fn = scan
    module("reformer_pytorch", LSHSelfAttention=None)
    sys.path.insert(0, str(arguments.smamba))
    from model.S_Mamba import Model

    network = Model(SimpleNamespace(**MODEL)).train()
    print(f"{sum(p.numel() for p in network.parameters())} parameters, torch {torch.__version__}, {torch.get_num_threads()} threads")
    optimiser = torch.optim.Adam(network.parameters(), lr=7e-5)
    series, marks = torch.randn(ROWS, COLUMNS), torch.randn(ROWS, 4)
    seconds = [step(network, optimiser, series, marks) for _ in range(arguments.steps + 10)][10:]
    middle = statistics.median(seconds)
    print(f"{1e3 * middle:.1f} ms a step ({1e3 * min(seconds):.1f} to {1e3 * max(seconds):.1f}), {BATCH / middle:.0f} windows/s")


def step(network, optimiser, series, marks):
    started = time.perf_counter()
    starts = torch.randint(0, ROWS - LOOKBACK - HORIZON, (BATCH, 1))
    rows = starts + torch.arange(LOOKBACK + HORIZON)
    past, future, stamps = series[rows[:, :LOOKBACK]], series[rows[:, LOOKBACK:]], marks[rows[:, :LOOKBACK]]
    loss = (network(past, stamps, None, None) - future).square().mean()
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    return time.perf_counter() - started


def scan(u, delta, a, b, c, skip, z=None, delta_bias=None, delta_softplus=False, return_last_state=False):
    assert delta_softplus and not return_last_state
    return plain_ops.selective_scan(u, delta, a, b, c, skip, z, delta_bias)


if __name__ == "__main__":
    main()

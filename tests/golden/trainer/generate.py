"""Records what PyTorch's optimiser, clipping, schedules and weight averaging do.

    python generate.py        # writes trajectory.json, adam.json, muon.json, lion.json, schedules.json and plateau.json beside this file

The trajectories: y = x Wᵀ + b, mean squared error, twelve steps of an optimiser (weight decay on W only) at a rate that warms up and
falls along a cosine, gradients clipped by their global norm, and an exponential moving average of the weights. Everything
in 32 bits; batches follow from a formula, so that nothing but numbers of this file is needed to repeat it.
"""

import json
import math
from pathlib import Path

import torch
from torch.nn.utils import clip_grad_norm_
from torch.optim import lr_scheduler as schedulers
from torch.optim.swa_utils import AveragedModel

HERE = Path(__file__).parent
STEPS, WARMUP = 12, 3
PEAK, WARMUP_LR, MIN_LR = 0.05, 1e-3, 1e-4
BETAS, EPS, DECAY, CLIP, EMA = (0.9, 0.95), 1e-8, 0.1, 0.5, 0.8
BATCH, INPUTS, OUTPUTS = 5, 4, 3


def fill(count, seed):
    """Numbers in [-1, 1) by a rule that any language repeats exactly."""
    return [((7919 * (i + 1) + 104729 * seed) % 2048) / 1024 - 1 for i in range(count)]


def batch(step):
    x = torch.tensor(fill(BATCH * INPUTS, 2 * step)).reshape(BATCH, INPUTS)
    y = torch.tensor(fill(BATCH * OUTPUTS, 2 * step + 1)).reshape(BATCH, OUTPUTS)
    return x, 3 * y


def rate(step):
    if step < WARMUP:
        return WARMUP_LR + (PEAK - WARMUP_LR) * step / WARMUP
    done = (step - WARMUP) / (STEPS - WARMUP)
    return MIN_LR + 0.5 * (PEAK - MIN_LR) * (1 + math.cos(math.pi * done))


def flat(module):
    return [value for p in module.parameters() for value in p.detach().flatten().tolist()]


class Lion(torch.optim.Optimizer):
    """Algorithm 2 of arXiv:2302.06675; PyTorch has none."""

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            first, second = group["betas"]
            for p in group["params"]:
                mean = self.state[p].setdefault("mean", torch.zeros_like(p))
                update = (first * mean + (1 - first) * p.grad).sign()
                p.sub_(group["lr"] * (update + group["weight_decay"] * p))
                mean.mul_(second).add_(p.grad, alpha=1 - second)


def adamw(model):
    groups = [
        {"params": [model.weight], "weight_decay": DECAY},
        {"params": [model.bias], "weight_decay": 0.0},
    ]
    return [torch.optim.AdamW(groups, lr=PEAK, betas=BETAS, eps=EPS)]


def adam(model):
    # The decay is part of the gradient here, behind the clipping.
    groups = [
        {"params": [model.weight], "weight_decay": DECAY},
        {"params": [model.bias], "weight_decay": 0.0},
    ]
    return [torch.optim.Adam(groups, lr=PEAK, betas=BETAS, eps=EPS)]


def lion(model):
    groups = [
        {"params": [model.weight], "weight_decay": DECAY},
        {"params": [model.bias], "weight_decay": 0.0},
    ]
    return [Lion(groups, dict(lr=PEAK, betas=BETAS))]


def muon(model):
    # PyTorch orthogonalises in bf16, which no two implementations round alike; the mathematics is wanted here.
    torch.bfloat16 = torch.float32
    matrix = torch.optim.Muon(
        [model.weight], lr=PEAK, weight_decay=DECAY, momentum=0.95, adjust_lr_fn="match_rms_adamw"
    )
    return [matrix, torch.optim.AdamW([model.bias], lr=PEAK, betas=BETAS, eps=EPS, weight_decay=0.0)]


def trajectory(optimisers):
    model = torch.nn.Linear(INPUTS, OUTPUTS)
    with torch.no_grad():
        model.weight.copy_(torch.tensor(fill(OUTPUTS * INPUTS, 1000)).reshape(OUTPUTS, INPUTS))
        model.bias.copy_(torch.tensor(fill(OUTPUTS, 1001)))
    optimisers = optimisers(model)
    # The count is of updates before this one; the first update of an AveragedModel copies, so it is made here.
    def warm(average, weight, count):
        step = int(count) - 1
        keep = min(EMA, (1 + step) / (10 + step))
        return average + (1 - keep) * (weight - average)

    average = AveragedModel(model, avg_fn=warm)
    average.update_parameters(model)
    steps = []
    for step in range(STEPS):
        for optimiser in optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate(step)
        x, y = batch(step)
        loss = torch.nn.functional.mse_loss(model(x), y)
        model.zero_grad()
        loss.backward()
        norm = clip_grad_norm_(model.parameters(), CLIP)
        for optimiser in optimisers:
            optimiser.step()
        average.update_parameters(model)
        steps.append(
            {
                "lr": rate(step),
                "loss": loss.item(),
                "norm": norm.item(),
                "weights": flat(model),
                "average": flat(average.module),
            }
        )
    return {
        "torch": torch.__version__,
        "total_steps": STEPS,
        "warmup_steps": WARMUP,
        "lr": PEAK,
        "warmup_lr": WARMUP_LR,
        "min_lr": MIN_LR,
        "betas": BETAS,
        "eps": EPS,
        "weight_decay": DECAY,
        "clip": CLIP,
        "ema": EMA,
        "steps": steps,
    }


def followed(make, steps):
    """The rates of `steps` steps under the scheduler that `make` gives."""
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimiser = torch.optim.SGD([parameter], lr=0.5)
    scheduler = make(optimiser)
    rates = []
    for step in range(steps):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        if step + 1 < steps:
            scheduler.step()
    return rates


def schedules():
    """Forty steps, eight of them warm-up from 0.1 of the peak 0.5 where there is one."""
    total, warmup = 40, 8
    behind = total - warmup

    def warmed(rest):
        def make(optimiser):
            rise = schedulers.LinearLR(optimiser, start_factor=0.1, end_factor=1.0, total_iters=warmup)
            return schedulers.SequentialLR(optimiser, [rise, rest(optimiser)], milestones=[warmup])

        return make

    found = {
        "constant": followed(warmed(lambda o: schedulers.ConstantLR(o, factor=1.0, total_iters=0)), total),
        "cosine": followed(warmed(lambda o: schedulers.CosineAnnealingLR(o, T_max=behind, eta_min=0.01)), total),
        "linear": followed(warmed(lambda o: schedulers.PolynomialLR(o, total_iters=behind, power=1.0)), total),
        "polynomial": followed(warmed(lambda o: schedulers.PolynomialLR(o, total_iters=behind, power=2.0)), total),
        "step": followed(warmed(lambda o: schedulers.StepLR(o, step_size=7, gamma=0.3)), total),
        "one_cycle": followed(
            lambda o: schedulers.OneCycleLR(
                o, max_lr=0.5, total_steps=total, pct_start=0.3, div_factor=25.0, final_div_factor=1e4
            ),
            total,
        ),
    }
    return {"torch": torch.__version__, "total_steps": total, "warmup_steps": warmup, "lr": 0.5, "rates": found}


def plateau():
    """A metric that gets better by fits and starts, and the factor on the rate after each validation."""
    metric = [0.5, 0.6, 0.6, 0.60003, 0.59, 0.58, 0.61, 0.61, 0.62, 0.62, 0.62, 0.62, 0.62, 0.7, 0.7, 0.7, 0.69, 0.69]
    found = {}
    for mode in ["max", "min"]:
        parameter = torch.nn.Parameter(torch.zeros(1))
        optimiser = torch.optim.SGD([parameter], lr=1.0)
        scheduler = schedulers.ReduceLROnPlateau(
            optimiser, mode=mode, factor=0.5, patience=2, threshold=1e-4, min_lr=0.1
        )
        values = metric if mode == "max" else [1 - value for value in metric]
        rates = []
        for value in values:
            scheduler.step(value)
            rates.append(optimiser.param_groups[0]["lr"])
        found[mode] = {"metric": values, "rates": rates}
    return {"torch": torch.__version__, "factor": 0.5, "patience": 2, "threshold": 1e-4, "min_lr": 0.1, **found}


def main():
    torch.set_num_threads(1)
    contents = {
        "trajectory": trajectory(adamw),
        "adam": trajectory(adam),
        "lion": trajectory(lion),
        "muon": trajectory(muon),
        "schedules": schedules(),
        "plateau": plateau(),
    }
    for name, content in contents.items():
        text = json.dumps(content, indent=1)
        (HERE / f"{name}.json").write_text(text + "\n")


if __name__ == "__main__":
    main()

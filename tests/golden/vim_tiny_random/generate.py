"""A small Vision Mamba with random weights, run by the official code.

    python generate.py --vim PATH    # a checkout of hustvl/Vim

Needs torch, numpy, einops and safetensors.
"""

import argparse
import sys
import zipfile
from pathlib import Path

import torch
from safetensors.torch import load_file

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from support import fill, record
from support.official_vim import OfficialVim

SEED = 0
ARGS = {"model": "vim_tiny_random", "input_size": 40, "batch_size": 3, "lr": 5e-4, "drop_path": 0.0}


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--vim", type=Path, required=True, help="checkout of hustvl/Vim")
    checkout = arguments.parse_args().vim
    official = OfficialVim(checkout)
    model, task = record.read_model(HERE)
    network = official.build(model, task)
    fill.fill(network, SEED)
    side = model["image_size"]
    images = fill.normal(SEED, "input", (3, 3, side, side))
    logits = official.logits(network, images)

    record.save(HERE / "input.safetensors", {"input": images})
    record.save(HERE / "expected.safetensors", {"logits": logits})
    write_checkpoints(network)
    check_checkpoints(official, model, task)
    write_case(checkout, official.measured(network, images, logits))


def write_checkpoints(network):
    """The official training script's dictionary, and names as under DistributedDataParallel."""
    state = network.state_dict()
    torch.save({"model": state, "epoch": 0, "args": ARGS}, HERE / "weights.pth")
    prefixed = {f"module.{name}": tensor for name, tensor in state.items()}
    record.save(HERE / "weights_module.safetensors", prefixed)


def check_checkpoints(official, model, task):
    """Both files, loaded strictly into a new model, give the recorded logits."""
    assert zipfile.is_zipfile(HERE / "weights.pth")
    prefixed = load_file(HERE / "weights_module.safetensors")
    stripped = {name.removeprefix("module."): tensor for name, tensor in prefixed.items()}
    images = load_file(HERE / "input.safetensors")["input"]
    expected = load_file(HERE / "expected.safetensors")["logits"]
    for state in (torch.load(HERE / "weights.pth", weights_only=True)["model"], stripped):
        network = official.build(model, task)
        network.load_state_dict(state)
        record.assert_equal(HERE, expected, official.logits(network, images))


def write_case(checkout, measured):
    text = f"""what = "Logits of a small bidirectional Vim (v2, middle class token), random weights"
source = "hustvl/Vim: vim/models_mamba.py, mamba-1p1p1/mamba_ssm/modules/mamba_simple.py"
command = "python generate.py --vim PATH"
{record.provenance(checkout, "einops")}
# Of the logits.
[tolerance]
relative = 1e-4
absolute = 1e-5

# Largest absolute differences between logits.
[measured]
{measured}"""
    (HERE / "case.toml").write_text(text)


if __name__ == "__main__":
    main()

"""Vision Mamba with one switch turned per folder, random weights, run by the official code.

    python generate.py --vim PATH    # a checkout of hustvl/Vim

Needs torch, numpy, einops and safetensors.
"""

import argparse
import sys
from pathlib import Path

from safetensors.torch import load_file

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from support import fill, record
from support.official_vim import OfficialVim

SEED = 1


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--vim", type=Path, required=True, help="checkout of hustvl/Vim")
    checkout = arguments.parse_args().vim
    official = OfficialVim(checkout)
    folders = sorted(path.parent for path in HERE.glob("*/model.toml"))
    measured = {folder.name: generate(official, folder) for folder in folders}
    write_case(checkout, measured)


def generate(official, folder):
    """Writes one variant, checks that it loads back, and returns its `[measured]` lines."""
    model, task = record.read_model(folder)
    network = official.build(model, task)
    fill.fill(network, SEED)
    side = model["image_size"]
    images = fill.normal(SEED, "input", (2, 3, side, side))
    logits = official.logits(network, images)
    weight = fill.normal(SEED, "loss_weight", logits.shape)
    gradients = official.gradients(network, images, weight)
    record.save(folder / "weights.safetensors", network.state_dict())
    record.save(folder / "input.safetensors", {"input": images, "loss_weight": weight})
    record.save(folder / "expected.safetensors", {"logits": logits})
    record.save(folder / "gradients.safetensors", gradients)

    again = official.build(model, task)
    again.load_state_dict(load_file(folder / "weights.safetensors"))
    stored = load_file(folder / "input.safetensors")["input"]
    expected = load_file(folder / "expected.safetensors")["logits"]
    record.assert_equal(folder, expected, official.logits(again, stored))
    lines = official.measured(network, images, logits)
    in_f64 = official.gradients_f64(network, images, weight)
    return lines + gradient_lines(gradients, in_f64)


def gradient_lines(gradients, in_f64):
    """Lines of `case.toml`: how large gradients are, and how far apart precisions."""
    largest = max(gradient.abs().max().item() for gradient in gradients.values())
    apart = max(record.largest_difference(gradients[name], in_f64[name]) for name in gradients)
    return f"largest_gradient = {largest:.3f}\ngradient_f32_against_f64 = {apart:.1e}\n"


def write_case(checkout, measured):
    tables = "\n".join(f"[measured.{name}]\n{lines}" for name, lines in measured.items())
    text = f"""what = "Logits and gradients of tiny Vims with random weights, one switch turned per folder"
source = "hustvl/Vim: vim/models_mamba.py, mamba-1p1p1/mamba_ssm/modules/mamba_simple.py"
command = "python generate.py --vim PATH"
{record.provenance(checkout, "einops")}
# Of logits and gradients.
[tolerance]
relative = 1e-4
absolute = 1e-5

# Largest absolute differences.
{tables}"""
    (HERE / "case.toml").write_text(text)


if __name__ == "__main__":
    main()

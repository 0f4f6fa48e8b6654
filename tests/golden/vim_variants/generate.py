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
    record.save(folder / "weights.safetensors", network.state_dict())
    record.save(folder / "input.safetensors", {"input": images})
    record.save(folder / "expected.safetensors", {"logits": logits})

    again = official.build(model, task)
    again.load_state_dict(load_file(folder / "weights.safetensors"))
    stored = load_file(folder / "input.safetensors")["input"]
    expected = load_file(folder / "expected.safetensors")["logits"]
    record.assert_equal(folder, expected, official.logits(again, stored))
    return official.measured(network, images, logits)


def write_case(checkout, measured):
    tables = "\n".join(f"[measured.{name}]\n{lines}" for name, lines in measured.items())
    text = f"""what = "Logits of tiny Vims with random weights, one switch turned per folder"
source = "hustvl/Vim: vim/models_mamba.py, mamba-1p1p1/mamba_ssm/modules/mamba_simple.py"
command = "python generate.py --vim PATH"
{record.provenance(checkout, "einops")}
# Of the logits.
[tolerance]
relative = 1e-4
absolute = 1e-5

# Largest absolute differences between logits.
{tables}"""
    (HERE / "case.toml").write_text(text)


if __name__ == "__main__":
    main()

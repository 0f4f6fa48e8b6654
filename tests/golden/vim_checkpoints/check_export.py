"""Whether the official classes load what `elapid export` writes, and compute the same with it.

    python check_export.py --vim PATH --elapid BINARY    # a checkout of hustvl/Vim, a built elapid

Takes `official.pth` through `elapid import` and `elapid export`, for each of the official programs and as a
safetensors file, and loads the results strictly. Needs torch, numpy, einops and safetensors.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from support import record
from support.official_backbones import detection_class, segmentation_class
from support.official_vim import OfficialVim


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--vim", type=Path, required=True, help="checkout of hustvl/Vim")
    arguments.add_argument("--elapid", type=Path, required=True, help="the binary")
    arguments = arguments.parse_args()
    official = OfficialVim(arguments.vim)
    with tempfile.TemporaryDirectory() as folder:
        run = Export(arguments.elapid, Path(folder))
        check_classifier(official, run)
        check_backbones(arguments.vim, run)


class Export:
    """`official.pth`, imported once, and its exports."""

    def __init__(self, elapid, folder):
        self.elapid, self.folder = elapid, folder
        self.weights = folder / "imported.safetensors"
        self.call("import", HERE / "official.pth", "--output", self.weights)

    def call(self, *arguments):
        subprocess.run([self.elapid, *arguments], check=True, stdout=subprocess.DEVNULL)

    def write(self, name, program):
        path = self.folder / name
        self.call("export", self.weights, "--output", path, "--for", program)
        return path


def check_classifier(official, run):
    model, task = record.read_model(HERE)
    images = load_file(HERE / "input.safetensors")["input"]
    expected = load_file(HERE / "expected.safetensors")["logits"]
    path = run.write("w.pth", "classification")
    mapped = torch.load(path, weights_only=True, mmap=True)["model"]
    states = {
        "w.pth": torch.load(path, weights_only=True)["model"],
        "w.pth, mapped": mapped,
        "w.safetensors": load_file(run.write("w.safetensors", "classification")),
    }
    original = torch.load(HERE / "official.pth", weights_only=False)["model"]
    for name, state in states.items():
        assert state.keys() == original.keys(), name
        assert all(torch.equal(state[key], original[key]) for key in original), name
        network = official.build(model, task)
        network.load_state_dict(state)
        record.assert_equal(Path(name), expected, official.logits(network, images))
        print(f"{name}: {len(state)} tensors, equal; logits equal")


def check_backbones(checkout, run):
    model = record.read_model(HERE)[0]
    segmentation = segmentation_class(checkout).like(model, if_cls_token=True)
    detection = detection_class(checkout).like(model, if_cls_token=True)
    for name, program, entry, prefix, backbone in [
        ("s.pth", "segmentation", "state_dict", "backbone.", segmentation),
        ("d.pth", "detection", "model", "backbone.net.", detection),
    ]:
        state = torch.load(run.write(name, program), weights_only=True)[entry]
        assert all(key.startswith(prefix) for key in state), name
        backbone.load_state_dict({key.removeprefix(prefix): state[key] for key in state})
        print(f"{name}: {len(state)} tensors, loaded strictly by {type(backbone).__name__}")


if __name__ == "__main__":
    main()

"""Reading and writing the files of a case."""

import platform
import subprocess
import tomllib
from importlib.metadata import version
from pathlib import Path

import torch
from safetensors.torch import save_file


def read_model(folder: Path, name="model.toml"):
    """The `[model]` and `[task]` tables of a case's `model.toml`."""
    tables = tomllib.loads((folder / name).read_text())
    return tables["model"], tables["task"]


def save(path: Path, tensors):
    """Writes f32 tensors under their names."""
    plain = {name: tensor.detach().float().contiguous() for name, tensor in tensors.items()}
    save_file(plain, path)


def largest_difference(ours, theirs):
    """Largest absolute difference of two tensors, taken in f64."""
    return (ours.double() - theirs.double()).abs().max().item()


def provenance(checkout: Path, *packages):
    """Lines of `case.toml`: the commit of the official code and the versions that ran it."""
    head = ["git", "-C", str(checkout), "rev-parse", "HEAD"]
    revision = subprocess.run(head, check=True, capture_output=True, text=True).stdout.strip()
    return f'revision = "{revision}"\n' + versions("torch", *packages)


def versions(*packages):
    """The `[versions]` table of `case.toml`."""
    names = ("numpy", "safetensors", *packages)
    lines = [f'{name} = "{version(name)}"\n' for name in sorted(names)]
    return f'\n[versions]\npython = "{platform.python_version()}"\n' + "".join(lines)


def assert_equal(path: Path, expected, actual):
    """Fails unless a file loaded back gave exactly the tensor that was recorded."""
    assert torch.equal(expected, actual), f"{path}: expected {expected}, got {actual}"

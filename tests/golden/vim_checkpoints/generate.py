"""Checkpoints as the official classification, segmentation and detection code writes them, of one
small Vision Mamba, and its position embedding brought to another grid.

    python generate.py --vim PATH    # a checkout of hustvl/Vim

Needs torch, numpy, einops and safetensors.
"""

import argparse
import contextlib
import io
import sys
from pathlib import Path
from unittest import mock

import torch
from safetensors.torch import load_file

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from support import fill, record
from support.official_backbones import detection_class, segmentation_class
from support.official_vim import OfficialVim

SEED = 2
# What a training run is started with, for the `args` of its checkpoint.
ARGS = argparse.Namespace(model="vim_micro", input_size=56, batch_size=2, lr=5e-4, drop_path=0.0)


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--vim", type=Path, required=True, help="checkout of hustvl/Vim")
    checkout = arguments.parse_args().vim
    official = OfficialVim(checkout)
    model, task = record.read_model(HERE)
    network = official.build(model, task)
    fill.fill(network, SEED)
    side = model["image_size"]
    images = fill.normal(SEED, "input", (1, 3, side, side))
    record.save(HERE / "input.safetensors", {"input": images})
    write_training_checkpoint(network)

    finer = record.read_model(HERE, "model_stride2.toml")[0]
    tables = {
        "official": resized(network, official.build(finer, task)),
        "in_place": resized_in_place(network, official.build(finer, task)),
    }
    expected = {"logits": official.logits(network, images)}
    for name, table in tables.items():
        expected[f"logits_{name}"] = official.logits(at(official, finer, task, table), images)
    tables["segmentation"] = segmentation_table(checkout, model, finer)
    record.save(HERE / "positions.safetensors", tables)
    record.save(HERE / "expected.safetensors", expected)

    write_segmentation(checkout, model)
    write_detection(checkout, model)
    check(official, model, task)
    write_case(checkout, official.measured(network, images, expected["logits"]))


def write_training_checkpoint(network):
    """Everything that `main.py` saves after an epoch, behind one step of AdamW."""
    model = network.state_dict()
    averaged = {name: 0.5 * tensor for name, tensor in model.items()}
    state = {
        "model": {name: tensor.clone() for name, tensor in model.items()},
        "optimizer": moments(network),
        "lr_scheduler": {"param_group_field": "lr", "base_values": [5e-4], "t_in_epochs": True},
        "epoch": 0,
        "model_ema": averaged,
        "scaler": "none",
        "args": ARGS,
    }
    torch.save(state, HERE / "official.pth")


def moments(network):
    """State of AdamW behind one step whose gradients are the weights."""
    copies = [torch.nn.Parameter(parameter.detach().clone()) for parameter in network.parameters()]
    optimizer = torch.optim.AdamW(copies, lr=5e-4)
    for copy in copies:
        copy.grad = copy.detach().clone()
    optimizer.step()
    return optimizer.state_dict()


def resized(network, finer):
    """What the official function makes of the table: its first row counts as the class token's."""
    return interpolated(finer, network.state_dict()["pos_embed"])


def resized_in_place(network, finer):
    """The official interpolation of the patches alone; the class token's row stays in the middle."""
    front, token, back = network.state_dict()["pos_embed"].split([98, 1, 98], dim=1)
    table = interpolated(finer, torch.cat([token, front, back], dim=1))
    token, front, back = table.split([1, 364, 365], dim=1)
    return torch.cat([front, token, back], dim=1)


def interpolated(finer, table):
    """The official function, which prints what it does."""
    from utils import interpolate_pos_embed

    state = {"pos_embed": table}
    with contextlib.redirect_stdout(io.StringIO()):
        interpolate_pos_embed(finer, state)
    return state["pos_embed"]


def at(official, finer, task, table):
    """The network on the finer grid with a resized table."""
    network = official.build(finer, task)
    state = torch.load(HERE / "official.pth", weights_only=False)["model"]
    network.load_state_dict(state | {"pos_embed": table})
    return network


def segmentation_table(checkout, model, finer):
    """The table of the segmentation backbone, on the finer grid, started from `official.pth`."""
    load = torch.load
    trusting = lambda path, map_location: load(path, map_location, weights_only=False)
    with mock.patch.object(torch, "load", trusting):
        backbone = segmentation_class(checkout).like(
            model | finer, pretrained=str(HERE / "official.pth"), if_cls_token=True
        )
    return backbone.state_dict()["pos_embed"]


def write_segmentation(checkout, model):
    """As mmsegmentation writes it: backbone, pyramid and decoder under `state_dict`."""
    backbone = segmentation_class(checkout).like(model, if_cls_token=False)
    fill.fill(backbone, SEED)
    state = {f"backbone.{name}": tensor for name, tensor in backbone.state_dict().items()}
    state["decode_head.conv_seg.weight"] = torch.zeros(3, 8, 1, 1)
    state["decode_head.conv_seg.bias"] = torch.zeros(3)
    meta = {"CLASSES": ("a", "b", "c"), "epoch": 1}
    torch.save({"meta": meta, "state_dict": state}, HERE / "segmentation.pth")


def write_detection(checkout, model):
    """As detectron2 writes it: the backbone's network and all other parts under `model`."""
    backbone = detection_class(checkout).like(model, if_cls_token=False)
    fill.fill(backbone, SEED)
    state = {f"backbone.net.{name}": tensor for name, tensor in backbone.state_dict().items()}
    state["backbone.simfp_2.0.weight"] = torch.zeros(8, 4, 2, 2)
    state["roi_heads.box_head.0.fc1.bias"] = torch.zeros(3)
    torch.save({"model": state, "iteration": 9}, HERE / "detection.pth")


def check(official, model, task):
    """The training checkpoint, loaded strictly into a new model, gives the recorded logits."""
    network = official.build(model, task)
    network.load_state_dict(torch.load(HERE / "official.pth", weights_only=False)["model"])
    images = load_file(HERE / "input.safetensors")["input"]
    expected = load_file(HERE / "expected.safetensors")["logits"]
    record.assert_equal(HERE, expected, official.logits(network, images))


def write_case(checkout, measured):
    text = f"""what = "Checkpoints of one small Vim in the official layouts; its positions on a finer grid"
source = "hustvl/Vim: vim/models_mamba.py, vim/utils.py, vim/main.py, seg/backbone/vim.py, det/detectron2/modeling/backbone/vim.py"
command = "python generate.py --vim PATH"
{record.provenance(checkout, "einops")}
# Of logits and of resized position embeddings.
[tolerance]
relative = 1e-4
absolute = 1e-5

# Largest absolute differences between logits.
[measured]
{measured}"""
    (HERE / "case.toml").write_text(text)


if __name__ == "__main__":
    main()

"""A tiny Vision Mamba with UperNet and the auxiliary head, random weights, run by the official backbone and by mmsegmentation:
scores in training and in evaluation, loss, gradients, running statistics, and windows over larger images.

    python generate.py --vim PATH    # a checkout of hustvl/Vim

Needs torch, numpy, einops, safetensors, mmsegmentation 0.29.1, mmcv 1.7.2 without compiled operators
(`MMCV_WITH_OPS=0`), and what these import.
"""

import argparse
import sys
import warnings
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from support import fill, record
from support.modules import module, no_rounding_to_f32
from support.official_backbones import segmentation_class
from support.official_vim import OfficialVim

SEED = 3
CLASSES = 5
IGNORE = 255
# Every so many pixels of a map are recorded.
APART = 7
# Window and distance, the same share of it as 341 of 512.
WINDOW, STRIDE = 64, 43
# Images larger than the window, and the sizes they are said to have had: height, width.
LARGER = {"wide": ((64, 130), (80, 163)), "both": ((100, 77), (100, 77)), "same": ((64, 64), (50, 50))}
# Tensors whose gradients are recorded.
GRADIENTS = """
backbone.patch_embed.proj.bias
backbone.pos_embed
backbone.layers.0.mixer.in_proj.weight
backbone.layers.3.mixer.A_b_log
backbone.fpn1.0.weight
backbone.fpn1.1.weight
backbone.fpn1.3.bias
backbone.fpn2.0.bias
decode_head.psp_modules.0.1.conv.weight
decode_head.psp_modules.3.1.bn.bias
decode_head.bottleneck.bn.weight
decode_head.lateral_convs.0.conv.weight
decode_head.fpn_convs.2.bn.weight
decode_head.fpn_bottleneck.bn.bias
decode_head.conv_seg.weight
auxiliary_head.convs.0.bn.weight
auxiliary_head.conv_seg.bias
""".split()
# Norms whose statistics are recorded behind one training pass.
NORMS = ["backbone.fpn1.1", "decode_head.psp_modules.0.1.bn", "auxiliary_head.convs.0.bn"]


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--vim", type=Path, required=True, help="checkout of hustvl/Vim")
    checkout = arguments.parse_args().vim
    warnings.filterwarnings("ignore")
    official = OfficialVim(checkout)
    backbone = segmentation_class(checkout)
    forget_stand_ins()
    model, task = record.read_model(HERE)
    with official.plain_blocks():
        measured = generate(backbone, model, task)
    write_case(checkout, measured)


def forget_stand_ins():
    """The backbone is imported; the heads come from the real mmsegmentation."""
    for name in [name for name in sys.modules if name.split(".")[0] == "mmseg"]:
        del sys.modules[name]
    # Compiled operators, of which no layer here has one.
    names = "CrissCrossAttention point_sample PSAMask sigmoid_focal_loss"
    module("mmcv.ops", **dict.fromkeys(names.split()))


def build(backbone, model, task, **switches):
    """The official tiny recipe's segmentor at the sizes of `model.toml`, with plain batch norms (the official ones are those of
    several devices, which no CPU has)."""
    from mmcv import ConfigDict
    from mmcv.cnn.utils import revert_sync_batchnorm
    from mmseg.models import BACKBONES, build_segmentor

    if "VisionMambaSeg" not in BACKBONES:
        like = lambda **given: backbone.like(model, **given)
        BACKBONES.register_module(name="VisionMambaSeg", module=like)
    width, norm = model["embed_dim"], {"type": "BN", "requires_grad": True}
    entropy = {"type": "CrossEntropyLoss", "use_sigmoid": False}
    switches = {"out_indices": [0, 1, 2, 3], "if_cls_token": False} | switches
    shared = {"dropout_ratio": task["dropout"], "num_classes": CLASSES, "norm_cfg": norm, "align_corners": False}
    decode = {
        "type": "UPerHead",
        "in_channels": [width] * 4,
        "in_index": [0, 1, 2, 3],
        "pool_scales": (1, 2, 3, 6),
        "channels": task["width"],
        "loss_decode": entropy | {"loss_weight": 1.0},
    }
    auxiliary = {
        "type": "FCNHead",
        "in_channels": width,
        "in_index": 2,
        "channels": task["aux_width"],
        "num_convs": 1,
        "concat_input": False,
        "loss_decode": entropy | {"loss_weight": task["aux_weight"]},
    }
    network = build_segmentor(ConfigDict({
        "type": "EncoderDecoder",
        "backbone": {"type": "VisionMambaSeg"} | switches,
        "decode_head": decode | shared,
        "auxiliary_head": auxiliary | shared,
        "train_cfg": {},
        "test_cfg": {"mode": "slide", "crop_size": (WINDOW, WINDOW), "stride": (STRIDE, STRIDE)},
    }))
    return revert_sync_batchnorm(network)


def generate(backbone, model, task):
    network = build(backbone, model, task)
    fill.fill(network, SEED)
    fill_norms(network)
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    meta = {"CLASSES": tuple("abcde"), "mmseg_version": "0.29.1"}
    torch.save({"meta": meta, "state_dict": state}, HERE / "weights.pth")
    side = model["image_size"]
    # Numbers that half as many bits hold, to save space.
    images = fill.normal(SEED, "input", (2, 3, side, side)).half()
    truth = labels((2, 1, side, side))
    save_file({"input": images, "labels": truth.squeeze(1).half()}, HERE / "input.safetensors")
    images = images.float()

    residual = build(backbone, model, task, use_residual_as_feature=True, last_layer_process="add")
    residual.load_state_dict(state)
    expected = {
        "eval": apart(evaluated(network, images)),
        "residual": apart(evaluated(residual, images)),
    }
    expected |= windows(network)
    trained, gradients = training(network, images, truth)
    expected |= trained
    record.save(HERE / "expected.safetensors", expected)
    record.save(HERE / "gradients.safetensors", gradients)

    again = build(backbone, model, task)
    again.load_state_dict(torch.load(HERE / "weights.pth", weights_only=True)["state_dict"])
    stored = load_file(HERE / "input.safetensors")
    record.assert_equal(HERE, load_file(HERE / "expected.safetensors")["eval"], apart(evaluated(again, stored["input"].float())))
    return measured(again, images, truth, expected, gradients)


def fill_norms(network):
    """Batch norms, of which no two are alike."""
    for name, norm in network.named_modules():
        if isinstance(norm, nn.modules.batchnorm._BatchNorm):
            random = fill.generator(SEED, name)
            draw = lambda: torch.from_numpy(random.standard_normal(norm.num_features)).float()
            with torch.no_grad():
                norm.weight.copy_(1 + 0.2 * draw())
                norm.bias.copy_(0.2 * draw())
                norm.running_mean.copy_(0.3 * draw())
                norm.running_var.copy_(torch.exp(0.5 * draw()))


def labels(shape):
    """Classes in squares of eight pixels, a tenth of the pixels without."""
    random = fill.generator(SEED, "labels")
    squares = random.integers(0, CLASSES, (*shape[:2], shape[2] // 8, shape[3] // 8))
    truth = squares.repeat(8, 2).repeat(8, 3)
    truth[random.random(shape) < 0.1] = IGNORE
    return torch.from_numpy(truth)


def apart(scores):
    return scores[..., ::APART, ::APART].contiguous()


@torch.no_grad()
def evaluated(network, images):
    """Scores [B, classes, H, W] with running statistics."""
    return network.eval().encode_decode(images, None)


def picture(height, width):
    """An image by formula, [1, 3, H, W]."""
    c, y, x = np.meshgrid(np.arange(3), np.arange(height), np.arange(width), indexing="ij")
    values = (29 * c + 13 * y + 7 * x + x * y) % 97 / 48 - 1
    return torch.from_numpy(values.astype(np.float32))[None]


@torch.no_grad()
def windows(network):
    """Scores under windows, at the size of the image and at that it is said to have had."""
    found = {}
    network.eval()
    for name, ((height, width), original) in LARGER.items():
        meta = [{"img_shape": (height, width, 3), "ori_shape": (*original, 3)}]
        image = picture(height, width)
        found[f"slide_{name}"] = apart(network.slide_inference(image, meta, False))
        found[f"slide_{name}_rescaled"] = apart(network.slide_inference(image, meta, True))
    return found


def training(network, images, truth):
    """Scores, losses and statistics of a training pass, and gradients."""
    network.train()
    network.zero_grad(set_to_none=True)
    scores = {}
    keep = lambda name: lambda _, __, output: scores.update({name: output})
    heads = {"train": network.decode_head, "auxiliary": network.auxiliary_head}
    hooks = [head.register_forward_hook(keep(name)) for name, head in heads.items()]
    losses = network.forward_train(images, None, truth)
    for hook in hooks:
        hook.remove()
    main, helping = losses["decode.loss_ce"], losses["aux.loss_ce"]
    (main + helping).backward()
    whole = lambda x: nn.functional.interpolate(x.detach(), images.shape[2:], mode="bilinear", align_corners=False)
    found = {name: apart(whole(output)) for name, output in scores.items()}
    found |= {"loss_main": main.reshape(1), "loss_auxiliary": helping.reshape(1)}
    state = network.state_dict()
    for norm in NORMS:
        for part in ("running_mean", "running_var"):
            found[f"after.{norm}.{part}"] = state[f"{norm}.{part}"].clone()
    parameters = dict(network.named_parameters())
    return found, {name: parameters[name].grad.clone() for name in GRADIENTS}


def measured(network, images, truth, expected, gradients):
    """Lines of `case.toml`: how large values are, and how far apart precisions. Leaves `network` double."""
    with no_rounding_to_f32():
        network.double()
        scores = apart(evaluated(network, images.double()))
        trained, in_f64 = training(network, images.double(), truth)
    apart_by = lambda ours, theirs: max(record.largest_difference(ours[name], theirs[name]) for name in theirs)
    return (
        f"largest_score = {expected['eval'].abs().max().item():.3f}\n"
        f"f32_against_f64 = {record.largest_difference(expected['eval'], scores):.1e}\n"
        f"training_f32_against_f64 = {apart_by(expected, trained):.1e}\n"
        f"largest_gradient = {max(g.abs().max().item() for g in gradients.values()):.3f}\n"
        f"gradient_f32_against_f64 = {apart_by(gradients, in_f64):.1e}\n"
    )


def write_case(checkout, measured):
    text = f"""what = "UperNet with an auxiliary head on a tiny Vim: scores, losses, gradients and statistics; windows over larger images"
source = "hustvl/Vim: seg/backbone/vim.py; mmsegmentation: uper_head.py, psp_head.py, fcn_head.py, encoder_decoder.py, cross_entropy_loss.py"
command = "python generate.py --vim PATH"
{record.provenance(checkout, "einops", "mmcv", "mmsegmentation")}
# Of scores, losses and statistics; a tenth of it for gradients.
[tolerance]
relative = 5e-5
absolute = 5e-5

# Largest absolute differences.
[measured]
{measured}"""
    (HERE / "case.toml").write_text(text)


if __name__ == "__main__":
    main()

"""The official segmentation and detection backbones, importable without mmseg and detectron2.

Import `support.official_vim` and make an `OfficialVim` first: it puts stand-ins in front of the
imports that all the official files share.
"""

import contextlib
import importlib
import io
import sys
from pathlib import Path

from torch import nn

from support.modules import module
from support.official_vim import official_arguments


def segmentation_class(checkout: Path):
    """`VisionMambaSeg`, with a constructor `like` that takes a `[model]` table."""
    module("mmcv_custom", load_checkpoint=None)
    module("mmseg")
    module("mmseg.utils", get_root_logger=lambda: Silent())
    module("mmseg.models")
    module("mmseg.models.builder", BACKBONES=Registry())
    official = imported(checkout / "seg" / "backbone", "seg_backbone", "vim").VisionMambaSeg

    def like(model, **switches):
        arguments = backbone_arguments(model) | switches
        # The official class passes its arguments on by position, in an order from before the model
        # had `d_state`: what it calls `in_chans` arrives as `d_state`, `num_classes` as `channels`.
        arguments["in_chans"] = arguments.pop("d_state")
        arguments["num_classes"] = arguments.pop("channels", 3)
        with contextlib.redirect_stdout(io.StringIO()):
            return official(**arguments)

    official.like = staticmethod(like)
    return official


def detection_class(checkout: Path):
    """`VisionMambaDet`, with a constructor `like` that takes a `[model]` table."""
    module("fvcore")
    module("fvcore.nn")
    module("fvcore.nn.weight_init")
    module("detectron2")
    module("detectron2.layers", CNNBlockBase=None, Conv2d=None, get_norm=None)
    module("detectron2.modeling")
    module("detectron2.modeling.backbone", __path__=[])
    module("detectron2.modeling.backbone.fpn", _assert_strides_are_log2_contiguous=None)
    folder = checkout / "det" / "detectron2" / "modeling" / "backbone"
    module("det_backbone", __path__=[str(folder)])
    module("det_backbone.backbone", Backbone=nn.Module)
    names = "PatchEmbed add_decomposed_rel_pos get_abs_pos window_partition window_unpartition"
    module("det_backbone.utils", **dict.fromkeys(names.split()))
    module("det_backbone.vit", SimpleFeaturePyramid=None)
    official = imported(folder, "det_backbone", "vim").VisionMambaDet

    def like(model, **switches):
        return official(**backbone_arguments(model) | switches)

    official.like = staticmethod(like)
    return official


def backbone_arguments(model):
    arguments = official_arguments(model, {"classes": 1})
    del arguments["num_classes"]
    return arguments | {"stride": model.get("stride", model["patch_size"])}


def imported(folder: Path, package, name):
    """Module `name` of a folder, as part of a package of our choice."""
    if package not in sys.modules:
        module(package, __path__=[str(folder)])
    with contextlib.redirect_stdout(io.StringIO()):
        return importlib.import_module(f"{package}.{name}")


class Registry:
    """mmseg's registry of backbones, which keeps nothing."""

    def register_module(self):
        return lambda official: official


class Silent:
    """mmseg's logger, which says nothing."""

    def info(self, *_):
        pass

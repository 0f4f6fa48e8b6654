"""Records what mmsegmentation's training transforms and mmcv's schedule do, with their random draws fixed.

    python generate.py        # writes pictures and JSON beside this file

Needs numpy, pillow, torch, mmsegmentation 0.29.1, mmcv 1.7.2 without compiled operators (`MMCV_WITH_OPS=0`) and the OpenCV that
hustvl/Vim pins, `opencv-python-headless==4.10.0.84`. Results of one kind are stacked in one picture, from the top in the order of
the cases.
"""

import json
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import mmcv
import numpy as np
from mmcv.runner.hooks.lr_updater import PolyLrUpdaterHook
from mmseg.datasets.pipelines import transforms
from PIL import Image

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from support import record
from support.pictures import noise, scene

warnings.filterwarnings("ignore")
PICTURES = {"scene": scene(37, 29), "noise": noise(37, 29)}
# OpenCV rounds hues in whole vectors otherwise than in the rest of a row; such rows have no rest.
VECTORS = {"scene": scene(64, 24), "noise": noise(64, 24)}


def write_json(name, values):
    """One line for each element of a list."""
    lines = ",\n".join(json.dumps(value) for value in values)
    (HERE / f"{name}.json").write_text(f"[\n{lines}\n]\n")


def bgr(picture):
    """As mmsegmentation loads a file."""
    return np.ascontiguousarray(np.asarray(picture)[:, :, ::-1])


def save(name, images):
    rows = np.concatenate(images)
    Image.fromarray(rows[:, :, ::-1] if rows.ndim == 3 else rows).save(HERE / f"{name}.png")


# ---------------------------------------------------------------- Photometric distortion

DISTORTIONS = [
    [("brightness", 31.7)],
    [("brightness", -20.4)],
    [("contrast", 0.5)],
    [("contrast", 1.4375)],
    [("saturation", 0.6)],
    [("saturation", 1.47)],
    [("hue", 17)],
    [("hue", -18)],
    [("brightness", 12.25), ("contrast", 0.75), ("saturation", 1.3), ("hue", -7)],
    [("brightness", -9.0), ("saturation", 0.8), ("hue", 11), ("contrast", 1.31)],
]


def script(case):
    """What the official transform has to draw to make these changes in this order."""
    names = [name for name, _ in case]
    amounts = dict(case)
    is_last = "contrast" in names and len(names) > 1 and names[-1] == "contrast"
    coins, numbers = [], []

    def toss(name):
        coins.append(int(name in amounts))
        if name in amounts:
            # The hue is drawn as a whole number, like the coins.
            (coins if name == "hue" else numbers).append(amounts[name])

    toss("brightness")
    coins.append(0 if is_last else 1)
    order = ["saturation", "hue", "contrast"] if is_last else ["contrast", "saturation", "hue"]
    for name in order:
        toss(name)
    return coins, numbers


def distorted(picture, case):
    coins, numbers = (iter(drawn) for drawn in script(case))
    random = SimpleNamespace(randint=lambda *_: next(coins), uniform=lambda *_: next(numbers))
    with mock.patch.object(transforms, "random", random):
        result = transforms.PhotoMetricDistortion()({"img": bgr(picture)})["img"]
    assert next(coins, None) is None and next(numbers, None) is None
    return result


# ---------------------------------------------------------------- Resizing

SIZES = [(74, 58), (55, 43), (20, 50), (23, 18), (10, 8)]
# Width and height of an image, factor of the scale, 2048 × 512.
SCALED = [
    (683, 512, 1.0),
    (512, 683, 0.7311),
    (2100, 1397, 0.5),
    (300, 299, 1.99999),
    (3000, 500, 1.234567),
    (500, 4000, 0.8765),
    (640, 480, 1.61803),
]


def numbered(width, height):
    """A mask in which neighbours differ."""
    return (np.arange(width * height) % 251).astype(np.uint8).reshape(height, width)


def scaled():
    for width, height, factor in SCALED:
        scale = (int(2048 * factor), int(512 * factor))
        size = mmcv.image.geometric.rescale_size((width, height), scale)
        yield {"size": [width, height], "factor": factor, "scaled": list(size)}


# ---------------------------------------------------------------- Cropping

# Shares of a class up to which a crop is taken, and the columns at which crops are drawn.
CROPS = [
    (0.75, [0, 3, 20, 27, 1]),
    (0.75, [20, 0]),
    (0.4, [9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19]),
    (0.75, [4, 3, 2, 1, 0, 4, 3, 2, 1, 0, 27]),
    (0.75, [34, 22]),
]


def striped():
    """Three classes from left to right, then nothing that counts, 44 × 12."""
    columns = np.repeat([0, 1, 2, 255], [16, 10, 10, 8]).astype(np.uint8)
    return np.tile(columns, (12, 1))


def cropped():
    mask = striped()
    for share, columns in CROPS:
        drawn = iter(columns)
        crop = transforms.RandomCrop((12, 10), cat_max_ratio=share)
        crop.get_crop_bbox = lambda _: (0, 12, *(lambda x: (x, x + 10))(next(drawn)))
        result = crop({"img": mask, "gt_semantic_seg": mask, "seg_fields": ["gt_semantic_seg"]})
        taken = columns[: len(columns) - len(list(drawn))]
        assert np.array_equal(result["img"], mask[:, taken[-1] : taken[-1] + 10])
        yield {"share": share, "columns": columns, "drawn": len(taken)}


# ---------------------------------------------------------------- Learning rates


def rates():
    """Of the official recipe: polynomial of power 1 over 60,000 steps, the first 1,500 of them with a warm-up."""
    hook = PolyLrUpdaterHook(power=1.0, min_lr=0.0, by_epoch=False, warmup="linear", warmup_iters=1500, warmup_ratio=1e-6)
    hook.base_lr = [2e-4]
    for step in [0, 1, 2, 749, 1499, 1500, 1501, 30000, 59999]:
        runner = SimpleNamespace(iter=step, epoch=0, max_iters=60000, optimizer=SimpleNamespace(param_groups=[{}]))
        hook.before_train_iter(runner)
        yield [step, runner.optimizer.param_groups[0]["lr"]]


def main():
    write_json("distortion", DISTORTIONS)
    for name, picture in PICTURES.items():
        picture.save(HERE / f"{name}.png")
        for width, height in SIZES:
            save(f"linear_{name}_{width}x{height}", [mmcv.imresize(bgr(picture), (width, height))])
    for name, picture in VECTORS.items():
        picture.save(HERE / f"vectors_{name}.png")
        save(f"distortion_{name}", [distorted(picture, case) for case in DISTORTIONS])
    for width, height in SIZES:
        resized = mmcv.imresize(numbered(37, 29), (width, height), interpolation="nearest")
        save(f"nearest_{width}x{height}", [resized])
    write_json("scaled", scaled())
    write_json("crops", cropped())
    write_json("rates", rates())
    (HERE / "case.toml").write_text(f"""what = "Photometric distortion, sizes, resizing, choice of a crop and learning rates of mmsegmentation's recipe for ADE20K"
source = "mmsegmentation: datasets/pipelines/transforms.py; mmcv: image/geometric.py, runner/hooks/lr_updater.py; OpenCV"
command = "python generate.py"
{record.versions("torch", "mmcv", "mmsegmentation", "opencv-python-headless", "pillow")}
# Of levels behind `linear_*`; all else is equal.
[tolerance]
absolute = 1
""")


if __name__ == "__main__":
    main()

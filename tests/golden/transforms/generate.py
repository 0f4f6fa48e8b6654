"""Records the official training transforms, with their random draws fixed.

    pip install pillow==11.3.0 torchvision timm==0.4.12      # the timm that hustvl/Vim pins
    python generate.py        # writes pictures and JSON beside this file

What is drawn is replaced by numbers of this file, so that what is recorded depends on no generator. Results of one
kind are stacked in one picture, from the top in the order of the cases.
"""

import json
import math
import random
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from timm.data import auto_augment, mixup, random_erasing
from timm.data.transforms import RandomResizedCropAndInterpolation
from timm.loss import SoftTargetCrossEntropy
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as vision

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "support"))
from pictures import noise, scene  # noqa: E402

# Means of ImageNet in levels, as timm rounds them.
FILL = (124, 116, 104)
PICTURES = {"scene": scene(37, 29), "noise": noise(37, 29), "grey": scene(37, 29).convert("L")}


def write_json(name, value):
    """One line for each element of a list."""
    lines = ",\n".join(json.dumps(element) for element in value) if isinstance(value, list) else None
    (HERE / f"{name}.json").write_text(f"[\n{lines}\n]\n" if lines else json.dumps(value) + "\n")


def stack(name, images):
    rows = np.concatenate([np.asarray(image) for image in images])
    Image.fromarray(rows).save(HERE / f"{name}.png")


# ---------------------------------------------------------------- RandAugment, rand-m9-mstd0.5-inc1

WITH_SIGN = {"Rotate", "ShearX", "ShearY", "TranslateXRel", "TranslateYRel"}
WITH_SIGN |= {f"{name}Increasing" for name in ("Color", "Contrast", "Brightness", "Sharpness")}
WITHOUT_LEVEL = {"AutoContrast", "Equalize", "Invert"}


def rand_augment_cases():
    for name in auto_augment._RAND_INCREASING_TRANSFORMS:
        for level in [9.0] if name in WITHOUT_LEVEL else [0.0, 3.7, 9.0, 10.0]:
            for negate in [False, True] if name in WITH_SIGN else [False]:
                yield {"op": name, "level": level, "negate": negate}


def augmented(picture, case):
    auto_augment._randomly_negate = lambda value: -value if case["negate"] else value
    fill = FILL if picture.mode == "RGB" else FILL[0]
    hparams = {"img_mean": fill, "interpolation": Image.BICUBIC}
    op = auto_augment.AugmentOp(case["op"], prob=1.0, magnitude=case["level"], hparams=hparams)
    return op(picture)


cases = list(rand_augment_cases())
write_json("rand_augment", cases)
for name, picture in PICTURES.items():
    picture.save(HERE / f"{name}.png")
    stack(f"rand_augment_{name}", [augmented(picture, case) for case in cases])

# ---------------------------------------------------------------- Colour jitter

JITTER = {"brightness": vision.adjust_brightness, "contrast": vision.adjust_contrast, "saturation": vision.adjust_saturation}


def jittered(picture, steps):
    for name, factor in steps:
        picture = JITTER[name](picture, factor)
    return picture


jitters = [
    [["brightness", 0.7], ["contrast", 1.3], ["saturation", 0.85]],
    [["saturation", 1.3], ["brightness", 1.21], ["contrast", 0.74]],
    [["contrast", 1.05], ["saturation", 0.0], ["brightness", 1.0]],
]
write_json("colour_jitter", jitters)
for name, picture in PICTURES.items():
    stack(f"colour_jitter_{name}", [jittered(picture, steps) for steps in jitters])

# ---------------------------------------------------------------- Random resized crop

BOXES = [(0, 0, 29, 37), (3, 5, 20, 11), (10, 2, 6, 30), (28, 36, 1, 1), (0, 13, 29, 24)]
for name, picture in PICTURES.items():
    crops = [vision.resized_crop(picture, *box, [16, 16], InterpolationMode.BICUBIC) for box in BOXES]
    stack(f"resized_crop_{name}", crops)

DRAWS = [(u, v) for u in (0.0, 0.1, 0.35, 0.7, 0.999) for v in (0.0, 0.2, 0.5, 0.83, 0.999)]


def with_draws(draws, compute):
    """Runs `compute` with `random.uniform(a, b)` at the given shares of its range, and every place at its lowest."""
    shares = iter(draws)
    original = random.uniform, random.randint, random.random
    random.uniform = lambda low, high: low + next(shares) * (high - low)
    random.randint = lambda low, high: low
    random.random = lambda: 0.0
    try:
        return compute()
    finally:
        random.uniform, random.randint, random.random = original


def crop_size(width, height, draws):
    picture = Image.new("L", (width, height))
    get = RandomResizedCropAndInterpolation.get_params
    top, left, height, width = with_draws(draws, lambda: get(picture, (0.08, 1.0), (3 / 4, 4 / 3)))
    return {"left": left, "top": top, "width": width, "height": height}


crops = []
for width, height in [(500, 375), (375, 500), (64, 64), (1000, 30), (30, 1000)]:
    for draws in DRAWS:
        # All ten attempts draw the same: the first one that does not fit leads to the central crop.
        crops.append({"image": [width, height], "draws": draws, "region": crop_size(width, height, draws * 10)})
write_json("crop_sizes", crops)

# ---------------------------------------------------------------- Random erasing

random_erasing._get_pixels = lambda per_pixel, rand_color, size, dtype, device: torch.full(size, 9.0)


def erased_size(width, height, draws):
    erase = random_erasing.RandomErasing(probability=1.0, mode="pixel", device="cpu")
    image = torch.zeros(1, height, width)
    with_draws(draws, lambda: erase(image))
    rows, columns = (image[0] == 9).any(1), (image[0] == 9).any(0)
    return {"width": int(columns.sum()), "height": int(rows.sum())}


erasures = []
for width, height in [(224, 224), (32, 32), (16, 200)]:
    for draws in DRAWS:
        erasures.append({"image": [width, height], "draws": draws, "region": erased_size(width, height, draws * 10)})
write_json("erased_sizes", erasures)

# ---------------------------------------------------------------- Mixup and cutmix

CLASSES, BATCH, SIDE, SMOOTHING = 5, 4, 6, 0.1
pixels = torch.tensor([math.sin(0.37 * at) for at in range(BATCH * 3 * SIDE * SIDE)]).reshape(BATCH, 3, SIDE, SIDE)
labels = torch.tensor([3, 0, 4, 1])
scores = torch.tensor([math.cos(1.3 * at) * 2 for at in range(BATCH * CLASSES)]).reshape(BATCH, CLASSES)


def mixed(share, centre):
    places = iter(centre or [])
    mix = mixup.Mixup(mixup_alpha=0.8, cutmix_alpha=1.0, label_smoothing=SMOOTHING, num_classes=CLASSES)
    mix._params_per_batch = lambda: (share, centre is not None)
    mixup.np.random.randint = lambda low, high, size=None: next(places)
    mixup.one_hot.__defaults__ = (1.0, 0.0, "cpu")
    mixup.mixup_target.__defaults__ = (1.0, 0.0, "cpu")
    x, target = mix(pixels.clone(), labels)
    loss = SoftTargetCrossEntropy()(scores, target)
    # The centre is drawn as row, then column.
    return {"share": share, "centre": centre, "pixels": x.flatten().tolist(), "targets": target.tolist(), "loss": loss.item()}


mixup_cases = [mixed(0.3, None), mixed(0.85, None), mixed(1.0, None)]
mixup_cases += [mixed(0.5, [3, 2]), mixed(0.2, [0, 5]), mixed(0.97, [2, 2]), mixed(0.0, [3, 3])]
write_json("mixing", {
    "shape": [BATCH, 3, SIDE, SIDE], "classes": CLASSES, "smoothing": SMOOTHING, "labels": labels.tolist(),
    "pixels": pixels.flatten().tolist(), "scores": scores.flatten().tolist(), "cases": mixup_cases,
})

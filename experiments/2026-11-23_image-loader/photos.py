"""Writes 2,000 pictures of 500×375 pixels with the detail, and so the size, of ImageNet's photographs.

    python photos.py FOLDER       # FOLDER/train/<10 classes>/<200 files>.jpg, and 20 in FOLDER/val
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

WIDTH, HEIGHT, CLASSES, EACH = 500, 375, 10, 200


def photo(seed):
    """Smooth colours, discs with sharp edges, and noise at all scales."""
    draw = np.random.default_rng(seed)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH] / WIDTH
    picture = np.full((HEIGHT, WIDTH, 3), 128.0)
    for channel in range(3):
        for fx, fy, phase in draw.normal(0, 1, (6, 3)):
            picture[..., channel] += 25 * np.sin(8 * (fx * x + fy * y) + 6 * phase)
    for _ in range(25):
        across, down, radius = draw.uniform(0, 1), draw.uniform(0, 0.75), draw.uniform(0.01, 0.12)
        picture[(x - across) ** 2 + (y - down) ** 2 < radius**2] = draw.uniform(0, 255, 3)
    for step in (1, 2, 4, 8, 16):
        coarse = draw.normal(0, 7, (HEIGHT // step + 1, WIDTH // step + 1, 1))
        picture += coarse.repeat(step, 0).repeat(step, 1)[:HEIGHT, :WIDTH]
    return Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))


root = Path(sys.argv[1])
for split, each in (("train", EACH), ("val", 2)):
    for label in range(CLASSES):
        folder = root / split / f"class{label}"
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(each):
            photo(label * 1000 + number).save(folder / f"{number}.jpg", quality=92)

"""Pictures for the image cases, made from formulas, so that nobody's photograph is needed."""

import numpy as np
from PIL import Image


def scene(width, height):
    """Smooth colour, a sharp disc, stripes that alias, and a little noise: most of what a photograph has."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    u, v = x / width, y / height
    red = 140 + 90 * np.sin(5.1 * u + 2.3 * v * v)
    green = 110 + 80 * np.cos(7.7 * v - 3.1 * u * v)
    blue = 60 + 150 * u * (1 - v)
    picture = np.stack([red, green, blue], axis=2)
    picture[(u - 0.6) ** 2 + (v - 0.4) ** 2 < 0.03] = (250, 245, 30)
    stripes = (v > 0.7) & (((x + 2 * y) // 3) % 2 == 0)
    picture[stripes] = (8, 20, 40)
    picture += np.random.default_rng(7).normal(0, 6, picture.shape)
    return Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))


def noise(width, height):
    """Independent pixels that are mostly black or white: the hardest input for rounding and clipping."""
    draws = np.random.default_rng(11).normal(128, 160, (height, width, 3))
    return Image.fromarray(np.clip(draws, 0, 255).astype(np.uint8))

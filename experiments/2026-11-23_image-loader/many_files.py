"""Writes as many image files as ImageNet-1K has: 1,281,000 for training and 50,000 for the test, in 1,000 classes each.

    python many_files.py FOLDER       # one file a class and split, and links to it
"""

import os
import sys
from pathlib import Path

from PIL import Image

root, picture = Path(sys.argv[1]), Image.new("RGB", (32, 24), (200, 30, 40))
for split, count in (("train", 1281), ("val", 50)):
    for label in range(1000):
        folder = root / split / f"n{label:08d}"
        folder.mkdir(parents=True)
        first = folder / f"n{label:08d}_0.JPEG"
        picture.save(first)
        for number in range(1, count):
            os.link(first, folder / f"n{label:08d}_{number}.JPEG")

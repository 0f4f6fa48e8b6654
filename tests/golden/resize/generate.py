"""Records what Pillow's resize does to two pictures, in RGB and grey.

    pip install pillow==11.3.0    # Pillow 13 sometimes runs the vertical pass first, which moves a level by 1
    python generate.py            # writes the inputs and one PNG a result beside this file
"""

import sys
from pathlib import Path

from PIL import Image

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "support"))
from pictures import noise, scene  # noqa: E402

FILTERS = {"bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC}
# Smaller, larger, one axis alone, both ways at once, and to almost nothing.
SIZES = [(32, 32), (20, 50), (71, 20), (140, 97), (71, 53), (40, 90), (90, 20), (3, 2)]

for name, picture in {"scene": scene(71, 53), "noise": noise(71, 53), "grey": scene(71, 53).convert("L")}.items():
    picture.save(HERE / f"{name}.png")
    for filter_name, resample in FILTERS.items():
        for width, height in SIZES:
            picture.resize((width, height), resample).save(HERE / f"{name}_{filter_name}_{width}x{height}.png")

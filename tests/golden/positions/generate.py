"""Records position tables resized as the official fine-tuning of Vim does it (`vim/main.py` of hustvl/Vim: the first rows are
taken for those of the class tokens, the others interpolated as a picture).

    pip install torch==2.15.0
    python generate.py            # writes positions.json beside this file
"""

import json
from pathlib import Path

import torch

HERE = Path(__file__).parent
# Rows of class tokens, side of the grid in the file and in the model.
CASES = [(1, 4, 7), (1, 7, 4), (0, 3, 5), (2, 6, 6), (1, 14, 16)]
WIDTH = 3


def resized(table, extra, old, new):
    tokens = table[:, extra:].reshape(-1, old, old, WIDTH).permute(0, 3, 1, 2)
    tokens = torch.nn.functional.interpolate(tokens, size=(new, new), mode="bicubic", align_corners=False)
    return torch.cat((table[:, :extra], tokens.permute(0, 2, 3, 1).flatten(1, 2)), dim=1)


torch.manual_seed(0)
cases = []
for extra, old, new in CASES:
    table = torch.randn(1, extra + old * old, WIDTH)
    result = resized(table, extra, old, new)
    cases.append({
        "class_rows": extra,
        "old": old,
        "new": new,
        "table": [round(value, 6) for value in table.flatten().tolist()],
        "resized": None,
    })
    table = torch.tensor(cases[-1]["table"]).reshape(table.shape)
    cases[-1]["resized"] = [round(value, 6) for value in resized(table, extra, old, new).flatten().tolist()]
(HERE / "positions.json").write_text(json.dumps(cases) + "\n")

"""Divides the training digits by writers: python3 folds.py DIGITS.csv OUT

Every writer filled in the same form, so that the same 130 labels come again and again, with some left out. Writes three folders of MNIST's four
files. In folder k the test part has the forms k, k + 3, k + 6, … of the training rows, the training part the others; together the test parts
have every form once. Rows from 1,415 on are left out: the last form of the training rows goes on in the test set.
"""
import difflib, pathlib, struct, sys

STARTS = [0, 130, 256, 386, 516, 646, 776, 906, 1029, 1157, 1287, 1415, 1545, 1667, 1797]
FOLDS = 3

rows = [[int(x) for x in line.split(",")] for line in open(sys.argv[1]).read().split()[1:]]
out = pathlib.Path(sys.argv[2])
forms = [rows[start:end] for start, end in zip(STARTS, STARTS[1:])]
labels = [[row[0] for row in form] for form in forms]
for number, own in enumerate(labels):
    likeness = difflib.SequenceMatcher(None, labels[0], own, autojunk=False).ratio()
    assert likeness > 0.9, f"form {number} does not have the labels of the first ({likeness:.2f})"


def write(folder, part, rows):
    folder.mkdir(parents=True, exist_ok=True)
    pixels = bytes((count * 255 + 8) // 16 for row in rows for count in row[1:])
    header = struct.pack(">4I", 2051, len(rows), 8, 8)
    (folder / f"{part}-images-idx3-ubyte").write_bytes(header + pixels)
    header = struct.pack(">2I", 2049, len(rows))
    (folder / f"{part}-labels-idx1-ubyte").write_bytes(header + bytes(row[0] for row in rows))


for fold in range(FOLDS):
    parts = {"train": [], "t10k": []}
    for number, form in enumerate(forms[:11]):
        parts["t10k" if number % FOLDS == fold else "train"] += form
    for part, rows in parts.items():
        write(out / str(fold), part, rows)
    print(f"fold {fold}: {len(parts['train'])} to train on, {len(parts['t10k'])} by other writers")

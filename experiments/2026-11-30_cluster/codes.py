"""Which two classes of told nodes the encoder of a checkpoint tells apart the least.

    python codes.py RUN/checkpoints/step-N/model.bpk

Needs numpy and cbor2.
"""

import itertools
import struct
import sys

import cbor2
import numpy as np

NAME = "encoder.node_encoder.Linear.weight"
CLASSES = range(1, 7)  # column 0 is that of nodes that are not told


def read(path):
    """The matrix of the encoder, `[32, 7]`; a burnpack file is a header of 10 bytes, a table in CBOR, and the numbers."""
    content = open(path, "rb").read()
    (length,) = struct.unpack("<I", content[6:10])
    tensors = cbor2.loads(content[10 : 10 + length])["tensors"]
    numbers = content[-max(tensor["data_offsets"][1] for tensor in tensors.values()) :]
    (found,) = (tensor for name, tensor in tensors.items() if name.endswith(NAME))
    first, end = found["data_offsets"]
    return np.frombuffer(numbers[first:end], np.float32).reshape(found["shape"])


codes = read(sys.argv[1]).T
pairs = [(float(np.linalg.norm(codes[a] - codes[b])), a - 1, b - 1) for a, b in itertools.combinations(CLASSES, 2)]
distances = [distance for distance, _, _ in pairs]
print(f"mean distance {np.mean(distances):.2f}; the nearest:", *(f"{a}-{b} {distance:.2f}" for distance, a, b in sorted(pairs)[:3]))

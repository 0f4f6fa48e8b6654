"""Times the official training transforms on one core: Pillow, torchvision and timm, as hustvl/Vim uses them.

    pip install pillow torch torchvision timm==0.4.12
    python torchvision_loader.py FOLDER [WORKERS]

Batches of 64, five rounds of 2,000 images. Without workers everything is done in one thread of one process.
"""

import sys
import time

import torch
from timm.data import Mixup, create_transform
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder

BATCH, IMAGES, ROUNDS = 64, 2000, 5
folder, workers = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0
torch.set_num_threads(1)
transform = create_transform(
    224, is_training=True, color_jitter=0.3, auto_augment="rand-m9-mstd0.5-inc1", interpolation="bicubic",
    re_prob=0.25, re_mode="pixel", re_count=1,
)
mix = Mixup(mixup_alpha=0.8, cutmix_alpha=1.0, label_smoothing=0.1, num_classes=1000)
for function in ("one_hot", "mixup_target"):
    getattr(sys.modules["timm.data.mixup"], function).__defaults__ = (1.0, 0.0, "cpu")


def decode(path):
    from PIL import Image

    with open(path, "rb") as file:
        return Image.open(file).convert("RGB")


def endless(loader):
    while True:
        yield from loader


def time_batches(transform, mix):
    loader = DataLoader(ImageFolder(f"{folder}/train", transform), BATCH, shuffle=True, drop_last=True, num_workers=workers,
                        persistent_workers=workers > 0)
    batches, rates, count = endless(loader), [], -(-IMAGES // BATCH)
    for _ in range(4 * workers + 1):
        next(batches)
    busy = time.process_time()
    for _ in range(ROUNDS):
        started = time.perf_counter()
        for _ in range(count):
            images, labels = next(batches)
            if mix:
                mix(images, labels)
        rates.append(count * BATCH / (time.perf_counter() - started))
    busy = (time.process_time() - busy) / (ROUNDS * count * BATCH)
    return sorted(rates), busy


rates, busy = time_batches(transform, mix)
print(f"everything: {rates[2]:.0f} images/s ({rates[0]:.0f} to {rates[-1]:.0f}), {1e3 * busy:.2f} ms of processor time an image")
if workers == 0:
    paths = [path for path, _ in ImageFolder(f"{folder}/train").samples]
    busy = time.process_time()
    for path in paths:
        decode(path)
    print(f"reading and decoding alone: {1e3 * (time.process_time() - busy) / len(paths):.2f} ms of processor time an image")

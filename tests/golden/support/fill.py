"""Weights and inputs of a case: drawn from a seed and a name, whatever the order or the library.

Every parameter differs from its initial value, so that no two directions, channels or norms are
equal and a mix-up of any two shows in the result.
"""

import zlib

import numpy as np
import torch


def fill(module, seed):
    """Overwrites every parameter of a module in place."""
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            values = draw(name, parameter.detach().numpy(), generator(seed, name))
            parameter.copy_(torch.from_numpy(values))


def normal(seed, name, shape):
    """Standard normal f32 tensor."""
    values = generator(seed, name).standard_normal(shape)
    return torch.from_numpy(values.astype(np.float32))


def generator(seed, name):
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def draw(name, initial, random):
    """Values of one parameter, f64."""
    noise = random.standard_normal(initial.shape)
    kind = name.split(".")[-1]
    if kind in ("A_log", "A_b_log"):
        return np.log(np.arange(1, initial.shape[1] + 1)) + 0.1 * noise
    if kind in ("D", "D_b") or "norm" in name:
        return 1 + 0.1 * noise
    if kind == "affine_weight":
        return 1 + 0.2 * noise
    if kind == "gamma":
        return initial * (1 + 0.1 * noise)
    if "dt_proj" in name and kind == "bias":
        # Step sizes between 0.007 and 0.7: states that decay within the few tokens of a case.
        return random.uniform(-5, 0, initial.shape)
    if kind == "bias":
        return 0.1 * noise
    if kind == "pos_embed" or kind.startswith("cls_token"):
        return 0.5 * noise
    fan_in = initial[0].size
    return noise / np.sqrt(fan_in)

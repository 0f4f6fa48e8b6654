"""The smallest Vision Mamba, written out in numpy: weights by formula, every stage recorded.

    python generate.py    # needs numpy, safetensors

Evaluated in f64 from the equations of Vision Mamba (arXiv 2401.09417) and of the selective scan
(arXiv 2312.00752), with the parameter names and the block order of hustvl/Vim. Shapes: L tokens,
D width, E inner channels, N states, K taps.
"""

import platform
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

HERE = Path(__file__).resolve().parent
WIDTH, INNER, STATES, RANK, TAPS = 4, 8, 2, 1, 4
SIDE, PATCH, CLASSES, DEPTH = 8, 4, 3, 2
EPSILON = 1e-5

# (tensor, row): values to eight decimals, from an independent evaluation.
KNOWN = {
    ("embedded", 0): [-0.11909205, 0.17200407, -0.53936176, -0.37814419],
    ("embedded", 2): [-0.00996203, -0.38925659, -0.58547768, -0.50633948],
    ("mixer_0", 0): [-0.05600654, -0.04823850, -0.01881773, 0.01904972],
    ("mixer_0", 2): [0.14650310, 0.19960145, 0.16310505, 0.05339597],
    ("mixer_1", 0): [-0.00142669, -0.10447249, -0.16062390, -0.14467635],
    ("mixer_1", 2): [0.11971404, -0.13347286, -0.32674803, -0.37335639],
    ("feature", None): [0.38966098, -0.51353397, -1.27461335, -1.49104234],
    ("logits", None): [-1.35086820, 2.17859250, -0.73032853],
}


def main():
    parameters = weights()
    image = np.sin(0.05 * np.arange(3 * SIDE * SIDE)).reshape(1, 3, SIDE, SIDE)
    stages = forward(parameters, image[0])
    check_known(stages)
    save("weights", parameters)
    save("input", {"input": image})
    save("expected", stages)
    rounding = check_files()
    write_case(rounding)


def forward(parameters, image):
    """All recorded stages of one image, with a leading batch axis of one."""
    tokens = embed(parameters, image)
    stages = {"embedded": tokens}
    centre = len(tokens) // 2
    for layer in range(DEPTH):
        here = under(parameters, f"layers.{layer}.")
        mixed = mixer(under(here, "mixer."), rms_norm(tokens, here["norm.weight"]))
        stages[f"mixer_{layer}"] = mixed
        tokens = tokens + mixed
    feature = rms_norm(tokens, parameters["norm_f.weight"])[centre]
    logits = parameters["head.weight"] @ feature + parameters["head.bias"]
    stages |= {"feature": feature, "logits": logits}
    return {name: values[None] for name, values in stages.items()}


def embed(parameters, image):
    """Patches row by row, the class token in their middle, plus positions: [L, D]."""
    weight = parameters["patch_embed.proj.weight"]
    corners = [(y, x) for y in range(0, SIDE, PATCH) for x in range(0, SIDE, PATCH)]
    patches = [image[:, y : y + PATCH, x : x + PATCH] for y, x in corners]
    bias = parameters["patch_embed.proj.bias"]
    tokens = [np.tensordot(weight, patch, 3) + bias for patch in patches]
    tokens.insert(len(patches) // 2, parameters["cls_token"][0, 0])
    return np.stack(tokens) + parameters["pos_embed"][0]


def mixer(parameters, tokens):
    """Bidirectional Mamba: each direction has its own scan; gate and projections are shared."""
    x, z = np.split(tokens @ parameters["in_proj.weight"].T, 2, axis=1)
    forward = scan(direction(parameters, ""), x, z)
    backward = scan(direction(parameters, "_b"), x[::-1], z[::-1])[::-1]
    return (forward + backward) / 2 @ parameters["out_proj.weight"].T


def scan(parameters, x, z):
    """Convolution, projections and the recurrence along x and z [L, E]."""
    padded = np.concatenate([np.zeros((TAPS - 1, INNER)), x])
    state = np.zeros((INNER, STATES))
    decay = -np.exp(parameters["A_log"])
    outputs = []
    for t in range(len(x)):
        window = padded[t : t + TAPS]
        u = silu(parameters["conv.bias"] + (parameters["conv.weight"][:, 0] * window.T).sum(1))
        low, b, c = np.split(parameters["x_proj.weight"] @ u, [RANK, RANK + STATES])
        step = softplus(parameters["dt_proj.weight"] @ low + parameters["dt_proj.bias"])[:, None]
        state = np.exp(step * decay) * state + step * b * u[:, None]
        outputs.append((state @ c + parameters["D"] * u) * silu(z[t]))
    return np.stack(outputs)


def direction(parameters, suffix):
    """Parameters of one direction under names without their suffix."""
    names = {
        "conv.weight": f"conv1d{suffix}.weight",
        "conv.bias": f"conv1d{suffix}.bias",
        "x_proj.weight": f"x_proj{suffix}.weight",
        "dt_proj.weight": f"dt_proj{suffix}.weight",
        "dt_proj.bias": f"dt_proj{suffix}.bias",
        "A_log": f"A{suffix}_log",
        "D": f"D{suffix}",
    }
    return {name: parameters[official] for name, official in names.items()}


def rms_norm(tokens, weight):
    return tokens / np.sqrt((tokens**2).mean(-1, keepdims=True) + EPSILON) * weight


def silu(x):
    return x / (1 + np.exp(-x))


def softplus(x):
    return np.logaddexp(0, x)


def under(parameters, prefix):
    """The parameters below a prefix, without it."""
    return {
        name.removeprefix(prefix): values
        for name, values in parameters.items()
        if name.startswith(prefix)
    }


def weights():
    """All parameters in f64 under their official names."""
    parameters = {
        "patch_embed.proj.weight": wave(1, 0.3, WIDTH, 3, PATCH, PATCH),
        "patch_embed.proj.bias": wave(2, 0.3, WIDTH),
        "cls_token": wave(3, 0.3, 1, 1, WIDTH),
        "pos_embed": wave(4, 0.3, 1, (SIDE // PATCH) ** 2 + 1, WIDTH),
        "norm_f.weight": 1 + wave(5, 0.1, WIDTH),
        "head.weight": wave(6, 0.6, CLASSES, WIDTH),
        "head.bias": wave(7, 0.6, CLASSES),
    }
    for layer in range(DEPTH):
        prefix, seed = f"layers.{layer}", 100 * (layer + 1)
        parameters |= {
            f"{prefix}.norm.weight": 1 + wave(seed, 0.1, WIDTH),
            f"{prefix}.mixer.in_proj.weight": wave(seed + 1, 0.6, 2 * INNER, WIDTH),
            f"{prefix}.mixer.out_proj.weight": wave(seed + 2, 0.6, WIDTH, INNER),
            **direction_weights(f"{prefix}.mixer", "", seed + 10),
            **direction_weights(f"{prefix}.mixer", "_b", seed + 20),
        }
    return parameters


def direction_weights(mixer, suffix, seed):
    return {
        f"{mixer}.conv1d{suffix}.weight": wave(seed, 0.6, INNER, 1, TAPS),
        f"{mixer}.conv1d{suffix}.bias": wave(seed + 1, 0.6, INNER),
        f"{mixer}.x_proj{suffix}.weight": wave(seed + 2, 0.6, RANK + 2 * STATES, INNER),
        f"{mixer}.dt_proj{suffix}.weight": wave(seed + 3, 0.6, INNER, RANK),
        f"{mixer}.dt_proj{suffix}.bias": wave(seed + 4, 0.6, INNER),
        f"{mixer}.D{suffix}": 1 + wave(seed + 5, 0.1, INNER),
        f"{mixer}.A{suffix}_log": np.log(np.tile(np.arange(1.0, STATES + 1), (INNER, 1))),
    }


def wave(seed, scale, *shape):
    """scale · sin(0.7 j + seed) over the row-major index j."""
    return scale * np.sin(0.7 * np.arange(np.prod(shape)) + seed).reshape(shape)


def check_known(stages):
    for (name, row), expected in KNOWN.items():
        values = stages[name][0] if row is None else stages[name][0, row]
        # Half a unit of the eighth decimal, and the rounding of `expected` itself.
        assert np.abs(values - expected).max() < 0.51e-8, f"{name}: {values}, expected {expected}"


def save(name, tensors):
    rounded = {key: np.ascontiguousarray(values, np.float32) for key, values in tensors.items()}
    save_file(rounded, HERE / f"{name}.safetensors")


def load(name):
    stored = load_file(HERE / f"{name}.safetensors")
    return {key: values.astype(np.float64) for key, values in stored.items()}


def check_files():
    """Evaluates the files as written; returns the largest difference made by rounding them."""
    parameters, inputs, expected = map(load, ("weights", "input", "expected"))
    stages = forward(parameters, inputs["input"][0])
    assert stages.keys() == expected.keys()
    difference = max(np.abs(stages[name] - expected[name]).max() for name in stages)
    assert difference < 1e-6, f"the files reproduce the stages only to {difference}"
    return difference


def write_case(rounding):
    text = f'''what = "Every stage of the smallest Vim, weights and image by formula"
source = "generate.py, from the equations of arXiv 2401.09417; no official code involved"
command = "python generate.py"

[versions]
python = "{platform.python_version()}"
numpy = "{np.__version__}"

# Of every stage, against an f32 evaluation.
[tolerance]
relative = 1e-5
absolute = 2e-6

# Largest absolute difference over all stages.
[measured]
rounding_files_to_f32 = {rounding:.1e}
'''
    (HERE / "case.toml").write_text(text)


if __name__ == "__main__":
    main()

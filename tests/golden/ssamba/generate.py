"""SSAMBA with random weights, run by the official code: pretraining, and fine-tuning from it.

    python generate.py --ssamba PATH --vim PATH    # checkouts of SiavashShams/ssamba and hustvl/Vim

Needs torch, numpy, einops and safetensors. `pretrained` is saved first; the official fine-tuning model is then built from
that file, once for each folder, so that its position table is the one that the official code cuts or interpolates.
"""

import argparse
import contextlib
import importlib.util
import io
import sys
import tempfile
import tomllib
from pathlib import Path

import torch
from safetensors.torch import load_file

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from support import fill, record
from support.modules import module, no_rounding_to_f32
from support.official_vim import OfficialVim

SEED = 1
PRETRAINING = (128, 160)
WIDTH, DEPTH, CLASSES = 16, 4, 6
MASKED = 30
# What the official training scripts pass to the encoder, at another size.
ENCODER = {
    "img_size": PRETRAINING,
    "patch_size": 16,
    "stride": 16,
    "embed_dim": WIDTH,
    "depth": DEPTH,
    "channels": 1,
    "num_classes": 3,
    "drop_path_rate": 0.0,
    "rms_norm": False,
    "residual_in_fp32": False,
    "fused_add_norm": False,
    "if_rope": False,
    "if_rope_residual": False,
    "bimamba_type": "v2",
    "if_bidirectional": True,
    "final_pool_type": "none",
    "if_abs_pos_embed": True,
    "if_cls_token": True,
    "if_devide_out": True,
    "use_middle_cls_token": False,
}


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--ssamba", type=Path, required=True)
    arguments.add_argument("--vim", type=Path, required=True)
    paths = arguments.parse_args()
    vim = OfficialVim(paths.vim)
    # As timm's: a pair stays a pair.
    vim.models.to_2tuple = lambda size: size if isinstance(size, tuple) else (size, size)
    official = official_models(paths.ssamba)
    with vim.plain_blocks(), tempfile.TemporaryDirectory() as scratch:
        checkpoint = Path(scratch) / "pretrained.pth"
        pretraining(official, checkpoint)
        folders = sorted(path.parent for path in HERE.glob("*/model.toml"))
        measured = {folder.name: fine_tuning(official, folder, checkpoint) for folder in folders}
    write_case(paths, measured)


def official_models(checkout):
    """`src/models/both_models.py`, imported behind the stand-ins that `OfficialVim` has put up."""
    sys.modules["timm"].models = sys.modules["timm.models"]
    sys.modules["timm.models"].vision_transformer = sys.modules["timm.models.vision_transformer"]
    module("mamba_ssm.ops.triton.layernorm", RMSNorm=None, layer_norm_fn=None, rms_norm_fn=None)
    with contextlib.suppress(ImportError):
        import matplotlib.pyplot  # noqa: F401
    if "matplotlib" not in sys.modules:
        module("matplotlib", pyplot=None)
    path = checkout / "src" / "models" / "both_models.py"
    spec = importlib.util.spec_from_file_location("both_models", path)
    models = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(models)
    return models


def quiet(build, **arguments):
    """The official constructors print their arguments."""
    with contextlib.redirect_stdout(io.StringIO()):
        return build(**arguments).eval()


def pretraining(official, checkpoint):
    """Saves a pretraining model as the official script does, with its losses for recorded masks."""
    bins, frames = PRETRAINING
    network = quiet(
        official.AMBAModel,
        fshape=16, tshape=16, fstride=16, tstride=16,
        input_fdim=bins, input_tdim=frames,
        pretrain_stage=True, vision_mamba_config=dict(ENCODER),
    )
    sizes = [network.p_input_fdim.clone(), network.p_input_tdim.clone()]
    floats = {name: p for name, p in network.named_parameters() if p.is_floating_point()}
    with torch.no_grad():
        for name, parameter in floats.items():
            values = fill.draw(name, parameter.detach().numpy(), fill.generator(SEED, name))
            parameter.copy_(torch.from_numpy(values))
    assert [network.p_input_fdim, network.p_input_tdim] == sizes
    wrapped = {f"module.{name}": tensor for name, tensor in network.state_dict().items()}
    torch.save(wrapped, checkpoint)

    folder = HERE / "pretraining"
    folder.mkdir(exist_ok=True)
    sound = 0.5 * fill.normal(SEED, "pretraining", (2, frames, bins))
    random = fill.generator(SEED, "masks")
    masks = random.permuted(torch.arange(80).expand(2, 2, 80).numpy(), axis=2)[:, :, :MASKED]
    masks = torch.from_numpy(masks.copy())
    with torch.no_grad():
        accuracy, nce = with_masks(network, masks[0], lambda: network(sound, "pretrain_mpc", mask_patch=MASKED))
        mse = with_masks(network, masks[1], lambda: network(sound, "pretrain_mpg", mask_patch=MASKED))
    record.save(folder / "weights.safetensors", wrapped)
    record.save(folder / "input.safetensors", {"input": sound, "masked": masks})
    record.save(folder / "expected.safetensors", {"accuracy": accuracy[None], "nce": nce[None], "mse": mse[None]})


def with_masks(network, masks, run):
    """Runs with these patches masked, clip by clip, in the place of drawn ones."""
    rows = iter(masks)
    network.gen_maskid_patch = lambda *_: next(rows)
    try:
        return run()
    finally:
        del network.gen_maskid_patch


def fine_tuning(official, folder, checkpoint):
    """Writes one fine-tuning model, checks that it loads back, and returns its `[measured]` lines."""
    model = tomllib.loads((folder / "model.toml").read_text())["model"]

    def build():
        return quiet(
            official.AMBAModel,
            label_dim=CLASSES,
            fshape=16, tshape=16, fstride=model["stride"][0], tstride=model["stride"][1],
            input_fdim=model["bins"], input_tdim=model["frames"],
            pretrain_stage=False, load_pretrained_mdl_path=str(checkpoint),
            vision_mamba_config=ENCODER | {"img_size": (model["bins"], model["frames"])},
        )

    network = build()
    fill.fill(network.mlp_head, SEED)
    sound = 0.5 * fill.normal(SEED, folder.name, (2, model["frames"], model["bins"]))
    with torch.no_grad():
        logits = {task: network(sound, task) for task in ("ft_avgtok", "ft_cls")}
    weights = {f"module.{name}": tensor for name, tensor in network.state_dict().items()}
    record.save(folder / "weights.safetensors", weights)
    record.save(folder / "input.safetensors", {"input": sound})
    record.save(folder / "expected.safetensors", logits)

    again = build()
    stored = load_file(folder / "weights.safetensors")
    again.load_state_dict({name.removeprefix("module."): tensor for name, tensor in stored.items()})
    with torch.no_grad():
        for task, expected in logits.items():
            record.assert_equal(folder, expected, again(sound, task))
    with torch.no_grad(), no_rounding_to_f32():
        in_f64 = network.double()(sound.double(), "ft_avgtok")
    largest = logits["ft_avgtok"].abs().max().item()
    apart = record.largest_difference(logits["ft_avgtok"], in_f64)
    return f"largest_logit = {largest:.3f}\nf32_against_f64 = {apart:.1e}\n"


def write_case(paths, measured):
    tables = "\n".join(f"[measured.{name}]\n{lines}" for name, lines in measured.items())
    head = record.provenance(paths.ssamba, "einops").replace("revision", "revision_ssamba", 1)
    vim = record.provenance(paths.vim).splitlines()[0].replace("revision", "revision_vim", 1)
    text = f"""what = "SSAMBA with random weights: pretraining losses for given masks, logits of models fine-tuned from it at other strides and lengths"
source = "SiavashShams/ssamba: src/models/both_models.py, class AMBAModel; its encoder is hustvl/Vim: vim/models_mamba.py"
command = "python generate.py --ssamba PATH --vim PATH"
{vim}
{head}
[tolerance]
absolute = 2e-4

# Largest absolute differences.
{tables}"""
    (HERE / "case.toml").write_text(text)


if __name__ == "__main__":
    main()

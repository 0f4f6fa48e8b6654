"""The official Vision Mamba class (hustvl/Vim), made to run on a CPU.

Its imports reach for compiled CUDA operators, Triton kernels and timm 0.4.12. Stand-ins for those
are put into `sys.modules` before the official files are imported from a checkout.
"""

import importlib
import sys
from pathlib import Path
from unittest import mock

import torch
from torch import nn

from support import plain_ops, record
from support.modules import module, no_rounding_to_f32

CLASS_TOKEN = {
    "middle": {},
    "head": {"use_middle_cls_token": False},
    "double": {"use_double_cls_token": True, "use_middle_cls_token": False},
    "none": {"if_cls_token": False},
}
RENAMED = {
    "image_size": "img_size",
    "bimamba": "bimamba_type",
    "divide_out": "if_divide_out",
    "pool": "final_pool_type",
}


def official_arguments(model, task):
    """Keyword arguments of the official constructor for the two tables of a `model.toml`."""
    options = {key: value for key, value in model.items() if key not in ("backbone", "class_token")}
    arguments = {RENAMED.get(key, key): value for key, value in options.items()}
    class_token = CLASS_TOKEN[model.get("class_token", "middle")]
    return arguments | class_token | {"num_classes": task["classes"], "drop_path_rate": 0.0}


class OfficialVim:
    """The official modules of one checkout."""

    def __init__(self, checkout: Path):
        install_stand_ins(checkout)
        self.models = importlib.import_module("models_mamba")
        self.mixer = importlib.import_module("mamba_ssm.modules.mamba_simple")
        self.scan = importlib.import_module("mamba_ssm.ops.selective_scan_interface")

    def build(self, model, task):
        """The model of a `model.toml`, with the official initialisation."""
        return self.models.VisionMamba(**official_arguments(model, task)).eval()

    @torch.no_grad()
    def logits(self, network, images):
        """Logits `[B, classes]`, the fused blocks replaced by `plain_ops`."""
        with self.plain_blocks():
            return network(images)

    @torch.no_grad()
    def logits_f64(self, network, images):
        """The same in double precision; `network` stays double."""
        with self.plain_blocks(), no_rounding_to_f32():
            return network.double()(images.double())

    def gradients(self, network, images, weight):
        """Gradients of sum(logits · weight), by parameter name and of the `input`."""
        with self.plain_blocks():
            return backward(network, images, weight)

    def gradients_f64(self, network, images, weight):
        """The same in double precision; `network` stays double."""
        with self.plain_blocks(), no_rounding_to_f32():
            return backward(network.double(), images.double(), weight.double())

    @torch.no_grad()
    def logits_official_blocks_f64(self, network, images):
        """Double precision through the official block functions and `selective_scan_ref`.

        Only the compiled convolution is replaced, so agreement with `logits_f64` says that
        `plain_ops` computes what the official blocks do.
        """
        with no_rounding_to_f32():
            return network.double()(images.double())

    def measured(self, network, images, logits):
        """Lines of `case.toml`: how far apart precisions and the two evaluations are.

        Leaves `network` in double precision.
        """
        in_f64 = self.logits_f64(network, images)
        by_official_blocks = self.logits_official_blocks_f64(network, images)
        blocks = record.largest_difference(in_f64, by_official_blocks)
        assert blocks < 1e-12, f"plain and official blocks differ by {blocks}"
        return (
            f"largest_logit = {logits.abs().max().item():.3f}\n"
            f"f32_against_f64 = {record.largest_difference(logits, in_f64):.1e}\n"
            f"plain_against_official_blocks_f64 = {blocks:.1e}\n"
        )

    def plain_blocks(self):
        return mock.patch.multiple(
            self.mixer,
            mamba_inner_fn_no_out_proj=plain_ops.mamba_inner_fn_no_out_proj,
            bimamba_inner_fn=plain_ops.bimamba_inner_fn,
        )


def backward(network, images, weight):
    """Gradients of sum(logits · weight); leaves none behind."""
    network.zero_grad(set_to_none=True)
    images = images.clone().requires_grad_()
    (network(images) * weight).sum().backward()
    gradients = {name: parameter.grad for name, parameter in network.named_parameters()}
    network.zero_grad(set_to_none=True)
    return gradients | {"input": images.grad}


def install_stand_ins(checkout: Path):
    """Makes `models_mamba` and the bundled `mamba_ssm` importable without CUDA, Triton or timm."""
    fork = checkout / "mamba-1p1p1" / "mamba_ssm"
    sys.path.insert(0, str(checkout / "vim"))
    # A bare package: the official `__init__` would import the language model and transformers.
    module("mamba_ssm", __path__=[str(fork)])
    module("mamba_ssm.utils")
    module("mamba_ssm.utils.generation", GenerationMixin=object)
    module("mamba_ssm.utils.hf", load_config_hf=None, load_state_dict_hf=None)
    # `None` makes the import fail; the official code then leaves the kernel out.
    sys.modules["mamba_ssm.ops.triton.selective_state_update"] = None
    module(
        "mamba_ssm.ops.triton.layer_norm",
        RMSNorm=plain_ops.RMSNorm,
        rms_norm_fn=plain_ops.rms_norm_fn,
        layer_norm_fn=None,
    )
    module("causal_conv1d", causal_conv1d_fn=None, causal_conv1d_update=None)
    module("causal_conv1d_cuda", causal_conv1d_fwd=conv_kernel)
    module("selective_scan_cuda", fwd=scan_kernel)
    install_timm()


def install_timm():
    """The names of timm that the model file imports. Weights are overwritten, so their
    initialisers do nothing."""
    module("timm")
    module("timm.models")
    module("timm.models.registry", register_model=lambda function: function)
    module(
        "timm.models.layers",
        trunc_normal_=lambda tensor, std: tensor,
        lecun_normal_=lambda tensor: tensor,
        to_2tuple=lambda side: (side, side),
        DropPath=nn.Identity,
    )
    module("timm.models.vision_transformer", VisionTransformer=None, _cfg=dict, _load_weights=None)


def conv_kernel(x, weight, bias, sequence_index, initial, final, silu):
    """`causal_conv1d_cuda.causal_conv1d_fwd`."""
    assert sequence_index is None and initial is None and final is None and silu
    return plain_ops.causal_conv1d_silu(x, weight, bias)


def scan_kernel(u, delta, a, b, c, skip, z, delta_bias, delta_softplus):
    """`selective_scan_cuda.fwd`: ungated output, chunk states (both unused here), output."""
    interface = sys.modules["mamba_ssm.ops.selective_scan_interface"]
    gated = interface.selective_scan_ref(u, delta, a, b, c, skip, z, delta_bias, delta_softplus)
    return None, None, gated

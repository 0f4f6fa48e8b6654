"""The official Mamba-1 mixer with its plain scan: no compiled operators are needed."""

import importlib
import sys

from support.modules import module


def mixer(checkout):
    """The official mixer class; its compiled and Triton operators are left out."""
    # A bare package: the official `__init__` would import Mamba-2, Mamba-3 and transformers.
    module("mamba_ssm", __path__=[str(checkout / "mamba_ssm")])
    module(
        "mamba_ssm.ops.triton.layer_norm",
        RMSNorm=None,
        layer_norm_fn=None,
        rms_norm_fn=None,
        _layer_norm_fwd=None,
    )
    # `None` makes the import fail; the official code then takes its plain path.
    for kernel in ("causal_conv1d", "selective_scan_cuda"):
        sys.modules[kernel] = None
    sys.modules["mamba_ssm.ops.triton.selective_state_update"] = None
    simple = importlib.import_module("mamba_ssm.modules.mamba_simple")
    scan = importlib.import_module("mamba_ssm.ops.selective_scan_interface")
    simple.selective_scan_fn = scan.selective_scan_ref
    return simple.Mamba

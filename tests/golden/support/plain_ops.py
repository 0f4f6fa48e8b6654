"""Plain PyTorch versions of the operators that the official code runs as fused kernels.

Shapes: B batch, E inner channels, L length, N states, K taps, R rank of the step size. Signatures
are those the official call sites expect, so that each function can stand in for its kernel.
"""

import torch
from torch import nn
from torch.nn import functional as F


def selective_scan(u, delta, a, b, c, skip, z, delta_bias):
    """h_t = exp(Δ_t A) h_{t-1} + Δ_t B_t u_t;  y_t = (C_t h_t + D u_t) · silu(z_t).

    u, delta, z: [B, E, L]; a: [E, N]; b, c: [B, N, L]; skip, delta_bias: [E]. Returns [B, E, L].
    """
    step = F.softplus(delta + delta_bias[:, None])
    state = u.new_zeros(*u.shape[:2], a.shape[1])
    outputs = []
    for t in range(u.shape[2]):
        now = step[:, :, t, None]
        state = torch.exp(now * a) * state + now * b[:, None, :, t] * u[:, :, t, None]
        outputs.append((state * c[:, None, :, t]).sum(-1))
    return (torch.stack(outputs, dim=-1) + skip[:, None] * u) * F.silu(z)


def causal_conv1d_silu(x, weight, bias):
    """Depthwise causal convolution and SiLU. x: [B, E, L]; weight: [E, K]; bias: [E]."""
    taps = weight.shape[1]
    padded = F.pad(x, (taps - 1, 0))
    return F.silu(F.conv1d(padded, weight[:, None], bias, groups=x.shape[1]))


def scan_operands(x, conv_weight, conv_bias, x_proj, dt_proj, states):
    """u [B, E, L], Δ before its bias [B, E, L], B and C [B, N, L] of one direction."""
    u = causal_conv1d_silu(x, conv_weight[:, 0], conv_bias)
    projected = torch.einsum("re,bel->brl", x_proj, u)
    low, b, c = projected.split([dt_proj.shape[1], states, states], dim=1)
    return u, torch.einsum("er,brl->bel", dt_proj, low), b, c


def mamba_inner_fn_no_out_proj(
    xz, conv_weight, conv_bias, x_proj, dt_proj, a, b, c, skip, delta_bias, delta_softplus
):
    """One direction of a Mamba block, gate included, output projection left out. xz: [B, 2E, L]."""
    assert b is None and c is None and delta_softplus
    x, z = xz.chunk(2, dim=1)
    u, delta, b, c = scan_operands(x, conv_weight, conv_bias, x_proj, dt_proj, a.shape[1])
    return selective_scan(u, delta, a, b, c, skip, z, delta_bias)


def bimamba_inner_fn(
    xz,
    conv_weight,
    conv_bias,
    x_proj,
    dt_proj,
    out_weight,
    out_bias,
    a,
    a_backward,
    b,
    c,
    skip,
    delta_bias,
    delta_softplus,
):
    """Both directions of `bimamba_type="v1"`: they share all but A, and are summed, not halved."""
    assert b is None and c is None and delta_softplus
    x, z = xz.chunk(2, dim=1)
    u, delta, b, c = scan_operands(x, conv_weight, conv_bias, x_proj, dt_proj, a.shape[1])
    forward = selective_scan(u, delta, a, b, c, skip, z, delta_bias)
    flipped = [operand.flip(-1) for operand in (u, delta, b, c, z)]
    u, delta, b, c, z = flipped
    backward = selective_scan(u, delta, a_backward, b, c, skip, z, delta_bias)
    return F.linear((forward + backward.flip(-1)).transpose(1, 2), out_weight, out_bias)


class RMSNorm(nn.Module):
    """Weight and ε of an RMS norm; the official code calls `rms_norm_fn` with them."""

    def __init__(self, width, eps=1e-5, device=None, dtype=None):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(width, device=device, dtype=dtype))
        self.register_parameter("bias", None)


def rms_norm_fn(x, weight, bias, eps, residual=None, prenorm=False, residual_in_fp32=False):
    """Adds the residual, then normalises. Returns the new residual as well if `prenorm`."""
    assert bias is None and x.dtype in (torch.float32, torch.float64)
    residual = x if residual is None else x + residual
    scale = torch.rsqrt(residual.square().mean(-1, keepdim=True) + eps)
    normed = residual * scale * weight
    return (normed, residual) if prenorm else normed

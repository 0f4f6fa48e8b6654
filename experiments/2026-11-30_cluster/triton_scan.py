"""`selective_scan_fn` of mamba_ssm in Triton, position by position: for machines with PyTorch but without its compiled operators.

Checked against `selective_scan_ref` by `check`.
"""

import torch
import triton
import triton.language as tl

BLOCK = 16  # channels a program


@triton.jit
def forward(u, dt, A, B, C, y, H, L, D, BLOCK: tl.constexpr, N: tl.constexpr):
    batch = tl.program_id(0)
    d = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    n = tl.arange(0, N)
    mask = d < D
    a = tl.load(A + d[:, None] * N + n[None, :], mask=mask[:, None], other=0.0)
    h = tl.zeros((BLOCK, N), tl.float32)
    for t in range(L):
        row = (batch * L + t) * D + d
        x = tl.load(u + row, mask=mask, other=0.0)
        step = tl.load(dt + row, mask=mask, other=0.0)
        b = tl.load(B + (batch * L + t) * N + n)
        c = tl.load(C + (batch * L + t) * N + n)
        h = tl.exp(step[:, None] * a) * h + (step * x)[:, None] * b[None, :]
        # State t stands behind the zeros of state 0.
        state = (batch * (L + 1) + t + 1) * D + d
        tl.store(H + state[:, None] * N + n[None, :], h, mask=mask[:, None])
        tl.store(y + row, tl.sum(h * c[None, :], 1), mask=mask)


@triton.jit
def backward(u, dt, A, B, C, H, dy, du, ddt, dA, dB, dC, L, D, BLOCK: tl.constexpr, N: tl.constexpr):
    batch = tl.program_id(0)
    d = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    n = tl.arange(0, N)
    mask = d < D
    a = tl.load(A + d[:, None] * N + n[None, :], mask=mask[:, None], other=0.0)
    dh = tl.zeros((BLOCK, N), tl.float32)
    da = tl.zeros((BLOCK, N), tl.float32)
    for back in range(L):
        t = L - 1 - back
        row = (batch * L + t) * D + d
        state = (batch * (L + 1) + t + 1) * D + d
        x = tl.load(u + row, mask=mask, other=0.0)
        step = tl.load(dt + row, mask=mask, other=0.0)
        b = tl.load(B + (batch * L + t) * N + n)
        c = tl.load(C + (batch * L + t) * N + n)
        h = tl.load(H + state[:, None] * N + n[None, :], mask=mask[:, None], other=0.0)
        before = tl.load(H + (state - D)[:, None] * N + n[None, :], mask=mask[:, None], other=0.0)
        gradient = tl.load(dy + row, mask=mask, other=0.0)
        dh += gradient[:, None] * c[None, :]
        tl.atomic_add(dC + (batch * L + t) * N + n, tl.sum(gradient[:, None] * h, 0))
        decay = tl.exp(step[:, None] * a)
        of_decay = dh * before * decay
        da += of_decay * step[:, None]
        of_input = tl.sum(dh * b[None, :], 1)
        tl.store(ddt + row, tl.sum(of_decay * a, 1) + of_input * x, mask=mask)
        tl.store(du + row, of_input * step, mask=mask)
        tl.atomic_add(dB + (batch * L + t) * N + n, tl.sum(dh * (step * x)[:, None], 0))
        dh = dh * decay
    tl.store(dA + (batch * D + d)[:, None] * N + n[None, :], da, mask=mask[:, None])


class Scan(torch.autograd.Function):
    """u, dt `[B, L, D]`, A `[D, N]`, B, C `[B, L, N]`; y `[B, L, D]`."""

    @staticmethod
    def forward(ctx, u, dt, A, B, C):
        u, dt, A, B, C = (x.contiguous() for x in (u, dt, A, B, C))
        (batch, length, width), states = u.shape, A.shape[1]
        y, H = torch.empty_like(u), u.new_zeros(batch, length + 1, width, states)
        forward[batch, triton.cdiv(width, BLOCK)](u, dt, A, B, C, y, H, length, width, BLOCK, states, num_warps=1)
        ctx.save_for_backward(u, dt, A, B, C, H)
        return y

    @staticmethod
    def backward(ctx, dy):
        u, dt, A, B, C, H = ctx.saved_tensors
        (batch, length, width), states = u.shape, A.shape[1]
        du, ddt, dA = torch.empty_like(u), torch.empty_like(u), A.new_empty(batch, width, states)
        dB, dC = torch.zeros_like(B), torch.zeros_like(C)
        grid = batch, triton.cdiv(width, BLOCK)
        operands = u, dt, A, B, C, H, dy.contiguous(), du, ddt, dA, dB, dC
        backward[grid](*operands, length, width, BLOCK, states, num_warps=1)
        return du, ddt, dA.sum(0), dB, dC


def selective_scan(u, delta, A, B, C, D=None, z=None, delta_bias=None, delta_softplus=False, return_last_state=False):
    """u, delta, z `[b, d, l]`, B, C `[b, n, l]`, as `selective_scan_fn`; what the official mixer asks for and no more."""
    assert delta_softplus and not return_last_state
    turned = lambda x: x.transpose(1, 2)
    dt = torch.nn.functional.softplus(delta + delta_bias[:, None])
    y = turned(Scan.apply(turned(u), turned(dt), A, turned(B), turned(C))) + D[:, None] * u
    return y * torch.nn.functional.silu(z)


def check(reference, device):
    """Largest differences to `selective_scan_ref` relative to the largest value: output, then gradients."""
    torch.manual_seed(0)
    shapes = [(3, 48, 37), (3, 48, 37), (48, 16), (3, 16, 37), (3, 16, 37), (48,), (3, 48, 37), (48,)]
    drawn = [torch.randn(shape, device=device) for shape in shapes]
    drawn[2] = -drawn[2].abs()
    found = []
    for scan in reference, selective_scan:
        leaves = [x.clone().requires_grad_() for x in drawn]
        y = scan(*leaves[:7], delta_bias=leaves[7], delta_softplus=True)
        (y * y.detach().cos()).sum().backward()
        found.append([y] + [leaf.grad for leaf in leaves])
    return [float((p - q).abs().max() / p.abs().max()) for p, q in zip(*found)]

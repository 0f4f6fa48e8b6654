"""Records torchaudio's Kaldi filterbank for six sets of parameters, its masks, and SSAMBA's order of transforms.

    pip install torch==2.15.0 torchaudio==2.11.1 numpy==2.4.6
    python generate.py        # writes JSON beside this file

Signals are made by a formula that the tests repeat, so that no sound is stored: a tone, and noise of a linear congruential
generator, minus the mean. What is drawn at random is replaced by numbers of this file. Filterbanks are recorded as computed
in 32 bits (`values`) and in 64 (`exact`): the two differ by up to 2e-4 where a quiet band is beside a loud one.
"""

import json
from pathlib import Path

import numpy as np
import torch
from torchaudio.compliance import kaldi
from torchaudio.transforms import FrequencyMasking, TimeMasking

HERE = Path(__file__).parent
DIGITS = 8


def signal(rate, length, hertz, tone=0.5, noise=0.1, seed=1):
    state, steps = seed, np.empty(length)
    for at in range(length):
        steps[at] = state / 2**30 - 1
        state = (1103515245 * state + 12345) % 2**31
    wave = tone * np.sin(2 * np.pi * hertz * np.arange(length) / rate) + noise * steps
    return torch.tensor(wave - wave.mean(), dtype=torch.float32).unsqueeze(0)


def rounded(tensor):
    return [float(f"{value:.{DIGITS}g}") for value in tensor.flatten().tolist()]


def write(name, cases):
    text = ",\n".join(json.dumps(case) for case in cases)
    (HERE / f"{name}.json").write_text(f"[\n{text}\n]\n")


# ---------------------------------------------------------------- filterbanks

AST = dict(htk_compat=True, window_type="hanning", num_mel_bins=128, frame_shift=10.0)
CASES = [
    ("ast", 16000, 16000, 440.0, [0, 50, 97], AST),
    ("kaldi", 16000, 8000, 300.0, [0, 1, 24, 47], dict(window_type="povey", num_mel_bins=23)),
    (
        "mirrored", 44100, 11025, 997.0, [0, 1, 12, 23, 24],
        dict(window_type="hamming", num_mel_bins=80, snip_edges=False, low_freq=60.0, high_freq=-1000.0),
    ),
    (
        "magnitude", 8000, 4000, 1234.5, [0, 7, 47],
        dict(window_type="blackman", num_mel_bins=40, use_power=False, high_freq=3700.0),
    ),
    (
        "linear", 32000, 9600, 5000.0, [0, 10, 30],
        dict(window_type="rectangular", num_mel_bins=64, frame_length=30.0, frame_shift=8.0, use_log_fbank=False,
             remove_dc_offset=False, preemphasis_coefficient=0.0, round_to_power_of_two=False),
    ),
    (
        "gaps", 16000, 8000, 220.0, [0, 1, 15],
        dict(window_type="hanning", num_mel_bins=32, frame_length=20.0, frame_shift=30.0, snip_edges=False),
    ),
]

records = []
for name, rate, length, hertz, frames, options in CASES:
    wave = signal(rate, length, hertz)
    values = kaldi.fbank(wave, sample_frequency=rate, use_energy=False, dither=0.0, **options)
    exact = kaldi.fbank(wave.double(), sample_frequency=rate, use_energy=False, dither=0.0, **options)
    print(f"{name}: {tuple(values.shape)}, f32 is within {(values - exact).abs().max():.1e} of f64")
    records.append(dict(
        name=name, rate=rate, length=length, hertz=hertz, options=options, shape=list(values.shape), frames=frames,
        values=[rounded(values[frame]) for frame in frames], exact=[rounded(exact[frame]) for frame in frames],
        mean=float(exact.mean()),
    ))
write("filterbanks", records)

# ---------------------------------------------------------------- masks

masks = []
for size, parameter in [(128, 48), (128, 24), (1024, 192), (128, 128), (10, 3)]:
    for draws in [(0.0, 0.0), (0.5, 0.5), (0.999, 0.999), (0.31, 0.77)]:
        queue = list(draws)
        original, torch.rand = torch.rand, lambda *_, **__: torch.tensor([queue.pop(0)])
        mask = TimeMasking(parameter)(torch.ones(1, 1, size))
        torch.rand = original
        hidden = (mask.flatten() == 0).nonzero().flatten().tolist()
        masks.append(dict(size=size, parameter=parameter, draws=draws, start=hidden[0] if hidden else None,
                          width=len(hidden)))
write("masks", masks)

# ---------------------------------------------------------------- everything, in SSAMBA's order


def filterbank(wave, frames):
    values = kaldi.fbank(wave, sample_frequency=16000, use_energy=False, dither=0.0, **AST)
    missing = frames - values.shape[0]
    return torch.nn.functional.pad(values, (0, 0, 0, missing)) if missing > 0 else values[:frames]


def fixed_noise(frames, bins):
    """The low digits of a counter: no generator is needed to repeat it."""
    return (torch.arange(frames * bins) * 37 % 101 / 101.0).reshape(frames, bins)


whole = []
for frames, share, masks_at, noise, shift in [
    (32, 1.0, None, None, None),
    (24, 0.7, [(0.4, 0.5), (0.9, 0.25)], 0.06, -3),
    (32, 0.35, [(0.2, 0.9), (0.5, 0.1)], 0.02, 5),
]:
    first, second = signal(16000, 4800, 440.0), signal(16000, 4000, 700.0, seed=7)
    wave = first - first.mean()
    if share < 1.0:
        padded = torch.zeros_like(first)
        second = second - second.mean()
        padded[0, : second.shape[1]] = second
        wave = share * wave + (1 - share) * padded
        wave = wave - wave.mean()
    values = filterbank(wave, frames)
    if masks_at:
        queue = [draw for pair in masks_at for draw in pair]
        original, torch.rand = torch.rand, lambda *_, **__: torch.tensor([queue.pop(0)])
        picture = values.transpose(0, 1).unsqueeze(0)
        values = TimeMasking(12)(FrequencyMasking(48)(picture)).squeeze(0).transpose(0, 1)
        torch.rand = original
    values = (values - -6.6268077) / (5.358466 * 2)
    if noise:
        values = torch.roll(values + fixed_noise(frames, 128) * noise, shift, 0)
    kept = list(range(0, frames, 5))
    whole.append(dict(frames=frames, share=share, masks=masks_at, noise=noise, shift=shift, kept=kept,
                      values=[rounded(values[frame]) for frame in kept]))
write("pipeline", whole)

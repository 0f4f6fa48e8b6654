"""Time of torchaudio's filterbank on one core.

    pip install torch==2.15.0 torchaudio==2.11.1
    python torchaudio_fbank.py [SECONDS]
"""

import sys
import time

import torch
from torchaudio.compliance import kaldi

ROUNDS = 200
seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 10
torch.set_num_threads(1)
sound = torch.rand(1, seconds * 16000) - 0.5
times = []
with torch.no_grad():
    for _ in range(ROUNDS):
        start = time.perf_counter()
        kaldi.fbank(sound, htk_compat=True, sample_frequency=16000, use_energy=False, window_type="hanning",
                    num_mel_bins=128, dither=0.0, frame_shift=10)
        times.append((time.perf_counter() - start) * 1e3)
times.sort()
print(f"{seconds} s of sound: {times[0]:.3f} ms at best, {times[ROUNDS // 2]:.3f} ms in the middle of {ROUNDS}")

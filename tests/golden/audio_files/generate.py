"""Records small sound files in the formats that are read, and what libsndfile makes of them.

    pip install numpy soundfile==0.14.0      # brings libsndfile 1.2.2
    python generate.py        # writes sound files beside this one

A voice-like sound: a gliding tone with overtones that swells and fades. `<name>.wav` is the sound of `<name>.flac` and so on
as libsndfile decodes it, in whole numbers of 16 bits.
"""

from pathlib import Path

import numpy as np
import soundfile

HERE = Path(__file__).parent


def sound(rate, channels, seconds=0.2):
    time = np.arange(int(rate * seconds)) / rate
    glide = np.cumsum(200 + 400 * time / seconds) / rate
    voice = sum(np.sin(2 * np.pi * glide * overtone) / overtone for overtone in (1, 2, 3))
    swell = np.sin(np.pi * time / seconds)
    return np.stack([0.4 / (channel + 1) * swell * voice for channel in range(channels)], axis=1)


CASES = [
    ("mono_16k", "flac", 16000, 1, "PCM_16"),
    ("stereo_44k", "flac", 44100, 2, "PCM_24"),
    ("mono_16k", "ogg", 16000, 1, "VORBIS"),
    ("stereo_44k", "ogg", 44100, 2, "VORBIS"),
    ("mono_16k", "mp3", 16000, 1, "MPEG_LAYER_III"),
    ("stereo_44k", "mp3", 44100, 2, "MPEG_LAYER_III"),
    ("opus_16k", "opus.ogg", 16000, 1, "OPUS"),
]

for name, ending, rate, channels, subtype in CASES:
    container = {"opus.ogg": "OGG"}.get(ending, ending.upper())
    path = HERE / f"{name}.{ending}"
    soundfile.write(path, sound(rate, channels), rate, format=container, subtype=subtype)
    if subtype == "OPUS":
        continue
    decoded, rate = soundfile.read(path, always_2d=True)
    soundfile.write(HERE / f"{name}_{ending}.wav", decoded.mean(axis=1), rate, subtype="PCM_16")

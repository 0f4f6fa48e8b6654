#!/usr/bin/env bash
# Time and memory of inference against the number of tokens, state spaces beside attention:
#   experiments/2026-11-30_length/run.sh target/release/elapid DEVICE
# Sounds as in the paper of SSAMBA (batch 4, 128 bins, patches of 16 × 16, ft_avgtok, 50 classes, weights drawn), images as in that of Vim
# (tiny, patches of 16, batch 8). A line a model and size: kind, mixer, tokens, type, then what `elapid bench model` prints.
set -uo pipefail
elapid=$1 device=$2
file=$(mktemp --suffix .toml)
bench() { # kind mixer tokens batch dtype; the model is on standard input
    cat >"$file"
    "$elapid" bench model "$file" --device "$device" --batch "$4" --dtype "$5" --inference 2>&1 | tail -1 | sed "s/^/$1 $2 $3 /"
}
depth() { [ "$1" = mamba ] && echo 24 || echo 12; }
for dtype in ${DTYPES:-fp32 bf16}; do
    for tokens in ${TOKENS:-512 1024 2048 4096 8192 16384 22016}; do
        for mixer in mamba attention; do
            bench sounds $mixer $tokens 4 $dtype <<TOML
[model]
backbone = "ssamba"
frames = $((tokens * 2))
depth = $(depth $mixer)
mixer = "$mixer"
official_quirks = $([ $mixer = mamba ] && echo true || echo false)

[task]
kind = "classify"
classes = 50
TOML
        done
    done
    for size in ${SIZES:-224 512 768 1024 1248}; do
        for mixer in mamba attention; do
            bench images $mixer $((size * size / 256)) 8 $dtype <<TOML
[model]
backbone = "vim"
image_size = $size
depth = $(depth $mixer)
mixer = "$mixer"

[task]
kind = "classify"
TOML
        done
    done
done
rm -f "$file"

#!/usr/bin/env bash
# Graph-Mamba on PATTERN with the published settings, a run for each seed, side by side on one device:
#   experiments/2026-11-30_pattern/run.sh target/release/elapid OUT DEVICE "0 1" [--set …]
# Prints the test accuracy of each and the seconds that it took.
set -uo pipefail
elapid=$(realpath "$1") out=$2 device=$3 seeds=$4
shift 4
mkdir -p "$out"
source "$(dirname "$0")/../share_gpu.sh"
for seed in $seeds; do
    (
        started=$SECONDS
        "$elapid" train "configs/graphs/${CONFIG:-graph_mamba_pattern}.toml" --device "$device" --out "$out/$seed" \
            --set run.seed=$seed "$@" >"$out/$seed.txt" 2>&1
        echo "seed $seed: $((SECONDS - started)) s, $(grep -E '^test at' "$out/$seed.txt")"
    ) &
done
wait

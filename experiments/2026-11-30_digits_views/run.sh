#!/usr/bin/env bash
# What are views worth on the digits? Trains `configs/vision/vim_digits_long.toml` with each seed, one after another, and tests with 1 to 64 views:
#   experiments/2026-11-30_digits_views/run.sh target/release/elapid OUT DEVICE "0 1 2" [--set …]
set -euo pipefail
elapid=$(realpath "$1") out=$2 device=$3 seeds=$4
shift 4
mkdir -p "$out"
for seed in $seeds; do
    started=$SECONDS
    "$elapid" train configs/vision/vim_digits_long.toml --device "$device" --out "$out/$seed" --set run.seed=$seed "$@" >"$out/$seed.txt" 2>&1
    echo "seed $seed: $((SECONDS - started)) s, $(grep '^test at' "$out/$seed.txt")"
    for views in 1 2 4 8 16 32 64; do "$elapid" eval "$out/$seed" --views $views --json >"$out/$seed-$views.json"; done
done
python3 - "$out" "$seeds" <<'PY'
import json, pathlib, statistics, sys
out, seeds = pathlib.Path(sys.argv[1]), sys.argv[2].split()
for views in (1, 2, 4, 8, 16, 32, 64):
    found = [100 * json.loads((out / f"{seed}-{views}.json").read_text())["metrics"]["accuracy"] for seed in seeds]
    spread = statistics.stdev(found) if len(found) > 1 else float("nan")
    print(f"{views:2} views: {statistics.mean(found):.2f} ± {spread:.2f} % {[round(x, 2) for x in found]}")
PY

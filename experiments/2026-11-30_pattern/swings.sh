#!/usr/bin/env bash
# How far does validation jump from one time to the next? A small Graph-Mamba on 400 graphs of PATTERN, validated every ten steps:
#   experiments/2026-11-30_pattern/swings.sh target/release/elapid OUT DEVICE [--set …]
# Prints, for the last two thirds of 60 validations, the mean, the lowest, the highest, and the root of the mean square of the jumps.
set -euo pipefail
elapid=$1 out=$2 device=$3
shift 3
"$elapid" train configs/graphs/graph_mamba_pattern.toml --device "$device" --out "$out" --set data.train=400 --set data.valid=100 \
    --set data.test=100 --set model.embed_dim=32 --set model.depth=3 --set model.draws=1 --set train.epochs=12 --set train.batch_size=8 \
    --set "eval.every=10 steps" --set eval.batch_size=25 --set "schedule.warmup=20 steps" --set "train.checkpoint=1000 epochs" "$@" >"$out.txt" 2>&1
python3 - "$out/metrics.jsonl" <<'PY'
import json, sys
lines = [json.loads(line) for line in open(sys.argv[1])]
for name in ["balanced_accuracy", "auc"]:
    values = [100 * l["value"] for l in lines if l["split"] == "valid" and l["name"] == name]
    values = values[len(values) // 3 :]
    jumps = [(after - before) ** 2 for before, after in zip(values, values[1:])]
    root = (sum(jumps) / len(jumps)) ** 0.5
    print(f"{name:18} mean {sum(values) / len(values):.2f}, {min(values):.2f} to {max(values):.2f}, jumps {root:.2f}")
PY

#!/usr/bin/env bash
# Graph-Mamba on Minesweeper and the same network without its scan, a run for each of the published splits, side by side on one device:
#   experiments/2026-11-30_minesweeper/run.sh target/release/elapid OUT DEVICE ["0 1 2 3 4"] [--set …]
# Run number r has the seed r and split r of one board: that of the published file BOARD, or one that is drawn. Prints a line a run and a table:
# area under the ROC of the test nodes, of the weights with the best area of the validation nodes. AT_ONCE runs share the device (5); none goes on
# after SECONDS_IN_ALL (570). MODELS="mamba" leaves the control out.
set -uo pipefail
elapid=$(realpath "$1") out=$2 device=$3 splits=${4:-0 1 2 3 4}
shift $(($# < 4 ? $# : 4))
at_once=${AT_ONCE:-5} all=${SECONDS_IN_ALL:-570}
board=()
[ -n "${BOARD:-}" ] && board=(--set data.name=heterophilous --set "data.path=$BOARD" --set data.padding=none)
mkdir -p "$out"
source "$(dirname "$0")/../share_gpu.sh"

train() { # name arguments…
    local name=$1 started=$SECONDS
    shift
    timeout --signal=INT $((all > SECONDS ? all - SECONDS : 1)) "$elapid" train configs/graphs/graph_mamba_minesweeper.toml \
        --device "$device" --out "$out/$name" "$@" >"$out/$name.txt" 2>&1
    echo "$name: $((SECONDS - started)) s, $(grep -E '^test at|^error' "$out/$name.txt" | head -1)"
}

for model in ${MODELS:-mamba none}; do
    for split in $splits; do
        while [ "$(jobs -rp | wc -l)" -ge "$at_once" ]; do wait -n; done
        train "$model-$split" "${board[@]}" --set model.global=$model --set run.seed=$split --set data.split=$split "$@" &
    done
done
wait
python3 - "$out" <<'PY'
import collections, json, pathlib, statistics, sys
found = collections.defaultdict(list)
for metrics in sorted(pathlib.Path(sys.argv[1]).glob("*/metrics.jsonl")):
    lines = [json.loads(line) for line in metrics.open()]
    areas = [l["value"] for l in lines if l["split"] == "test" and l["name"] == "auc"]
    found[metrics.parent.name.split("-")[0]] += areas[-1:]
for model, areas in sorted(found.items()):
    if areas:
        spread = statistics.stdev(areas) if len(areas) > 1 else float("nan")
        name = {"mamba": "Graph-Mamba", "none": "without its scan"}.get(model, model)
        print(f"{name:18} {statistics.mean(areas):.4f} ± {spread:.4f} {[round(area, 4) for area in areas]}")
PY

#!/usr/bin/env bash
# At which depth does each network stop answering the root of Tree-NeighborsMatch?
#   experiments/2026-11-30_trees/run.sh target/release/elapid OUT DEVICE ["2 3 4 5 6"] [--set …]
# Trains each network on trees of each depth and prints a line a run and a table: the highest accuracy on the training trees, as
# published. Networks have one layer more than the trees are deep. MODELS names the networks, AT_ONCE how many runs share the device (10); none
# goes on after SECONDS_IN_ALL (330), and the table has what they reached by then.
set -uo pipefail
elapid=$(realpath "$1") out=$2 device=$3 depths=${4:-2 3 4 5 6}
shift $(($# < 4 ? $# : 4))
here=$(realpath "$(dirname "$0")")
at_once=${AT_ONCE:-10} all=${SECONDS_IN_ALL:-330}
models=${MODELS:-gcn gin gated_gcn graph_mamba bidirectional gmn neural_walker}
mkdir -p "$out"
source "$(dirname "$0")/../share_gpu.sh"

# What a network changes in `graph_mamba_trees.toml`, for `$1` layers.
settings() { # layers model
    local layers=$1
    case $2 in
    gcn | gin | gated_gcn) echo model.local=$2 model.global=none model.depth=$layers ;;
    graph_mamba) echo model.local=gated_gcn model.global=mamba model.depth=$layers ;;
    bidirectional) echo model.depth=$layers ;;
    gmn) echo model.backbone=gmn model.embed_dim=32 model.head_layers=1 model.local_layers=$layers model.node_layers=$layers ;;
    neural_walker) echo model.backbone=neural_walker model.embed_dim=32 model.walk_length=$((2 * layers)) model.depth=$layers ;;
    esac
}

train() { # depth model arguments…
    local depth=$1 model=$2 started=$SECONDS batch=64 arguments=()
    shift 2
    [ "$depth" -gt 3 ] && batch=256
    for setting in $(settings $((depth + 1)) "$model") data.depth=$depth train.batch_size=$batch; do arguments+=(--set "$setting"); done
    timeout --signal=INT $((all > SECONDS ? all - SECONDS : 1)) "$elapid" train "$here/trees.toml" --device "$device" \
        --out "$out/$model-$depth" "${arguments[@]}" "$@" >"$out/$model-$depth.txt" 2>&1
    echo "$model, depth $depth: $((SECONDS - started)) s, $(grep -E '^test at|^error' "$out/$model-$depth.txt" | head -1)"
}

for depth in $depths; do
    for model in $models; do
        while [ "$(jobs -rp | wc -l)" -ge "$at_once" ]; do wait -n; done
        train "$depth" "$model" "$@" &
    done
done
wait
python3 - "$out" "$depths" "$models" <<'PY'
import json, pathlib, sys
out, depths, models = pathlib.Path(sys.argv[1]), sys.argv[2].split(), sys.argv[3].split()
print("accuracy on the training trees, % (steps)")
print("| | " + " | ".join(depths) + " |\n|---|" + "---|" * len(depths))
for model in models:
    cells = []
    for depth in depths:
        metrics = out / f"{model}-{depth}" / "metrics.jsonl"
        lines = [json.loads(line) for line in metrics.open()] if metrics.exists() else []
        valid = [(l["value"], l["step"]) for l in lines if l["split"] == "valid" and l["name"] == "accuracy"]
        cells.append(f"{100 * max(valid)[0]:.1f} ({max(step for _, step in valid)})" if valid else "–")
    print(f"| {model} | " + " | ".join(cells) + " |")
PY

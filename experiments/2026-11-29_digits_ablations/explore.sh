#!/usr/bin/env bash
# Which settings reach 98.5 % on the digits? Trains `configs/vision/vim_digits.toml` with each line of `settings.txt` and six seeds, eight
# runs at a time on each device, and prints mean, deviation and every result:
#   experiments/2026-11-29_digits_ablations/explore.sh target/release/elapid OUT cuda:0 cuda:1
set -uo pipefail
elapid=$(realpath "$1") out=$2
shift 2
here=$(dirname "$0")
mkdir -p "$out"
number=0 slot=0
while read -r settings; do
    [ -n "$settings" ] || continue
    for seed in 0 1 2 3 4 5; do
        device=${@:$((slot % $# + 1)):1}
        set_args=()
        for setting in $settings; do set_args+=(--set "$setting"); done
        "$elapid" train configs/vision/vim_digits.toml --device "$device" --out "$out/$number-$seed" --set run.seed=$seed \
            "${set_args[@]}" >"$out/$number-$seed.txt" 2>&1 &
        slot=$((slot + 1))
        while [ "$(jobs -rp | wc -l)" -ge $((8 * $#)) ]; do wait -n; done
    done
    number=$((number + 1))
done <"$here/settings.txt"
wait
python3 - "$out" "$here/settings.txt" <<'PY'
import json, pathlib, statistics, sys
out, settings = pathlib.Path(sys.argv[1]), [l.strip() for l in open(sys.argv[2]) if l.strip()]
for number, line in enumerate(settings):
    found = []
    for seed in range(6):
        metrics = out / f"{number}-{seed}" / "metrics.jsonl"
        lines = [json.loads(l) for l in open(metrics)] if metrics.exists() else []
        found += [l["value"] for l in lines if l["split"] == "test" and l["name"] == "accuracy"]
    spread = statistics.stdev(found) if len(found) > 1 else float("nan")
    mean = statistics.mean(found) if found else float("nan")
    print(f"{100 * mean:.2f} ± {100 * spread:.2f} % {[round(100 * x, 2) for x in found]}  {line}")
PY

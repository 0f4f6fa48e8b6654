#!/usr/bin/env bash
# What do all loggers cost a step? Trains the smoke config by turns with every log on (a line every 5 steps, CSV, TensorBoard, loss spikes) and
# with next to none (one line at the end), and compares the wall times of the processes, less that of a run of one step:
#   experiments/2026-11-29_trainer-overhead/loggers.sh target/release/elapid [DEVICE] [PAIRS] [STEPS] [SETTING…]
set -euo pipefail
elapid=$(realpath "$1")
device=${2:-cpu} pairs=${3:-15} steps=${4:-400}
shift $(($# < 4 ? $# : 4))
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
common=(train.steps="$steps" train.checkpoint=1000000 eval.every=1000000 data.valid_fraction=0)
for setting in "$@"; do common+=("$setting"); done
run() { # NAME SETTING…: prints the seconds it took
    local name=$1 begun=$EPOCHREALTIME
    shift
    local settings=()
    for setting in "${common[@]}" "$@"; do settings+=(--set "$setting"); done
    "$elapid" train configs/smoke/vim_digits.toml --device "$device" --out "$work/$name" "${settings[@]}" >/dev/null 2>&1
    echo "$name $(python3 -c "print($EPOCHREALTIME - $begun)")" | tee -a "$work/seconds" >/dev/null
}
on=(log.every=5 log.csv=true log.tensorboard=true)
off=(log.every="$steps" log.spikes=0)
run warm "${on[@]}"
for pair in $(seq "$pairs"); do
    run "one-$pair" "${off[@]}" train.steps=1
    run "on-$pair" "${on[@]}"
    run "off-$pair" "${off[@]}"
done
python3 - "$work/seconds" "$pairs" "$steps" <<'PY'
import statistics, sys
seconds = dict(line.split() for line in open(sys.argv[1]))
pairs, steps = int(sys.argv[2]), int(sys.argv[3])
of = lambda name: [float(seconds[f"{name}-{pair}"]) for pair in range(1, pairs + 1)]
start = statistics.median(of("one"))
on, off = ([total - start for total in of(name)] for name in ("on", "off"))
ratios = [a / b for a, b in zip(on, off)]
quarters = statistics.quantiles(ratios, n=4)
print(f"{1e3 * statistics.median(off) / (steps - 1):.3f} ms a step without logs; with all logs x {statistics.median(ratios):.4f}, "
      f"quartiles {quarters[0]:.4f} to {quarters[2]:.4f}; {pairs} pairs of {steps} steps")
PY

#!/usr/bin/env bash
# Which settings read the digits of new writers best, and what do they reach on the test digits?
#   experiments/2026-11-30_digits/run.sh target/release/elapid OUT DEVICE choose
#   experiments/2026-11-30_digits/run.sh target/release/elapid OUT DEVICE test NUMBER
# `choose` trains with each line of `settings.txt` on three parts of the training digits and tests on the writers left out (`folds.py`); it
# reads no test digit. `test` trains with line NUMBER, from 0, and the seeds 0 to 5 on all training digits and tests on the test digits. Prints a
# line a run and a table. AT_ONCE runs share the device (10); none goes on after SECONDS_IN_ALL (570). What is behind is set for all
# runs, as train.epochs=1.
set -uo pipefail
elapid=$(realpath "$1") out=$2 device=$3 mode=$4
shift 4
here=$(realpath "$(dirname "$0")")
at_once=${AT_ONCE:-10} all=${SECONDS_IN_ALL:-570}
# What `explore.sh` of 2026-11-29 found best, and no digit held out: the weights of the last step are tested.
common=(train.ema=0.998 data.augment.erase=0.25 data.valid_fraction=0 "train.checkpoint=1000 epochs")
mkdir -p "$out"

train() { # name settings…
    local name=$1 started=$SECONDS arguments=()
    shift
    for setting in "$@"; do arguments+=(--set "$setting"); done
    timeout --signal=INT $((all > SECONDS ? all - SECONDS : 1)) "$elapid" train configs/vision/vim_digits.toml --device "$device" \
        --out "$out/$name" "${arguments[@]}" >"$out/$name.txt" 2>&1
    echo "$name: $((SECONDS - started)) s, $(grep -E '^test at|^error' "$out/$name.txt" | head -1)"
}

# As many at a time as there is room for.
queue() {
    while [ "$(jobs -rp | wc -l)" -ge "$at_once" ]; do wait -n; done
    train "$@" &
}

# The settings of line NUMBER, one a line.
line() { grep . "$here/settings.txt" | sed -n "$(($1 + 1))p" | tr ' ' '\n'; }

case $mode in
choose)
    python3 "$here/folds.py" datasets/digits/digits.csv "$out/folds" || exit 1
    numbers=$(($(grep -c . "$here/settings.txt") - 1))
    # Compiled kernels are kept, so that not every run makes them.
    train warm-up "${common[@]}" train.epochs=1
    for fold in 0 1 2; do
        folds=(data.name=mnist data.path="$out/folds/$fold" "data.mean=[0.30543467]" "data.std=[0.37534216]")
        for number in $(seq 0 $numbers); do
            mapfile -t settings < <(line "$number")
            queue "$number-$fold" "${common[@]}" "${folds[@]}" run.seed=$fold "${settings[@]}" "$@"
        done
    done
    ;;
test)
    number=$1
    shift
    mapfile -t settings < <(line "$number")
    for seed in 0 1 2 3 4 5; do
        queue "$number-$seed" "${common[@]}" run.seed=$seed "${settings[@]}" "$@"
    done
    ;;
*)
    echo "choose or test, not $mode"
    exit 2
    ;;
esac
wait
python3 "$here/table.py" "$out" "$here/settings.txt"

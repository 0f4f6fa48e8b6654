#!/usr/bin/env bash
# Two GPUs against one: losses, odd batches, speed, resumption. Run from the repository root, in a release build:
#   experiments/2026-11-29_two-gpus/run.sh target/release/elapid OUT
# DEVICES=cpu,cpu ONE=cpu SPEED=no tries the rest of it without GPUs. What came out is in OUT/report.txt, the logs in OUT/logs.txt.
set -uo pipefail

elapid=$(realpath "$1")
out=$(mkdir -p "$2" && realpath "$2")
here=$(dirname "$0")
one=${ONE:-cuda:0}
two=${DEVICES:-cuda:0,cuda:1}
work=$(mktemp -d)
report=$out/report.txt
logs=$out/logs.txt
: >"$report"
: >"$logs"

say() { echo "[$SECONDS s] $*" | tee -a "$report"; }

# NCCL: PyTorch's wheel has it under a name that is not looked for.
if ! ldconfig -p 2>/dev/null | grep -q 'libnccl\.so '; then
    packages=$(python3 -c 'import site; print(*site.getsitepackages())')
    found=$(find $packages /usr/lib /usr/local /opt -name 'libnccl.so.2' 2>/dev/null | head -n 1)
    if [ -n "$found" ]; then
        ln -s "$found" "$work/libnccl.so"
        export LD_LIBRARY_PATH="$work:$(dirname "$found")${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
    fi
    say "NCCL: ${found:-not found}"
fi
# NVLink's multicast is not everywhere allowed, and little is to be had from it between two cards.
export NCCL_NVLS_ENABLE=${NCCL_NVLS_ENABLE:-0}
export NCCL_DEBUG=${NCCL_DEBUG:-WARN}
export ELAPID_LOG=${ELAPID_LOG:-elapid_train=debug,warn}

# train NAME CONFIG DEVICES [SETTING…]: a run in $work/NAME, ended after two minutes.
train() {
    local name=$1 config=$2 devices=$3
    shift 3
    local settings=() status
    for setting in "$@"; do settings+=(--set "$setting"); done
    echo "=== $name: $config on $devices: $*" >>"$logs"
    timeout -k 5 "${LIMIT:-120}" "$elapid" train "$config" --device "$devices" --out "$work/$name" "${settings[@]}" \
        >>"$logs" 2>&1
    status=$?
    cat "$work/$name/log.txt" >>"$logs" 2>/dev/null
    [ $status = 0 ] || say "$name: FAILED with exit code $status (124: time was up); see logs.txt"
}

# compare WHAT A B: the largest differences of the values that two runs logged.
compare() {
    python3 - "$work" "$@" <<'PY' 2>&1 | tee -a "$report"
import json, sys
work, what, *runs = sys.argv[1:]
def read(run):
    lines = map(json.loads, open(f"{work}/{run}/metrics.jsonl"))
    return {(l["split"], l["step"], l["name"]): l["value"] for l in lines if l["name"] not in ("step_ms", "samples_per_s")}
a, b = map(read, runs)
print(f"{what}: {len(a)} and {len(b)} values")
for split, name in sorted({(s, n) for s, _, n in a if n != "lr"}):
    pairs = [(a[k], b[k], k[1]) for k in a if k in b and (k[0], k[2]) == (split, name)]
    off, step = max((abs(x - y), step) for x, y, step in pairs)
    print(f"  {split} {name}: largest difference {off:.3g}, at step {step} of {len(pairs)} (first {pairs[0][0]:.6g}, last {pairs[-1][0]:.6g})")
PY
}

# speed NAME: samples a second, the median over the second half of a run's lines.
speed() {
    python3 - "$work/$1/metrics.jsonl" <<'PY' 2>/dev/null || echo 0
import json, statistics, sys
lines = [json.loads(l) for l in open(sys.argv[1])]
values = [l["value"] for l in lines if l["name"] == "samples_per_s"]
print(round(statistics.median(values[len(values) // 2:]), 1))
PY
}

smoke=configs/smoke/vim_digits.toml
every=(log.every=1 train.checkpoint=1000 "eval.every=20 steps" train.steps=60 data.workers=4)

say "losses: a batch of 32 on one device and on two"
quiet=model.drop_path_rate=0
train tune "$smoke" "$one" "${every[@]}" $quiet
train one "$smoke" "$one" "${every[@]}" $quiet
train two "$smoke" "$two" "${every[@]}" $quiet
compare "one device, two devices" one two
# The same noise is drawn for halves of a batch, whichever device they are on.
noisy=(model.drop_path_rate=0.2 train.ema=0.9)
train one-noisy "$smoke" "$one" "${every[@]}" "${noisy[@]}" train.micro_batch=16
train two-noisy "$smoke" "$two" "${every[@]}" "${noisy[@]}"
compare "with drop path and an average: one device in halves, two devices" one-noisy two-noisy
train two-off "$smoke" "$two" "${every[@]}" "${noisy[@]}" train.graph=off
compare "two devices with hardware graphs, without" two-noisy two-off

say "uneven batches: 333 samples in shares of 167 and 166, and what is left for the last of an epoch"
train one-odd "$smoke" "$one" "${every[@]}" $quiet train.batch_size=333
train two-odd "$smoke" "$two" "${every[@]}" $quiet train.batch_size=333
compare "one device, two devices" one-odd two-odd

say "resumption"
timeout -k 5 100 "$elapid" verify-resume "$smoke" --kills 2 --device "$two" --set train.steps=40 --set train.checkpoint=10 \
    --set model.drop_path_rate=0.2 --set train.ema=0.9 --out "$work/resume" 2>>"$logs" | tee -a "$report"

if [ "${SPEED:-yes}" = yes ]; then
    say "Vim-small, 224 x 224, bf16"
    small=$here/vim_small_224.toml
    workers=$(($(nproc) > 2 ? $(nproc) - 2 : 1))
    LIMIT=150 train small-tune "$small" "$two" train.steps=8 train.batch_size=256 data.workers=$workers
    say "tuned"
    train small-1x128 "$small" "$one" data.workers=$workers
    train small-2x128 "$small" "$two" data.workers=$workers train.batch_size=256
    train small-2x64 "$small" "$two" data.workers=$workers
    a=$(speed small-1x128) b=$(speed small-2x128) c=$(speed small-2x64)
    {
        echo "one GPU, batch 128:  $a samples/s"
        echo "two GPUs, batch 256: $b samples/s, $(python3 -c "print(round($b / max($a, 1), 3))") x"
        echo "two GPUs, batch 128: $c samples/s, $(python3 -c "print(round($c / max($a, 1), 3))") x"
    } | tee -a "$report"
    nvidia-smi topo -m 2>/dev/null | head -n 5 | tee -a "$report"
fi
grep -h -E "NCCL|could not be recorded|main memory|WARN|ERROR" "$logs" | sort | uniq -c | sort -rn | head -n 20 | tee -a "$report"
say "done"
rm -rf "$work"

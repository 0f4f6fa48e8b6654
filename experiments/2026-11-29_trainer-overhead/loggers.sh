#!/usr/bin/env bash
# What do all loggers cost a step? Trains the smoke config by turns with every log on (a line every 5 steps, CSV, TensorBoard, loss spikes) and
# with next to none (one line at the end), and compares wall time and processor time of the processes, less those of a run of one step:
#   experiments/2026-11-29_trainer-overhead/loggers.sh target/release/elapid [DEVICE] [PAIRS] [STEPS] [SETTING…]
exec python3 - "$@" <<'PY'
import os, statistics, subprocess, sys, tempfile, time
elapid = os.path.realpath(sys.argv[1])
device, pairs, steps = (sys.argv[2:5] + ["cpu", "15", "400"][len(sys.argv[2:5]):])
pairs, steps, extra = int(pairs), int(steps), sys.argv[5:]
common = [f"train.steps={steps}", "train.checkpoint=1000000", "eval.every=1000000", "data.valid_fraction=0", *extra]
on = ["log.every=5", "log.csv=true", "log.tensorboard=true"]
off = [f"log.every={steps}", "log.spikes=0"]

def run(settings):
    """Seconds of wall and of processor time."""
    with tempfile.TemporaryDirectory() as work:
        command = [elapid, "train", "configs/smoke/vim_digits.toml", "--device", device, "--out", f"{work}/run"]
        for setting in common + settings:
            command += ["--set", setting]
        before, begun = os.times(), time.monotonic()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        after = os.times()
        cpu = after.children_user - before.children_user + after.children_system - before.children_system
        return time.monotonic() - begun, cpu

run(on)
rounds = [(run(off + ["train.steps=1"]), run(on), run(off)) for _ in range(pairs)]
for at, what in enumerate(["wall", "processor"]):
    start = statistics.median(one[at] for one, _, _ in rounds)
    ratios = [(a[at] - start) / (b[at] - start) for _, a, b in rounds]
    low, middle, high = statistics.quantiles(ratios, n=4)
    step = 1e3 * statistics.median(b[at] - start for _, _, b in rounds) / (steps - 1)
    print(f"{what}: {step:.3f} ms a step without logs; with all logs x {middle:.4f}, quartiles {low:.4f} to {high:.4f}; "
          f"{pairs} pairs of {steps} steps")
PY

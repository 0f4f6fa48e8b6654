#!/usr/bin/env bash
# Is masked pretraining worth anything where labels are few? Twelve synthetic words of unseen voices, three seeds:
#   experiments/2026-11-29_commands/run.sh target/release/elapid OUT DEVICE
# Makes the sounds, pretrains without labels, then trains on a tenth of the labels from scratch and from the pretrained weights, and on
# all labels both ways. Prints mean, deviation and every result, and the seconds that each run took.
set -uo pipefail
elapid=$(realpath "$1") out=$2 device=$3
here=$(realpath "$(dirname "$0")")
mkdir -p "$out"
[ -d data/commands ] || "$elapid" data synth commands data/commands

train() { # name config settings…
    local name=$1 config=$2 started=$SECONDS settings=()
    shift 2
    for setting in "$@"; do settings+=(--set "$setting"); done
    "$elapid" train "configs/audio/$config.toml" --device "$device" --out "$out/$name" "${settings[@]}" >"$out/$name.txt" 2>&1
    echo $((SECONDS - started)) >"$out/$name.seconds"
}

for seed in 0 1 2; do
    (
        train pretrain-$seed ssamba_tiny_commands_pretrain run.seed=$seed "eval.every=10 epochs"
        for run in "0.1 40" "0.1 120" "1.0 20"; do
            read -r share epochs <<<"$run"
            name=$share-$epochs-$seed
            few=(run.seed=$seed data.train_fraction=$share train.epochs=$epochs "eval.every=$((epochs / 10)) epochs")
            train scratch-$name ssamba_tiny_commands "${few[@]}" model.stride=[10,10] &
            train finetune-$name ssamba_tiny_commands_finetune "${few[@]}" train.init_from="$out/pretrain-$seed" &
            wait
        done
    ) &
done
wait
python3 "$here/table.py" "$out"

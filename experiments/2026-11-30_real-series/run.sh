#!/bin/sh
# Trains every model on every series with three seeds and prints the test errors: run.sh [elapid] [folder for the runs]
set -e
elapid=${1:-elapid}
out=${2:-runs/real-series}
for data in co2 sunspots elnino; do
    for model in smamba rlinear dlinear; do
        for seed in 0 1 2; do
            run="$out/${model}_${data}_$seed"
            test -e "$run" || "$elapid" train "configs/timeseries/${model}_$data.toml" --device cpu \
                --set run.seed=$seed --out "$run" > /dev/null 2>&1
            "$elapid" eval "$run" --device cpu 2> /dev/null |
                awk -v name="$data $model $seed" '$1 ~ /^(mse|mae|mse_naive|mae_naive)$/ { line = line " " $1 " " $2 } END { print name line }'
        done
    done
done

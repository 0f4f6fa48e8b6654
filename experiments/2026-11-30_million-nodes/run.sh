#!/usr/bin/env bash
# Usage: run.sh ELAPID OUT. Builds the example and makes all numbers of README.md but those of the commit before.
set -euo pipefail
elapid=$1 out=$2
here=$(cd "$(dirname "$0")" && pwd)
cargo build --release -p elapid-data --example graphs
for _ in 1 2 3 4; do
    for nodes in 10000 100000 1000000; do
        target/release/examples/graphs sampling "$nodes"
    done
done
target/release/examples/graphs epochs 10000
target/release/examples/graphs epochs 1000000
/usr/bin/time -v "$elapid" train "$here/walker.toml" --out "$out"

"""Prints the results of run.sh: python3 table.py OUT"""
import collections, json, pathlib, statistics, sys

out = pathlib.Path(sys.argv[1])
found = collections.defaultdict(list)
for metrics in sorted(out.glob("*/metrics.jsonl")):
    kind, seed = metrics.parent.name.rsplit("-", 1)
    lines = [json.loads(line) for line in metrics.open()]
    seconds = out / f"{metrics.parent.name}.seconds"
    seconds = int(seconds.read_text()) if seconds.exists() else -1
    name = "mask_accuracy" if kind == "pretrain" else "accuracy"
    values = [l["value"] for l in lines if l["split"] == "test" and l["name"] == name]
    if values:
        found[kind].append((values[-1], seconds))
for kind, runs in found.items():
    values = [100 * value for value, _ in runs]
    spread = statistics.stdev(values) if len(values) > 1 else float("nan")
    print(f"{kind:16} {statistics.mean(values):6.2f} ± {spread:.2f} % {[round(v, 2) for v in values]}, {max(s for _, s in runs)} s")

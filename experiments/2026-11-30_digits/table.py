"""Prints the results of run.sh: python3 table.py OUT SETTINGS.txt

One line for each line of the settings: mean, deviation and every result of its runs, the best mean first.
"""
import json, pathlib, statistics, sys

out = pathlib.Path(sys.argv[1])
settings = [line.strip() for line in open(sys.argv[2]) if line.strip()]
lines = []
for number, line in enumerate(settings):
    found = []
    for metrics in sorted(out.glob(f"{number}-*/metrics.jsonl"), key=lambda path: int(path.parent.name.split("-")[1])):
        logged = [json.loads(text) for text in metrics.open()]
        found += [100 * l["value"] for l in logged if l["split"] == "test" and l["name"] == "accuracy"][-1:]
    if found:
        spread = statistics.stdev(found) if len(found) > 1 else float("nan")
        lines.append((statistics.mean(found), f"± {spread:.2f} % {[round(x, 2) for x in found]}  {number}: {line}"))
for mean, line in sorted(lines, reverse=True):
    print(f"{mean:.2f} {line}")

"""What the GPU does in one training step, from a trace: python step.py trace.tsv NUMBER"""

import collections
import sys

rows = []
for line in open(sys.argv[1]):
    start, end, size, name = line.rstrip("\n").split("\t")
    rows.append((int(start), int(end), size, name))
rows.sort()

# A step ends with AdamW's launches; between those of two steps lie more than 8 ms.
updates = [row[0] for row in rows if "adamw" in row[3]]
steps = updates[:1] + [b for a, b in zip(updates, updates[1:]) if b - a > 8e6]
first, last = steps[int(sys.argv[2])], steps[int(sys.argv[2]) + 1]
step = [row for row in rows if first <= row[0] < last]

busy, until = 0, first
for start, end, _, _ in step:
    busy += max(end - max(start, until), 0)
    until = max(until, end)
print(f"{(last - first) / 1e6:.2f} ms, busy for {busy / 1e6:.2f} ms, {len(step)} launches and copies")

sums = collections.defaultdict(lambda: [0, 0])
for start, end, size, name in step:
    entry = sums[name[:70], size]
    entry[0] += 1
    entry[1] += end - start
for (name, size), (count, time) in sorted(sums.items(), key=lambda item: -item[1][1])[:50]:
    print(f"{time / 1e6:8.3f} ms {count:5} × {time / count / 1e3:7.1f} µs  {size:14} {name}")

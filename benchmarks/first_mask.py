"""What one radiograph costs from a cold start: onnxruntime beside TensorFlow (bench-serving.csv).

    python benchmarks/first_mask.py LIGHT [--runs 5]

LIGHT is a Python that has the project as `pip install .` brings it, without TensorFlow; `make
bench-serving` makes one. Every run is a process of its own, the two kinds in turn.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import measuring

from xnet_study import real

CODE = """
import sys
import xnet_io
import xnet_tf
{network}
image = xnet_io.read(sys.argv[1])
xnet_io.write_mask(sys.argv[2], xnet_tf.segment(network, image, quality=sys.argv[3]).labels)
print(*(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""
KERAS = "network = xnet_tf.load_weights()"
ONNX = "network = xnet_io.load_network()"


def run(python: str, network: str, quality: str, image: Path) -> tuple[float, float]:
    """Segment an image in a process of its own.

    Returns:
        Seconds from start to end, and the largest memory it held, in MB.
    """
    with tempfile.TemporaryDirectory() as folder:
        words = [python, "-c", CODE.format(network=network), image, f"{folder}/mask.png", quality]
        start = time.perf_counter()
        # What the system says of a child counts its parent's memory, too: the child asks itself.
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True)
        seconds = time.perf_counter() - start
        if done.returncode:
            raise SystemExit(f"{network} failed: {done.stderr[-500:]}")
        return seconds, int(done.stdout.split()[-1]) / 1000


def main() -> None:
    """Time the four kinds of runs in turn and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("light", metavar="LIGHT", help="a Python without TensorFlow")
    parser.add_argument("--runs", type=int, default=5, metavar="N")
    options = parser.parse_args()
    image = real.paths()["lower leg"]
    engines = {
        "xnet_tf, onnxruntime": (str(Path(options.light).absolute()), ONNX),
        "Keras, TensorFlow": (sys.executable, KERAS),
    }
    kinds = [(name, quality) for quality in ("normal", "high") for name in engines]
    costs: dict[tuple[str, str], list] = {kind: [] for kind in kinds}
    for _ in range(options.runs + 1):
        for name, quality in kinds:
            costs[name, quality].append(run(*engines[name], quality, image))
    rows = []
    for name, quality in kinds:
        ours = next(iter(engines)), quality
        for unit, place in (("s", 0), ("MB", 1)):
            # The first round fills the file system's cache.
            value, best = (
                statistics.median(cost[place] for cost in costs[kind][1:])
                for kind in ((name, quality), ours)
            )
            row = {"method": f"{name}, quality {quality}", "value": float(f"{value:.3g}")}
            rows.append(row | {"unit": unit, "runs": options.runs, "ratio": round(value / best, 2)})
    measuring.write(rows, "serving")


if __name__ == "__main__":
    main()

"""Augmentation beside its peers, in images a second: ``make bench-augmentation``.

    python benchmarks/augmentation.py [--rounds 9] [--seconds 1]

Every method does the work of the preset ``paper``, the authors' chain, on training images of
200 x 200 and their label maps: flips, affine map, crop and resize, elastic displacement, blur.
(elasticdeform does the elastic displacement alone, the least of it.) Each lives in a process of its
own, and they work in turn, ours before each other, so that whatever else the machine does slows
both; a value is the median over the rounds, a ratio the median of the rounds' ratios.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import measuring
import numpy as np
import turns

from xnet_tf import dataset
from xnet_tf.files import InputError

HERE = Path(__file__).resolve().parent
OURS = "xnet_tf tf.data, compiled by XLA"
"""The path that training takes: the best one, which the ratios are of."""

IMGAUG, ALBUMENTATIONS = "benchmarks/.venv-imgaug", "benchmarks/.venv-albumentations"
METHODS = {
    OURS: ("ours", ".venv", "tf.data xla"),
    "xnet_tf tf.data, usual operations": ("ours", ".venv", "tf.data"),
    "xnet_tf XLA, without tf.data": ("ours", ".venv", "xla"),
    "imgaug, the authors' chain, uint8": ("imgaug", IMGAUG, "uint8"),
    "imgaug, the authors' chain, float32": ("imgaug", IMGAUG, "float32"),
    "elasticdeform, order 1": ("elasticdeform", ".venv", "1"),
    "elasticdeform, order 3": ("elasticdeform", ".venv", "3"),
    "albumentations, uint8": ("albumentations", ALBUMENTATIONS, "uint8"),
    "albumentations, float32": ("albumentations", ALBUMENTATIONS, "float32"),
    "Keras layers in tf.data": ("keras", ".venv", ""),
}
"""By name: the peer (see ``peers.py``), its environment, and a variant of it."""


def start(method: str, data: Path) -> turns.Worker:
    """Start the process of one of `METHODS` on an ``.npz`` of ``images`` and ``labels``."""
    peer, environment, variant = METHODS[method]
    python = HERE.parent / environment / "bin" / "python"
    command = [str(python), str(HERE / "peers.py"), peer, variant, str(data)]
    return turns.Worker(command, data.with_name(f"{peer}-{variant}.log"))


def main() -> None:
    """Measure and write ``results/bench-augmentation.csv``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each method and round")
    options = parser.parse_args()
    arrays = dataset.read_arrays(dataset.load(), "train", 200)
    workers = {}
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "train.npz"
        np.savez(data, images=arrays.images, labels=arrays.labels)
        try:
            for method in METHODS:
                try:
                    workers[method] = start(method, data)
                except (InputError, OSError) as error:
                    print(f"{method} is left out: {error}", file=sys.stderr)
            measured = turns.compare(workers, OURS, options.rounds, options.seconds)
        finally:
            for worker in workers.values():
                worker.close()
    measuring.write(turns.rows(measured, OURS), "augmentation")


if __name__ == "__main__":
    main()

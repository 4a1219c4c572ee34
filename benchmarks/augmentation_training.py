"""What augmentation costs training: ``make bench-augmentation``.

    python benchmarks/augmentation_training.py [--rounds 9] [--seconds 6]

Steps of the quick profile's network with its augmentation and without any, at each of the
profile's image sizes. Two processes work in turn; a value is the median over the rounds, a ratio
the median of the rounds' ratios, speed with augmentation over speed without. ``whole run`` weighs
the sizes by the time that a run spends at each.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import measuring
import serving
import turns

from xnet_tf import dataset, pipeline, profiles, training
from xnet_tf.backend import keras

ON, OFF = "augmentation on", "augmentation off"


def steps(size: int, augmentation: str) -> Iterator[int]:
    """Train the quick profile's network for ever; yield each step's number of images."""
    # So many epochs that the batches never end.
    profile = dataclasses.replace(profiles.get("quick"), augmentation=augmentation, epochs=2000)
    keras.utils.set_random_seed(profile.seed)
    model = training.build_model(training.settle_precision(profile), steps_per_epoch=100)
    model.make_train_function()
    arrays = dataset.read_arrays(dataset.load(), "train", size)
    batches = pipeline.training_batches(arrays, profile)
    # An epoch's last batch is smaller, and would make steps unequal.
    batches = iter(batches.filter(lambda images, _: len(images) == profile.batch_size))
    while True:
        float(model.train_function(batches)["loss"])
        yield profile.batch_size


def compare(size: int, rounds: int, seconds: float) -> list[dict]:
    """Return the rows of one image size."""
    presets = {ON: profiles.get("quick").augmentation, OFF: "none"}
    workers = {}
    with tempfile.TemporaryDirectory() as folder:
        try:
            for name, preset in presets.items():
                command = [sys.executable, __file__, "--serve", str(size), preset]
                workers[name] = turns.Worker(command, Path(folder) / f"{preset}.log")
            measured = turns.compare(workers, ON, rounds, seconds)
        finally:
            for worker in workers.values():
                worker.close()
    rows = [row for row in turns.rows(measured, ON) if row["unit"] == "images/s"]
    return [row | {"method": f"xnet_tf training, {size} pixels, {row['method']}"} for row in rows]


def main() -> None:
    """Measure and write ``results/bench-augmentation-training.csv``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=6.0, help="of each and every round")
    parser.add_argument("--serve", nargs=2, metavar=("SIZE", "PRESET"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        size, preset = options.serve
        serving.serve(steps(int(size), preset))
        return
    rows, without, with_it = [], 0.0, 0.0
    for size, first, end in profiles.get("quick").phases:
        both = compare(size, options.rounds, options.seconds)
        rows += both
        off = both[-1]
        without += (end - first) / off["value"]
        with_it += (end - first) / off["value"] / off["ratio"]
    whole = {"method": f"xnet_tf training, whole run, {OFF}", "unit": "images/s"}
    rows.append(whole | {"runs": options.rounds, "ratio": round(without / with_it, 3)})
    measuring.write(rows, "augmentation-training")


if __name__ == "__main__":
    main()

"""A training step beside the same network in plain Keras layers, and that it learns alike.

    python benchmarks/training.py [--widths 64 16] [--runs 5] [--steps 200]

The plain network is what Keras gives to one who writes down the paper's drawing: up-sampling and
convolution as two layers, float32. Plain layers in bfloat16 have a row of their own, so that what
`UpConv2D` gives and what the dtype gives are seen apart. Ratios are against our network in the
precision that this device is faster with, which `train --precision auto` takes.
"""

from __future__ import annotations

import argparse
import dataclasses

import measuring
import numpy as np

from xnet_tf import dataset, pipeline, profiles, training
from xnet_tf.backend import dtype_policy, faster_precision, keras, tf
from xnet_tf.model import build_xnet, plain_layers

BATCH, SIZE = 5, 200
LEARNING_SIZE = 104


def network(
    plain: bool, precision: str, profile: profiles.Profile, steps: int = 100
) -> keras.Model:
    """Build and compile one of the networks; all begin with the same weights."""
    keras.utils.set_random_seed(profile.seed)
    with dtype_policy(training.POLICIES[precision]):
        model = build_xnet((None, None, 1), **profile.architecture)
        model = plain_layers(model) if plain else model
    training.compile_model(model, profile, steps_per_epoch=steps)
    return model


def method_name(plain: bool, precision: str) -> str:
    """Name a network as the results do."""
    return f"{'plain layers' if plain else 'xnet_tf'} {precision}"


KINDS = [(True, "float32"), (True, "bfloat16"), (False, "float32"), (False, "bfloat16")]


def step_times(width: int, runs: int, peaks: dict[str, float]) -> list[dict]:
    """Time training steps of 5 images of 200 x 200."""
    filters = tuple(width * factor for factor in (1, 2, 4, 8))
    profile = dataclasses.replace(profiles.get("paper"), filters=filters)
    rng = np.random.default_rng(1)
    images = rng.uniform(-1, 1, (BATCH, SIZE, SIZE, 1)).astype("float32")
    labels = rng.integers(0, 3, (BATCH, SIZE, SIZE)).astype("uint8")
    methods, operations = {}, {}
    for plain, precision in KINDS:
        model = network(plain, precision, profile)
        name = f"{method_name(plain, precision)} step, width {width}"
        methods[name] = lambda model=model: model.train_on_batch(images, labels)
        # Forwards once; backwards the gradients of the input and of the kernel.
        operations[name] = 3 * BATCH * measuring.arithmetic(model, SIZE)
    seconds = measuring.alternate(methods, runs)
    ours = f"{method_name(False, faster_precision()[0])} step, width {width}"
    return measuring.speed_rows(seconds, ours, runs, operations, peaks)


def learning(steps: int, seeds: tuple[int, ...] = (1, 2, 3)) -> list[dict]:
    """Compare validation losses after the same steps on the same batches, at width 16."""
    data = dataset.load()
    arrays = dataset.read_arrays(data, "train", LEARNING_SIZE)
    validation = dataset.read_arrays(data, "validation", LEARNING_SIZE)
    batches = pipeline.evaluation_batches(validation, BATCH)
    rows = []
    for plain, precision in (KINDS[0], KINDS[2], KINDS[3]):
        losses = []
        for seed in seeds:
            profile = dataclasses.replace(profiles.get("quick"), seed=seed, epochs=1)
            model = network(plain, precision, profile, steps)
            shown = pipeline.training_batches(arrays, dataclasses.replace(profile, epochs=100))
            model.fit(shown, steps_per_epoch=steps, verbose=0, shuffle=False)
            losses.append(model.evaluate(batches, verbose=0)[0])
        name = f"{method_name(plain, precision)} validation loss after {steps} steps, width 16"
        for unit, value in (("mean", np.mean(losses)), ("SD of seeds", np.std(losses, ddof=1))):
            row = {"method": name, "value": round(float(value), 4), "unit": unit}
            rows.append({**row, "runs": len(seeds), "ratio": None})
    return rows


def main() -> None:
    """Run the comparisons and write ``results/bench-training.csv``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--widths", nargs="+", type=int, default=[64, 16], metavar="W")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--steps", type=int, default=200, help="of the learning comparison")
    options = parser.parse_args()
    # It takes several networks in turn for one network traced again and again.
    tf.get_logger().setLevel("ERROR")
    peaks = {dtype: measuring.peak(dtype) for dtype in ("bfloat16", "float32")}
    rows = [
        {"method": f"matrix product {dtype}", "value": round(value / 1e9, 1), "unit": "GFLOP/s"}
        for dtype, value in peaks.items()
    ]
    for width in options.widths:
        rows += step_times(width, options.runs, peaks)
    measuring.write(rows + learning(options.steps), "training")


if __name__ == "__main__":
    main()

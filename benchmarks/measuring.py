"""What the speed comparisons share: alternating runs, arithmetic, the machine's peak, the table."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from xnet_tf.backend import keras, tf
from xnet_tf.files import write_atomically
from xnet_tf.model import UpConv2D

RESULTS = Path(__file__).resolve().parents[1] / "results"


def alternate(methods: dict[str, Callable[[], object]], runs: int) -> dict[str, float]:
    """Time methods in turn, so that whatever else the machine does slows all alike.

    Args:
        methods: by name; each waits for its own result.
        runs: rounds, after one round that is not counted.

    Returns:
        Median seconds of each.
    """
    seconds: dict[str, list[float]] = {name: [] for name in methods}
    for _ in range(runs + 1):
        for name, method in methods.items():
            start = time.perf_counter()
            method()
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values[1:]) for name, values in seconds.items()}


def arithmetic(model: keras.Model, size: int) -> float:
    """Count the floating-point operations of the convolutions for one square image.

    A multiplication and an addition are two. `UpConv2D` is counted as what it computes: 16
    products for each of its inputs' pixels and channels, not the 36 of the two layers it replaces.
    """
    operations = 0
    probe = keras.Model(model.input, [layer.output for layer in _convolutions(model)])
    shapes = [output.shape for output in probe(tf.zeros((1, size, size, 1)), training=False)]
    for layer, shape in zip(_convolutions(model), shapes, strict=True):
        side = layer.kernel_size[0]
        upwards = isinstance(layer, UpConv2D | keras.layers.Conv2DTranspose)
        if isinstance(layer, UpConv2D):
            side += 1
        channels = layer.input.shape[-1]
        pixels = shape[1] * shape[2] / (4 if upwards else 1)
        operations += 2 * side**2 * channels * shape[-1] * pixels
    return operations


def peak(dtype: str, runs: int = 5) -> float:
    """Measure this machine's matrix product: operations per second at 2048 x 2048."""
    side = 2048
    matrix = tf.cast(tf.random.stateless_normal((side, side), seed=(1, 1)), dtype)
    product = tf.function(lambda x: tf.matmul(x, x))
    seconds = alternate({"product": lambda: product(matrix).numpy()}, runs)["product"]
    return 2 * side**3 / seconds


def write(rows: list[dict], name: str) -> None:
    """Write rows of ``method, value, unit, runs, ratio`` to ``results/bench-<name>.csv``."""
    table = pd.DataFrame(rows, columns=["method", "value", "unit", "runs", "ratio"])
    path = RESULTS / f"bench-{name}.csv"
    write_atomically(path, lambda temporary: table.to_csv(temporary, index=False))
    print(table.to_string(index=False))


def speed_rows(
    seconds: dict[str, float],
    ours: str,
    runs: int,
    operations: dict[str, float],
    peaks: dict[str, float],
) -> list[dict]:
    """Make the rows of one comparison.

    Args:
        seconds: of each method, from `alternate`.
        ours: the method that the ratios are of.
        runs: how often each was timed.
        operations: floating-point operations of each.
        peaks: operations per second of a matrix product, by a dtype that the methods' names hold.

    Returns:
        For each method its time, with the ratio of ours over it, and what share of the peak it
        reached.
    """
    rows = []
    for name, value in seconds.items():
        dtype = next(dtype for dtype in peaks if dtype in name)
        rate = operations[name] / value
        for unit, number, ratio in (
            ("ms", 1000 * value, value / seconds[ours]),
            ("GFLOP/s", rate / 1e9, None),
            ("share of the matrix product's peak", rate / peaks[dtype], None),
        ):
            rows.append(
                {
                    "method": name,
                    "value": float(f"{number:.4g}"),
                    "unit": unit,
                    "runs": runs,
                    "ratio": None if ratio is None else round(ratio, 2),
                }
            )
    return rows


def _convolutions(model: keras.Model) -> list:
    kinds = keras.layers.Conv2D | keras.layers.Conv2DTranspose
    return [layer for layer in model.layers if isinstance(layer, kinds)]

"""What the exports share: options, and the comparison with the network."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from xnet_tf import dataset, preprocessing, runs
from xnet_tf.backend import keras
from xnet_tf.weights import load_weights

LEAST_EQUAL = 0.9999
"""The share of pixels of which an exported file must say the same class as the network."""


def command(
    description: str,
    out: str,
    export: Callable[[keras.Model, Path, int], None],
    run: Callable[[Path, np.ndarray], np.ndarray],
) -> None:
    """Read the command line, export a network, and compare it on the validation images.

    Args:
        description: the module's docstring, whose first line says what it does.
        out: the file's usual name.
        export: writes a network as a file, for images of a size in pixels.
        run: returns a file's probabilities ``(N, H, W, C)`` of prepared images ``(N, H, W, 1)``.

    Raises:
        SystemExit: if the file's classes differ from the network's.
    """
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--weights", type=Path, default=runs.USER_WEIGHTS, metavar="FILE")
    parser.add_argument("--out", type=Path, default=Path(out), metavar="FILE")
    parser.add_argument("--size", type=_size, default=200, metavar="S", help="height and width")
    options = parser.parse_args()
    model, path = load_weights(options.weights), options.out
    export(model, path, options.size)
    images = dataset.read_arrays(dataset.load(), "validation", options.size).images
    share = share_of_equal_pixels(model, partial(run, path), images)
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB; {share:.4%} of pixels equal")
    if share < LEAST_EQUAL:
        raise SystemExit("the exported network decides differently")


def _size(text: str) -> int:
    size = int(text)
    if size < 8 or size % 8:
        raise argparse.ArgumentTypeError(f"{text}: the network takes sizes divisible by 8")
    return size


def share_of_equal_pixels(
    model: keras.Model, exported: Callable[[np.ndarray], np.ndarray], images: np.ndarray
) -> float:
    """Compare an exported file's classes with the network's.

    Args:
        model: the network.
        exported: from prepared images ``(N, H, W, 1)`` to probabilities ``(N, H, W, C)``.
        images: float32 ``(N, H, W, 1)`` in [0, 1].
    """
    batch = preprocessing.prepare(images)
    ours = np.asarray(model(batch, training=False))
    return float((exported(batch).argmax(-1) == ours.argmax(-1)).mean())

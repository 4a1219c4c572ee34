"""Whether a picture is like the radiographs that a network has learned from, by its own features.

What the network's convolutions answer to a photograph, a drawing, text or noise is unlike what they
answer to a radiograph. Mean and standard deviation of every filter's answer over the picture, in
two early convolutions, are weighed by a logistic regression. It belongs to one network's weights,
lies beside them as ``<weights>-familiarity.json``, and `xnet_study.certainty.familiarity_fit` makes
it.
"""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np

from xnet_io import tiles
from xnet_tf import inference, preprocessing
from xnet_tf.files import read_json, sha256

STAGES = ("conv2", "conv3")
"""The convolutions, as `xnet_io.onnx_graph` calls them."""

WARNING = "is nothing like the radiographs that the network has learned from"

_LEAST = 0.01
"""Added to answers before the logarithm: most filters are silent in most pictures."""


def path_for(weights: Path) -> Path:
    """Return where the regression of weights lies."""
    return weights.with_name(f"{weights.stem}-familiarity.json")


class Features:
    """What a network's early convolutions answer, as a function of images.

    Args:
        weights: ``.npz`` of an XNet.
        threads: how many may compute at once; 0 for one on each core.
    """

    def __init__(self, weights: Path, threads: int = 0):
        from xnet_io import engines, onnx_graph

        graph = onnx_graph.build(weights, outputs=STAGES)
        self._network = engines.OnnxNetwork(graph, threads)

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Measure an image float32 ``(H, W, 1)`` in [0, 1], open beam bright: float64 ``(D,)``."""
        size = preprocessing.fitted(image.shape[:2], inference.WORKING_SIZE)
        prepared = preprocessing.prepare(preprocessing.resize_area(image, *size)[np.newaxis])
        rows, columns = (-side % inference.DIVISOR for side in size)
        filled = np.pad(prepared, ((0, 0), (0, rows), (0, columns), (0, 0)), mode="symmetric")
        answers = [stage.astype(np.float64) for stage in self._network.outputs(filled)]
        pooled = [f(axis=(0, 1, 2)) for stage in answers for f in (stage.mean, stage.std)]
        return np.log(np.concatenate(pooled) + _LEAST)


class Familiarity:
    """A network's features and what weighs them.

    Args:
        weights: ``.npz`` of an XNet, its regression beside it.
        threads: as for `Features`.
    """

    def __init__(self, weights: Path, threads: int = 0):
        self._features = Features(weights, threads)
        fitted = read_json(path_for(weights))
        self._coefficients, self._constant = np.array(fitted["coefficients"]), fitted["constant"]
        self.least = fitted["least_log_odds"]

    def log_odds(self, image: np.ndarray) -> float:
        """Return how much an image float32 ``(H, W, 1)`` is like a radiograph: 0 is undecided.

        Of a long one it is the mean of the tiles that the network is shown.
        """
        shown = [self._features(image[place]) for place in tiles.regions(*image.shape[:2])]
        return float(np.mean(shown, axis=0) @ self._coefficients + self._constant)

    def doubts(self, image: np.ndarray) -> tuple[str, ...]:
        """Return the warning that an image deserves, or nothing."""
        return (WARNING,) if self.log_odds(image) < self.least else ()


def is_known(weights: Path) -> bool:
    """Whether a regression lies beside weights that was made for these very weights."""
    path = path_for(weights)
    return path.is_file() and read_json(path).get("weights_sha256") == sha256(weights)


@functools.lru_cache(maxsize=2)
def load(weights: Path, threads: int = 0) -> Familiarity | None:
    """Load a network's familiarity; None if it has none of its own."""
    return Familiarity(weights, threads) if is_known(weights) else None


def doubts(weights: Path, threads: int, image: np.ndarray) -> tuple[str, ...]:
    """Return the warning that an image deserves; nothing if the weights cannot tell."""
    known = load(weights, threads)
    return known.doubts(image) if known else ()

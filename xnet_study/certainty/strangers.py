"""What the network says of inputs unlike all it has learned from."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import skimage.data

from xnet_tf import classes, dataset, inference

IMAGES = 10
"""Test images that each change is applied to."""


def noise(image: np.ndarray, seed: int) -> np.ndarray:
    """Return uniform noise of the image's shape."""
    rng = np.random.Generator(np.random.Philox(seed))
    return rng.random(image.shape, dtype=np.float32)


def photograph(image: np.ndarray, seed: int) -> np.ndarray:
    """Return a photograph that comes with scikit-image, float32 ``(H, W, 1)`` in [0, 1]."""
    names = ("camera", "coins", "moon", "page")
    return np.float32(getattr(skimage.data, names[seed % len(names)])())[..., None] / 255


STRANGERS: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "as it should be": lambda image, seed: image,
    "wrong polarity": lambda image, seed: 1 - image,
    "photograph": photograph,
    "noise": noise,
}
"""From a test image and a number to what the network is given."""


def table(model, data: dataset.Dataset, working_size: int) -> pd.DataFrame:
    """Return how sure the network is of each kind of input.

    Args:
        model: the network.
        data: whose first test images are used.
        working_size: longer side the network looks at, in pixels.

    Returns:
        One row per kind: mean ``confidence`` of the likeliest class, ``sure`` (share of pixels
        above 0.9), and the share of pixels given to each class.
    """
    rows = data.subset("test").head(IMAGES)
    images = [dataset.read_pair(data.folder, row)[0] for row in rows.itertuples()]
    found = []
    for name, change in STRANGERS.items():
        answers = []
        for i, image in enumerate(images):
            given = change(image, i)
            seen = inference.segment(model, given, working_size=working_size, quality="normal")
            answers.append(seen.probabilities)
        top = np.concatenate([a.max(axis=-1).ravel() for a in answers])
        best = np.concatenate([a.argmax(axis=-1).ravel() for a in answers])
        shares = np.bincount(best, minlength=classes.COUNT) / len(best)
        found.append((name, len(images), top.mean(), (top > 0.9).mean(), *shares))
    return pd.DataFrame(found, columns=["input", "images", "confidence", "sure", *classes.NAMES])

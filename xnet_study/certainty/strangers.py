"""What the network says of inputs unlike all it has learned from."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import skimage.data

from xnet_tf import dataset

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
"""From a test image and a number to what the network is shown."""


def table(predict: Callable[[np.ndarray], np.ndarray], data: dataset.Dataset) -> pd.DataFrame:
    """Return how sure the network is of each kind of input.

    Args:
        predict: from an image, float32 ``(H, W, 1)``, to probabilities ``(H, W, C)``.
        data: whose first test images are used.

    Returns:
        One row per kind: mean ``confidence`` of the likeliest class, ``sure`` (share of pixels
        above 0.9), and the share of pixels given to each class.
    """
    chosen = data.subset("test").head(IMAGES)
    images = [dataset.read_pair(data.folder, row, data.classes)[0] for row in chosen.itertuples()]
    rows = []
    for name, change in STRANGERS.items():
        answers = [predict(change(image, i)) for i, image in enumerate(images)]
        pixels = np.concatenate([answer.reshape(-1, data.classes.count) for answer in answers])
        confidence = pixels.max(axis=1)
        shares = np.bincount(pixels.argmax(axis=1), minlength=data.classes.count) / len(pixels)
        rows.append((name, len(images), confidence.mean(), (confidence > 0.9).mean(), *shares))
    return pd.DataFrame(
        rows, columns=["input", "images", "confidence", "sure", *data.classes.names]
    )

"""Two segmented pictures for the explorer's tests, here and in the browser."""

import cv2
import numpy as np

from xnet_study.explorer import Example


def examples():
    """Return pictures of smooth random probabilities and classes that follow them, always equal."""
    found = []
    for seed in range(2):
        rng = np.random.default_rng(seed)
        fields = cv2.GaussianBlur(rng.normal(0, 60, (200, 240, 3)).astype(np.float32), (0, 0), 9)
        given = np.exp(fields - fields.max(axis=-1, keepdims=True))
        given /= given.sum(axis=-1, keepdims=True)
        truth = (rng.random((200, 240, 1)) > given.cumsum(axis=-1)).sum(axis=-1)
        image = rng.random((200, 240, 1), dtype=np.float32)
        found.append(Example(f"picture {seed}", image, given, np.minimum(truth, 2).astype("u1")))
    return found

"""Radiographs that are much longer than wide, as of a whole spine or leg, in overlapping tiles.

The network is shown pictures with a longer side of 200 pixels. It has learned from some that are
at most 1.4 times as long as wide; of one five times as long, a limb would have a third of the width
that it knows. So the network is shown tiles of the form that it knows, one after the other, each
with a longer side of 200 pixels, and where tiles overlap their answers are faded into each other.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from xnet_io.exposure import Region

LONGEST = 2
"""Pictures up to so many times as long as wide are shown whole."""

MOST = 40
"""Tiles of a picture: beyond, they get longer, and narrow pictures are shown as if squeezed."""


def shown_length(height: int, width: int) -> int:
    """Return the longer side, in pixels, of what the network is shown at a time."""
    longer, shorter = max(height, width), min(height, width)
    if longer <= LONGEST * shorter:
        return longer
    return max(5 * shorter // 4, -(-2 * longer // MOST))


def regions(height: int, width: int) -> list[Region]:
    """Return the tiles of a picture: rows and columns of each, the whole if it is not long."""
    tile, length = shown_length(height, width), max(height, width)
    # Half of a tile is the next one's too: what lies at the border of one is inside another.
    last = -(-2 * (length - tile) // tile)
    starts = [number * (length - tile) // max(last, 1) for number in range(last + 1)]
    parts = [slice(start, start + tile) for start in starts]
    every = slice(0, min(height, width))
    return [(part, every) if height >= width else (every, part) for part in parts]


def probabilities(engine: Callable[[np.ndarray], np.ndarray], image: np.ndarray) -> np.ndarray:
    """Compute the probabilities of a radiograph of any form.

    Args:
        engine: from a radiograph float32 ``(h, w, 1)`` to its probabilities float32 ``(h, w, C)``.
        image: float32 ``(H, W, 1)``.

    Returns:
        float32 ``(H, W, C)``.
    """
    height, width = image.shape[:2]
    places = regions(height, width)
    if len(places) == 1:
        return engine(image)
    tile = shown_length(height, width)
    centres = np.arange(tile, dtype=np.float32) + 0.5
    fading = np.minimum(centres, tile - centres)
    fading = fading[:, None, None] if height >= width else fading[None, :, None]
    answers = [engine(image[place]) for place in places]
    weights = np.zeros((height, width, 1), np.float32)
    total = np.zeros((height, width, answers[0].shape[-1]), np.float32)
    for place, answer in zip(places, answers, strict=True):
        total[place] += fading * answer
        weights[place] += fading
    return total / weights

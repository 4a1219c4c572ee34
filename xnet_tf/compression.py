"""What storing a picture does to its grey values: few grey levels, and JPEG's 8x8 blocks.

Stored coarsely, smooth regions turn into terraces without any noise, which no detector shows.
"""

from __future__ import annotations

import numpy as np

from xnet_tf.backend import tf

BLOCK = 8
"""JPEG's blocks, in pixels."""

_MIDDLE = 128 / 255  # JPEG's zero, as a grey value

# Steps of a block's cosine coefficients at quality 50, of 255 grey levels; rows are vertical
# frequencies (ITU-T T.81, table K.1).
_STEPS = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ],
    np.float32,
)


def round_to_levels(planes: tf.Tensor, levels: tf.Tensor) -> tf.Tensor:
    """Round grey values to equally spaced ones.

    Args:
        planes: float32 ``(B, H, W)`` in [0, 1].
        levels: float32 ``(B,)``, how many steps lie between 0 and 1; 0 leaves a picture alone.

    Returns:
        float32 ``(B, H, W)`` in [0, 1].
    """
    levels = levels[:, None, None]
    steps = tf.maximum(tf.round(levels), 1.0)
    return tf.where(levels > 0, tf.round(planes * steps) / steps, planes)


def jpeg(planes: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """Round the cosine coefficients of 8x8 blocks, as JPEG does to grey pictures.

    Args:
        planes: float32 ``(B, H, W)`` in [0, 1].
        factor: float32 ``(B,)``, of the standard's example steps; see `step_factor`. 0 leaves a
            picture alone.

    Returns:
        float32 ``(B, H, W)`` in [0, 1].
    """
    height, width = planes.shape[1:3]
    below, beside = -height % BLOCK, -width % BLOCK
    padded = tf.pad(planes, [[0, 0], [0, below], [0, beside]], mode="SYMMETRIC")
    rows, columns = (_cosines(size) for size in padded.shape[1:3])
    repeats = [size // BLOCK for size in padded.shape[1:3]]
    factor = factor[:, None, None]
    steps = tf.maximum(tf.floor(factor * np.tile(_STEPS, repeats) + 0.5), 1.0) / 255
    waves = rows @ (padded - _MIDDLE) @ columns.T
    waves = tf.round(waves / steps) * steps
    stored = (rows.T @ waves @ columns + _MIDDLE)[:, :height, :width]
    return tf.where(factor > 0, tf.clip_by_value(stored, 0.0, 1.0), planes)


def step_factor(quality: tf.Tensor) -> tf.Tensor:
    """Turn a JPEG quality, 1 to 100, into the factor of the steps, as libjpeg does."""
    return tf.where(quality < 50, 50 / quality, 2 - quality / 50)


def _cosines(size: int) -> np.ndarray:
    """Orthonormal cosine transform of each block of a line, float32 ``(size, size)``."""
    place, frequency = np.arange(BLOCK), np.arange(BLOCK)[:, None]
    waves = np.cos(np.pi * (2 * place + 1) * frequency / (2 * BLOCK)) * np.sqrt(2 / BLOCK)
    waves[0] /= np.sqrt(2)
    return np.kron(np.eye(size // BLOCK), waves).astype(np.float32)
